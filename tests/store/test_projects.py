import threading

from fishermask_backend.store import projects, rounds

BOTH_DATABASES = True

HERE = "http://ls"


def test_registering_twice_is_one_project_and_reused_ids_are_another(store):
    with store.begin() as session:
        project = projects.register(session, HERE, 1, 1000).id
        assert projects.register(session, HERE, 1, 1000).id == project
        assert projects.register(session, HERE, 1, 2000).id != project
        assert projects.register(session, "http://other", 1, 1000).id != project
        assert projects.find(session, HERE, 1).created == 2000


def test_two_who_tell_of_the_same_at_the_same_moment(store, project_id):
    """A second one comes while the first one's transaction is open."""
    found = []

    def another():
        with store.begin() as session:
            found.append(projects.register(session, HERE, 5, 1000).id)
            rounds.ask_scores(session, project_id, [7, 8])

    second = threading.Thread(target=another)
    with store.begin() as session:
        found.append(projects.register(session, HERE, 5, 1000).id)
        rounds.ask_scores(session, project_id, [8, 9])
        second.start()
        second.join(0.5)
    second.join()
    assert len(found) == 2
    assert found[0] == found[1]


def test_only_settings_and_wishes_end_a_back_off(store, project_id):
    def retry_at(**told):
        with store.begin() as session:
            projects.get(session, project_id).retry_at = 2e9
            projects.count_event(session, project_id, **told)
        with store.read() as session:
            return projects.get(session, project_id).retry_at

    assert retry_at(label=True) == retry_at(full=True) == 2e9
    assert retry_at() == retry_at(train=True) == 0.0

from fishermask_backend.store import projects

BOTH_DATABASES = True

HERE = "http://ls"


def test_registering_twice_is_one_project_and_reused_ids_are_another(store):
    with store.begin() as session:
        project = projects.register(session, HERE, 1, 1000).id
        assert projects.register(session, HERE, 1, 1000).id == project
        assert projects.register(session, HERE, 1, 2000).id != project
        assert projects.register(session, "http://other", 1, 1000).id != project
        assert projects.find(session, HERE, 1, None).created == 2000

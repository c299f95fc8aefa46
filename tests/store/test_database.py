import pytest
from sqlalchemy import text

from fishermask_backend.store import Store, projects
from fishermask_backend.store.database import DatabaseOutdated


def test_another_versions_tables_are_refused_with_a_sentence(settings):
    store = Store(settings.database)
    with store.begin() as session:
        session.execute(text("ALTER TABLE projects DROP COLUMN title"))
    store.close()
    with pytest.raises(DatabaseOutdated, match="table projects lacks title"):
        Store(settings.database)


def test_an_error_rolls_the_whole_transaction_back(store):
    with pytest.raises(ZeroDivisionError), store.begin() as session:
        projects.register(session, "http://ls", 1, 1)
        _ = 1 / 0
    with store.read() as session:
        assert projects.listing(session, "http://ls") == []


def test_readers_do_not_wait_for_a_writer(store):
    with store.begin() as writer:
        projects.register(writer, "http://ls", 1, 1)
        with store.read() as reader:
            assert projects.listing(reader, "http://ls") == []

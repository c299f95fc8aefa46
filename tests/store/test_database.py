import sqlite3
from contextlib import closing

import pytest

from fishermask_backend.store import DatabaseUnavailable, Store, database, projects
from tests.conftest import fill


def test_an_error_rolls_the_whole_transaction_back(store):
    with pytest.raises(ZeroDivisionError), store.begin() as session:
        projects.register(session, "http://ls", 1, 1)
        _ = 1 / 0
    with store.read() as session:
        assert projects.of_server(session, "http://ls") == []


def test_readers_do_not_wait_for_a_writer(store):
    with store.begin() as writer:
        projects.register(writer, "http://ls", 1, 1)
        with store.read() as reader:
            assert projects.of_server(reader, "http://ls") == []


def test_locked_database_is_a_sentence_and_works_again(settings, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    store = Store(settings.database)
    with closing(sqlite3.connect(settings.model_dir / "fishermask.db")) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="Another program holds it"):
            register(store)
        with store.read() as session:
            assert projects.of_server(session, "http://ls") == []
    register(store)
    store.close()


def test_full_disk_is_a_sentence_and_loses_nothing(small_disk):
    store = Store(f"sqlite:///{small_disk / 'fishermask.db'}")
    register(store)
    filler = fill(small_disk)
    with pytest.raises(DatabaseUnavailable, match="disk"), store.begin() as session:
        projects.of_server(session, "http://ls")[0].title = "title " * 100_000
    with store.read() as session:
        assert len(projects.of_server(session, "http://ls")) == 1
    filler.unlink()
    with store.begin() as session:
        projects.of_server(session, "http://ls")[0].title = "title"
    store.close()


@pytest.mark.fault
@pytest.mark.parametrize("damaged", [slice(0, 100), slice(4096, 8192)], ids=["header", "page"])
def test_damaged_database_is_a_sentence(settings, damaged, told):
    store = Store(settings.database)
    register(store)
    store.close()
    path = settings.model_dir / "fishermask.db"
    content = bytearray(path.read_bytes())
    content[damaged] = b"x" * (damaged.stop - damaged.start)
    path.write_bytes(content)
    with pytest.raises(DatabaseUnavailable, match="move the file away") as refused:
        register(Store(settings.database))
    told(f"the database is damaged (byte {damaged.start})", str(refused.value), None)


def register(store):
    with store.begin() as session:
        projects.register(session, "http://ls", 1, 1)

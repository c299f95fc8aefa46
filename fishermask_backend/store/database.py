"""Opening the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.store.schema import Base


class DatabaseOutdated(FisherMaskError):
    """The database's tables are not this version's."""


class Store:
    """The database, opened once a process; hands out transactions.

    Args:
        url: SQLAlchemy URL. SQLite is opened in WAL mode, so that the web process reads while the
            worker writes.

    Raises:
        DatabaseOutdated: The tables are there, but of another version.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.engine = create_engine(parsed, pool_pre_ping=True)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            _tune_sqlite(self.engine)
        self._reader = self.engine.execution_options(read_only=True)
        try:
            Base.metadata.create_all(self.engine)
        except (OperationalError, ProgrammingError):
            # Another process made the tables between our look and our making them.
            Base.metadata.create_all(self.engine)
        _check_columns(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a session whose work is committed at the end, or rolled back by an error."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that only reads, and so never waits for a writer."""
        with Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _check_columns(engine: Engine) -> None:
    found = inspect(engine)
    for table in Base.metadata.sorted_tables:
        present = {column["name"] for column in found.get_columns(table.name)}
        missing = sorted({column.name for column in table.columns} - present)
        if missing:
            raise DatabaseOutdated(
                f"The database {engine.url.render_as_string()} was made by another version of this "
                f"backend: table {table.name} lacks {', '.join(missing)}. Labels are in Label Studio "
                "and are read again: stop web and worker, move the database away and start them."
            )


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling begins late and would let two readers both become
        # writers; `_begin` begins them instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("busy_timeout=15000", "journal_mode=WAL", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads and then writes must not find its read outdated.
        read_only = connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

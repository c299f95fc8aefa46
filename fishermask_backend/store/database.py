"""Opening the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.orm import Session

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import load_settings
from fishermask_backend.store.upgrade import upgrade

BUSY_SECONDS = 15.0  # a transaction waits so long for another one's end
# In the web server: Label Studio waits a second for /webhook, and never repeats it.
HURRY_SECONDS = 2.0
ADVICE = {  # by SQLite's words
    "locked": "Another program holds it: end that.",
    "full": "Free some of its disk.",
    "I/O": "Look at its disk: full, or failing?",
    "readonly": "Let this user write it and its folder.",
    "unable to open": "Let this user write its folder.",
    "malformed": "Labels are in Label Studio: stop web and worker, move the file away, start them.",
    "not a database": "Stop web and worker, move the file away, start them.",
}


class DatabaseUnavailable(FisherMaskError):
    """The database does not work now: locked for long, a full disk, a server that is away."""


class Store:
    """The database, opened once a process; hands out transactions.

    Args:
        url: SQLAlchemy URL. SQLite is opened in WAL mode, so that the web process reads while the
            worker writes.

    Raises:
        DatabaseOutdated, DatabaseTooNew: The tables are of a version that cannot be brought to this
            one's.
        DatabaseUnavailable: It cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self.busy_seconds = BUSY_SECONDS
        parsed = make_url(url)
        # Parameters are tokens and addresses, and errors with their statements get into logs.
        self.engine = create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                _make_folder(Path(parsed.database).parent)
            self._tune_sqlite()
        self._reader = self.engine.execution_options(read_only=True)
        with self._sentences():
            upgrade(self.engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a session whose work is committed at the end, or rolled back by an error.

        Raises:
            DatabaseUnavailable: It could not be written; nothing was.
        """
        with (
            self._sentences(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that only reads, and so never waits for a writer.

        Raises:
            DatabaseUnavailable: It could not be read.
        """
        with (
            self._sentences(),
            Session(self._reader, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (DataError, IntegrityError, ProgrammingError):  # bugs of ours
            raise
        except DatabaseError as error:
            reason = str(error.orig)
            advice = next((a for word, a in ADVICE.items() if word in reason), "Is it running?")
            place = self.engine.url.render_as_string()
            raise DatabaseUnavailable(
                f"The database {place} does not work ({reason}). {advice}"
            ) from error

    def fail_fast(self) -> None:
        """From now on fail early where another program holds the database: somebody waits."""
        self.busy_seconds = HURRY_SECONDS
        self.engine.dispose()  # connections opened before would still be patient

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _tune_sqlite(self) -> None:
        @event.listens_for(self.engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:
            # The driver's own transaction handling begins late and would let two readers both become
            # writers; `_begin` begins them instead.
            connection.isolation_level = None
            cursor = connection.cursor()
            wait = f"busy_timeout={round(1000 * self.busy_seconds)}"
            for pragma in (wait, "journal_mode=WAL", "synchronous=NORMAL"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()

        @event.listens_for(self.engine, "begin")
        def _begin(connection: Connection) -> None:
            # IMMEDIATE: a transaction that reads and then writes must not find its read outdated.
            read_only = connection.get_execution_options().get("read_only")
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@cache
def open_store() -> Store:
    """Return the process's store, opened at the first call.

    Raises:
        DatabaseOutdated, DatabaseTooNew, DatabaseUnavailable: See `Store`.
    """
    return Store(load_settings().database)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailable(
            f"The database's folder {folder} cannot be made ({error.strerror}). Let this user write "
            "there, or set MODEL_DIR to another folder."
        ) from error

"""Bringing a database to this version's tables: each migration once, by one process at a time."""

import logging
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from fishermask_backend.errors import FisherMaskError

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
FIRST = "0001"
# PostgreSQL's advisory locks are known by numbers; SQLite locks the whole database.
LOCK = 0x66697368


class DatabaseOutdated(FisherMaskError):
    """The database's tables are of no version that migrations begin at."""


class DatabaseTooNew(FisherMaskError):
    """The database was brought to a later version's tables."""


def newest() -> str:
    """Return the revision of this version's tables: the highest number among the migrations."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def upgrade(engine: Engine) -> None:
    """Make the tables, or bring them to this version's; costs one query if they are.

    Raises:
        DatabaseOutdated: The tables were made before there were migrations, and differ from the first.
        DatabaseTooNew: They are a later version's.
    """
    target = newest()
    if _current(engine) == target:
        return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK})
        _bring(connection, target)


def _current(engine: Engine) -> str | None:
    """Return the revision that a database names; None before it names any."""
    try:
        with engine.execution_options(read_only=True).connect() as connection:
            return _named(connection)
    except DatabaseError:  # no such table
        return None


def _named(connection: Connection) -> str | None:
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _bring(connection: Connection, target: str) -> None:
    if inspect(connection).has_table("alembic_version"):
        current = _named(connection)
        if current == target:
            return  # another process was first
        if current is not None and current > target:
            raise DatabaseTooNew(
                f"The database {connection.engine.url.render_as_string()} was brought to a later "
                f"version's tables ({current}; this version's are {target}): install that version "
                "again, or restore a backup made before."
            )
    elif inspect(connection).has_table("projects"):
        _adopt(connection)
    log.info("the database's tables are brought to %s", target)
    _run(connection, "upgrade", target)


def _adopt(connection: Connection) -> None:
    """Name the revision of tables that were made before migrations were."""
    with create_engine("sqlite://").begin() as memory:
        _run(memory, "upgrade", FIRST)
        expected = _columns(memory)
    found = _columns(connection)
    for table in sorted(expected.keys() - {"alembic_version"}):
        present = found.get(table, set())
        wrong = [
            f"{verb} {', '.join(sorted(names))}"
            for verb, names in (
                ("lacks", expected[table] - present),
                ("has", present - expected[table]),
            )
            if names
        ]
        if wrong:
            raise DatabaseOutdated(
                f"The database {connection.engine.url.render_as_string()} was made by another version "
                f"of this backend: table {table} {' and '.join(wrong)}. Labels are in Label Studio and "
                "are read again: stop web and worker, move the database away and start them."
            )
    _run(connection, "stamp", FIRST)


def _columns(connection: Connection) -> dict[str, set[str]]:
    found = inspect(connection)
    return {
        table: {column["name"] for column in found.get_columns(table)}
        for table in found.get_table_names()
    }


def _run(connection: Connection, command: str, revision: str) -> None:
    from alembic import command as commands  # slow to import, and seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    getattr(commands, command)(config, revision)

"""`fishermask restore`: what `backup` wrote becomes the state again; nothing may run meanwhile."""

import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from fishermask_backend.commands.backup import ABOUT, sqlite_file
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.machine.lifeline import ended, living
from fishermask_backend.settings import Settings
from fishermask_backend.state import DATABASE, KEY_FILE, PROJECTS, RESTORING, STATE
from fishermask_backend.store import Store


class RestoreImpossible(FisherMaskError):
    """The file is no whole backup, or the state may not be replaced now; the text says why."""


def restore(settings: Settings, source: Path, *, force: bool = False) -> None:
    """Replace database, weights, caches and key file by a backup's.

    The projects are due at once, with a full comparison: Label Studio has gone on since.

    Args:
        settings: Where the state is to be. With `SECRET_KEY`, the one the backup was made under.
        source: What `backup` wrote.
        force: Remove the state that is there.

    Raises:
        BackupImpossible: The database is not SQLite's.
        RestoreImpossible: A worker is alive, the database in use, state is there and `force` is not
            given, or the file is no backup.
        DatabaseOutdated, DatabaseTooNew: The backup's database is not of this version's kind.
    """
    database = sqlite_file(settings)
    present = [path for path in _state(settings, database) if path.exists()]
    if present and not force:
        raise RestoreImpossible(
            f"{present[0]} is there already: choose another MODEL_DIR, or replace all that is "
            "known here by --force."
        )
    _refuse_while_in_use(settings, database)
    with _staged(settings.model_dir) as folder:
        fresh = folder / "fresh"
        _unpack(source, fresh)
        _prepare(fresh / DATABASE)
        _replace(settings, database, fresh, folder / "former")


def _state(settings: Settings, database: Path) -> list[Path]:
    journals = [database.with_name(database.name + end) for end in ("-wal", "-shm")]
    return [database, *journals, settings.model_dir / KEY_FILE, settings.model_dir / PROJECTS]


def _refuse_while_in_use(settings: Settings, database: Path) -> None:
    workers, in_use = living(settings.model_dir), ""
    gone = ended(settings.model_dir)
    if database.exists():
        with closing(sqlite3.connect(database, timeout=0)) as found:
            leases = "SELECT lease_owner FROM projects WHERE lease_owner > '' AND lease_until > ?"
            # A damaged one, or one without tables, is nothing that a worker can have claimed.
            with suppress(sqlite3.DatabaseError):
                owners = [owner for (owner,) in found.execute(leases, (time.time(),))]
                workers += [owner for owner in owners if owner not in gone]
            try:
                # Granted only to whoever has it open alone.
                found.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.OperationalError as error:
                in_use = str(error)
            except sqlite3.DatabaseError:
                pass  # damaged: worth replacing
    if workers:
        raise RestoreImpossible(
            f"A worker is alive ({workers[0]}): stop worker and web server first. The claim of one "
            "that was killed on another machine ends after a minute."
        )
    if in_use:
        raise RestoreImpossible(
            f"{database} is in use ({in_use}): stop web server and worker first."
        )


@contextmanager
def _staged(model_dir: Path) -> Iterator[Path]:
    """Return a folder on the disk of the state, gone afterwards."""
    model_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model_dir, prefix=RESTORING) as folder:
        yield Path(folder)


def _unpack(source: Path, folder: Path) -> None:
    try:
        with tarfile.open(source, "r:") as archive:
            members = archive.getmembers()
            names = [member.name for member in members]
            for member in members:
                if not member.isreg() or not _is_known(member.name):
                    raise RestoreImpossible(
                        f"{source} is not a backup of this program: it holds {member.name!r}."
                    )
            if not {ABOUT, DATABASE} <= set(names) or len(set(names)) != len(names):
                raise RestoreImpossible(f"{source} is not a whole backup.")
            # Names are checked already; releases of Python before 3.11.4 have no filter.
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(folder, members, **safely)  # type: ignore[arg-type]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise RestoreImpossible(f"{source} cannot be read as a backup ({error}).") from error


def _is_known(name: str) -> bool:
    return name == ABOUT or any(kind.matches(name) for kind in STATE)


def _prepare(database: Path) -> None:
    """Check the database, bring its tables to this version's, and make every project due."""
    try:
        with closing(sqlite3.connect(database)) as found:
            problem = found.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise RestoreImpossible(f"The backup's database is damaged ({problem}).")
    Store(f"sqlite:///{database}").close()
    with closing(sqlite3.connect(database)) as found:
        found.execute(
            "UPDATE projects SET pass_wanted = 1, events = events + 1, due_at = 0, retry_at = 0"
        )
        found.commit()
        found.execute("PRAGMA journal_mode=DELETE")  # all in the one file that is moved


def _replace(settings: Settings, database: Path, fresh: Path, former: Path) -> None:
    former.mkdir()
    state = [path for path in _state(settings, database) if path.exists()]
    moved: list[Path] = []
    try:
        for path in reversed(state):
            shutil.move(path, former / path.name)
            moved.append(path)
        for name in (PROJECTS, KEY_FILE):
            if (fresh / name).exists():
                (fresh / name).replace(settings.model_dir / name)
        database.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh / DATABASE, database)  # last: without it nothing of the rest counts
    except BaseException:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True)
            shutil.move(former / path.name, path)
        raise

"""`fishermask backup`: database, weights and key in one file, while web server and worker run.

Writers of the database wait for the instant in which its reading begins and the files that it names
are opened. Those go only after a commit that no longer names them, so at that instant all are there,
and an open file can be copied at leisure: nothing changes it, and removing it does not take it away.
"""

import io
import json
import sqlite3
import tarfile
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO

from sqlalchemy import make_url

from fishermask_backend import __version__
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import Settings
from fishermask_backend.state import CACHES, DATABASE, KEY_FILE, whole_file

ABOUT = "backup.json"
BUSY_SECONDS = 60.0  # for another writer to end


class BackupImpossible(FisherMaskError):
    """The state cannot be copied, or not to that place; the text says why."""


def backup(settings: Settings, target: Path, *, cache: bool = False) -> list[str]:
    """Write one file, mode 0600 since it holds keys, that `restore` makes the whole state of.

    Args:
        settings: Where the state is.
        target: A file that is not there yet; ends up whole or not at all.
        cache: Put the inputs caches in too: larger, but no image has to be fetched again.

    Returns:
        What the database names and nobody has any more, a name in MODEL_DIR each.

    Raises:
        BackupImpossible: The database is not SQLite's, there is none, `target` is there or cannot be
            written.
    """
    database = sqlite_file(settings)
    if not database.exists():
        raise BackupImpossible(f"There is no database {database} to copy: check MODEL_DIR.")
    if target.exists():
        raise BackupImpossible(f"{target} is there already: name another file.")
    try:
        return _write(settings, database, target, cache=cache)
    except (OSError, sqlite3.Error) as error:
        raise BackupImpossible(f"{target} could not be written ({error}).") from error


def sqlite_file(settings: Settings) -> Path:
    """Return the database's file.

    Raises:
        BackupImpossible: It is another kind of database, which has programs of its own for this.
    """
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BackupImpossible(
            f"DATABASE_URL names {url.get_backend_name()}, and only SQLite is copied here: stop the "
            "worker, copy the database with its own programs (pg_dump and pg_restore for "
            f"PostgreSQL), and then the folder MODEL_DIR={settings.model_dir}."
        )
    return Path(url.database)


def _write(settings: Settings, database: Path, target: Path, *, cache: bool) -> list[str]:
    with ExitStack() as stack:
        draft = stack.enter_context(whole_file(target, private=True))  # it holds keys
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=target.parent))
        archive = stack.enter_context(tarfile.open(draft, mode="w"))
        live = stack.enter_context(closing(_connect(database)))
        files = _hold(live, database, settings.model_dir, stack, cache=cache)
        copy = Path(folder) / DATABASE
        _copy_database(live, copy)
        _add_about(archive)
        with copy.open("rb") as file:
            _add(archive, DATABASE, file)
        for name, opened in files.items():
            if opened:
                _add(archive, name, opened)
    return [name for name, opened in files.items() if not opened and name != KEY_FILE]


def _connect(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)


def _hold(
    live: sqlite3.Connection, database: Path, model_dir: Path, stack: ExitStack, *, cache: bool
) -> dict[str, IO[bytes] | None]:
    """Begin to read the database as it is now, and open what belongs to it; None for what is lost."""
    with closing(_connect(database)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        live.execute("BEGIN")
        names = [*_round_files(live), KEY_FILE]  # no key file with SECRET_KEY
        if cache:
            caches = sorted(path for kind in CACHES for path in model_dir.glob(kind.pattern()))
            names += [path.relative_to(model_dir).as_posix() for path in caches]
        files = {name: _open(model_dir / name) for name in names}
        writer.execute("ROLLBACK")
    for file in filter(None, files.values()):
        stack.enter_context(file)
    return files


def _open(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _copy_database(live: sqlite3.Connection, copy: Path) -> None:
    """Copy the database as `live` reads it."""
    with closing(sqlite3.connect(copy)) as still:
        live.backup(still)
        # Whoever worked at this moment does not work on the copy.
        still.execute("UPDATE projects SET lease_owner = NULL, lease_until = 0, progress = NULL")
        still.commit()


def _round_files(database: sqlite3.Connection) -> list[str]:
    """Return the files in MODEL_DIR that a database's rounds name."""
    found = database.execute("SELECT weights, scorer FROM rounds ORDER BY id")
    return [name for row in found for name in row if name]


def _add_about(archive: tarfile.TarFile) -> None:
    about = {"fishermask_backend": __version__, "made_at": time.time()}
    body = json.dumps(about).encode()
    info = tarfile.TarInfo(ABOUT)
    info.size, info.mode = len(body), 0o600
    archive.addfile(info, io.BytesIO(body))


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    info = archive.gettarinfo(arcname=name, fileobj=file)
    info.mode, info.uid, info.gid, info.uname, info.gname = 0o600, 0, 0, "", ""
    archive.addfile(info, file)

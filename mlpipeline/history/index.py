"""The index: what the journals say, in a SQLite file in the user's cache folder.

It is derived. It can be deleted at any time, and without it everything works, only slower: then the same tables are
filled anew in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mlpipeline.project.cache import cache_folder
from mlpipeline.project.paths import Outputs

#: Raised whenever tables, or what is written into them, change: an index of another version is made anew.
_VERSION = 1
#: How long another process that writes is waited for, in seconds.
_PATIENCE_S = 2.0

_TABLES = """
CREATE TABLE journals (name TEXT PRIMARY KEY, offset INTEGER, lines INTEGER, head TEXT, last_at TEXT);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, previous TEXT, host TEXT, model_dir TEXT, selected_at TEXT,
    is_open INTEGER, is_withdrawn INTEGER, is_trouble INTEGER, record TEXT
);
CREATE INDEX runs_by_model_dir ON runs (model_dir);
CREATE INDEX runs_by_age ON runs (selected_at, number) WHERE NOT is_withdrawn;
CREATE INDEX runs_open ON runs (number) WHERE is_open;
CREATE TABLE latest (model_dir TEXT PRIMARY KEY, id TEXT, is_trouble INTEGER, selected_at TEXT);
CREATE INDEX latest_trouble ON latest (selected_at) WHERE is_trouble;
"""


def index_path(outputs: Outputs, environ: Mapping[str, str]) -> Path:
    """Return where the index of an outputs folder is."""
    return cache_folder(outputs, environ) / "history.sqlite"


def open_index(outputs: Outputs, environ: Mapping[str, str]) -> sqlite3.Connection:
    """Return the index, made anew if it is damaged or another version's; else an empty one in memory.

    What is in it may be older than the journals.
    """
    try:
        path = index_path(outputs, environ)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _opened(path)
        except sqlite3.OperationalError:
            raise  # Locked, full, or not to be written: not for us to delete.
        except sqlite3.DatabaseError:
            delete_index(outputs, environ)
            return _opened(path)
    except (OSError, sqlite3.Error, RuntimeError):
        return empty_index()


def empty_index() -> sqlite3.Connection:
    """Return an index in memory that knows nothing yet."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_TABLES)
    return connection


def copy_index(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy in memory, of which the file knows nothing."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    connection.backup(copy)
    return copy


def delete_index(outputs: Outputs, environ: Mapping[str, str]) -> None:
    """Delete the index with what SQLite keeps beside it."""
    with suppress(OSError, RuntimeError):
        path = index_path(outputs, environ)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    try:
        # Nothing in it is worth waiting for the disk: after a power cut it is made anew.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            _make_anew(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_anew(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Somebody else may have been faster.
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != _VERSION:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            connection.execute(f'DROP TABLE "{name}"')
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")

"""The tables of the index, in a SQLite file in the user's cache folder, or in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mlpipeline.project.cache import cache_folder
from mlpipeline.project.paths import Outputs

#: Raised whenever tables, or what is written into them, change: an index of another version is made anew.
_VERSION = 11
#: How long another process that writes is waited for, in seconds.
_PATIENCE_S = 2.0

_TABLES = """
CREATE TABLE journals (name TEXT PRIMARY KEY, offset INTEGER, lines INTEGER, head TEXT, last_at TEXT);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, previous TEXT, host TEXT, model TEXT, model_dir TEXT, selected_at TEXT,
    is_open INTEGER, is_withdrawn INTEGER, is_trouble INTEGER, record TEXT,
    version TEXT, first_start TEXT, took_s REAL, outcome TEXT, ended_at REAL
);
CREATE INDEX runs_by_model_dir ON runs (model_dir);
CREATE INDEX runs_by_model ON runs (model, selected_at, number) WHERE NOT is_open AND NOT is_withdrawn;
CREATE INDEX runs_by_age ON runs (selected_at, number) WHERE NOT is_withdrawn;
CREATE INDEX runs_open ON runs (number) WHERE is_open;
CREATE INDEX runs_by_end ON runs (ended_at, outcome) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_whole ON runs (model, first_start, selected_at, version, took_s) WHERE took_s IS NOT NULL;
CREATE TABLE launches (id TEXT PRIMARY KEY, host TEXT, began_at TEXT, heard_at TEXT, ended_at TEXT);
CREATE TABLE requests (id TEXT PRIMARY KEY, host TEXT, event TEXT);
CREATE TABLE answers (request TEXT PRIMARY KEY, said TEXT);
CREATE TABLE tests (
    key TEXT, identity TEXT, model_dir TEXT, at TEXT, is_passed INTEGER, event TEXT, PRIMARY KEY (key, identity)
);
CREATE INDEX tests_failed ON tests (at) WHERE NOT is_passed;
CREATE TABLE released (what TEXT PRIMARY KEY);
CREATE TABLE collected (run TEXT PRIMARY KEY);
CREATE TABLE latest (model_dir TEXT PRIMARY KEY, id TEXT, is_trouble INTEGER, selected_at TEXT);
CREATE INDEX latest_trouble ON latest (selected_at) WHERE is_trouble;
CREATE TABLE facts (name TEXT, number INTEGER, value, PRIMARY KEY (name, number)) WITHOUT ROWID;
CREATE TABLE surroundings (launch TEXT PRIMARY KEY, command TEXT, environment TEXT);
"""
#: Their names.
NAMES = (
    *("journals", "runs", "facts", "latest", "launches", "surroundings"),
    *("requests", "answers", "released", "collected", "tests"),
)


def index_path(outputs: Outputs, environ: Mapping[str, str]) -> Path:
    """Return where the index of an outputs folder is."""
    return cache_folder(outputs, environ) / "history.sqlite"


def open_tables(outputs: Outputs, environ: Mapping[str, str]) -> sqlite3.Connection:
    """Return the tables, made anew if it is damaged or another version's; else an empty one in memory.

    What is in it may be older than the journals.
    """
    try:
        path = index_path(outputs, environ)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _opened(path)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            delete_index(outputs, environ)
            return _opened(path)
    except (OSError, sqlite3.Error, RuntimeError):
        return empty_tables()


def empty_tables() -> sqlite3.Connection:
    """Return the tables in memory, with nothing in them."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_TABLES)
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the file is damaged: not locked, full, or not to be written, nor asked for what makes no sense."""
    is_well = isinstance(error, (sqlite3.OperationalError, sqlite3.ProgrammingError))
    return isinstance(error, sqlite3.DatabaseError) and not is_well


def delete_index(outputs: Outputs, environ: Mapping[str, str]) -> None:
    """Delete the index with what SQLite keeps beside it."""
    with suppress(OSError, RuntimeError):
        path = index_path(outputs, environ)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    try:
        # Both: a power cut may cost its last changes, but what it says of a journal and of its runs stays together.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
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

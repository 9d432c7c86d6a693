"""All runs of a project, as the journals of its hosts tell them."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mlpipeline.domain.runs import Run, follow, run_from_json
from mlpipeline.domain.states import Outcome, State
from mlpipeline.errors import IllegalTransition
from mlpipeline.history.index import copy_index, delete_index, empty_index, open_index
from mlpipeline.history.journal import JournalReader
from mlpipeline.project.paths import Outputs

#: How much of a journal's beginning tells it from another in its place, in bytes.
_HEAD_BYTES = 512


@dataclass(frozen=True, kw_only=True)
class _Place:
    """How far a journal has been read."""

    offset: int = 0
    lines: int = 0
    #: The hash of its beginning.
    head: str = ""
    #: The latest time in it: what comes after cannot be earlier, whatever the clock said.
    last_at: str = ""


class _Stamp(NamedTuple):
    """What changes whenever a journal does."""

    inode: int
    size: int
    mtime_ns: int


class Ledger:
    """Every run of every host. Of the journals, only what the index does not know yet is read."""

    def __init__(self, outputs: Outputs, index: sqlite3.Connection, *, warn: Callable[[str], None]) -> None:
        """Tell `warn` what cannot be read or followed."""
        self.warn = warn
        self._outputs = outputs
        self._index = index
        self._readers: dict[Path, JournalReader] = {}
        #: The journals as they were when they were last read, None before that: while they are the same, there is
        #: nothing new.
        self._seen: dict[Path, _Stamp | None] | None = None
        #: The open runs that were followed here, as they are now.
        self._open: dict[str, Run] = {}
        #: The runs of this host that were noted and not read yet.
        self._ahead: dict[str, Run] = {}
        #: Rises whenever another host is seen to have recorded something.
        self.news = 0
        #: The runs that changed since the index was last written.
        self._changed: dict[str, Run] = {}
        #: When they were selected, by a clock that never goes back.
        self._selected_at: dict[str, str] = {}

    @classmethod
    def read(cls, outputs: Outputs, *, warn: Callable[[str], None], is_private: bool = False) -> Ledger:
        """Return the ledger of an outputs folder, up to date.

        One host owns a run's events, so they need no order between hosts. Only the order of whole runs does, and
        within a host it is the journal's own: a clock that was set back changes nothing.

        Args:
            outputs: of this host.
            warn: told what cannot be read.
            is_private: whether what it is given to follow is nobody else's business.
        """
        ledger = cls(outputs, open_index(outputs, os.environ), warn=warn)
        ledger.catch_up()
        if is_private:
            ledger._index = copy_index(ledger._index)
        return ledger

    def catch_up(self) -> None:
        """Take in what the hosts recorded since the last time."""
        self._ahead.clear()  # The journal tells it.
        try:
            self._read_on()
        except sqlite3.Error as error:
            self._do_without_index(error)

    def note(self, run: Run) -> None:
        """Know of a change that this host's journal has just been told: the index follows with what is asked next."""
        self._ahead[run.id] = run

    def _read_on(self) -> None:
        journals = {path: _stamp(path) for path in self._outputs.histories()}
        if journals == self._seen:
            return
        seen = self._seen or {}
        changed = [path for path, stamp in journals.items() if stamp != seen.get(path)]
        places = self._places()
        present = {path.name: path for path in journals}
        if any(name not in present or _is_another(present[name], place) for name, place in places.items()):
            self._forget_all()
            places, changed = {}, list(journals)
        for path in changed:
            stamp = journals[path]
            if stamp is not None and stamp.size == places.get(path.name, _Place()).offset:
                self._open.clear()  # Another process read it into the index.
            else:
                self._read_journal(path)
        self._seen = journals
        self.news += any(path != self._outputs.history for path in changed)

    def close(self) -> None:
        """Let the index go."""
        self._index.close()

    def follow(self, event: Mapping[str, Any]) -> None:
        """Take one event in that no journal of these outputs tells."""
        self._follow(event, event["at"])
        self._save_changed()

    def __iter__(self) -> Iterator[Run]:
        """Yield all runs that were not withdrawn, oldest first."""
        return self._query("WHERE NOT is_withdrawn ORDER BY selected_at, number")

    def newest(self, count: int) -> list[Run]:
        """Return the latest `count` runs that were not withdrawn, newest first."""
        return list(self._query("WHERE NOT is_withdrawn ORDER BY selected_at DESC, number DESC LIMIT ?", count))

    def get(self, run_id: str) -> Run | None:
        """Return the run with this id."""
        return self._ahead.get(run_id) or self._open.get(run_id) or next(self._select("WHERE id = ?", run_id), None)

    def latest(self, model_dir: str) -> Run | None:
        """Return the latest run in a model dir, on whatever host it was."""
        return next(self._query("WHERE id = (SELECT id FROM latest WHERE model_dir = ?)", model_dir), None)

    def in_trouble(self, most: int | None = None) -> list[Run]:
        """Return those runs that are the latest in their model dir and failed or were lost, newest first.

        Args:
            most: how many of them at most; None for all.
        """
        latest = "SELECT id FROM latest WHERE is_trouble ORDER BY selected_at DESC LIMIT ?"
        limit = -1 if most is None else most
        return list(self._query(f"WHERE id IN ({latest}) ORDER BY selected_at DESC, number DESC", limit))

    def trouble_count(self) -> int:
        """Return how many those are."""
        if self._ahead:
            self.catch_up()
        try:
            (count,) = self._index.execute(_TROUBLE_COUNT).fetchone()
        except sqlite3.Error as error:
            self._do_without_index(error)
            (count,) = self._index.execute(_TROUBLE_COUNT).fetchone()
        return int(count)

    def open_runs(self, host: str | None = None) -> list[Run]:
        """Return the runs that are still to end, of all hosts or of one, oldest first."""
        return [run for run in self._query("WHERE is_open ORDER BY number") if host in (None, run.host)]

    def _query(self, where: str, *values: object) -> Iterator[Run]:
        if self._ahead:
            self.catch_up()
        return self._select(where, *values)

    def _select(self, where: str, *values: object) -> Iterator[Run]:
        statement = f"SELECT record FROM runs {where}"
        try:
            records = self._index.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._do_without_index(error)
            records = self._index.execute(statement, values).fetchall()
        return (run_from_json(json.loads(record)) for (record,) in records)

    def _do_without_index(self, error: sqlite3.Error) -> None:
        """Go on in memory. A damaged index is deleted; one that is locked or full may be well again next time."""
        if not isinstance(error, sqlite3.OperationalError):
            delete_index(self._outputs, os.environ)
        self._index = empty_index()
        self._changed, self._selected_at, self._readers = {}, {}, {}
        self._seen, self._open = None, {}
        self._read_on()

    # Journals

    def _places(self) -> dict[str, _Place]:
        rows = self._index.execute("SELECT name, offset, lines, head, last_at FROM journals")
        return {row[0]: _Place(offset=row[1], lines=row[2], head=row[3], last_at=row[4]) for row in rows}

    def _read_journal(self, path: Path) -> None:
        with _transaction(self._index):
            # Another process may have read on meanwhile.
            place = self._places().get(path.name, _Place())
            reader = self._readers.setdefault(path, JournalReader(path))
            if reader.offset != place.offset:
                self._open.clear()  # It followed events that were not seen here.
            reader.offset, reader.lines = place.offset, place.lines
            last_at = place.last_at
            for event in reader.read(warn=self.warn):
                last_at = max(last_at, str(event.get("at", "")))
                self._follow(event, last_at)
            self._save_changed()
            head = place.head if place.offset >= _HEAD_BYTES else _head(path, reader.offset)
            row = (path.name, reader.offset, reader.lines, head, last_at)
            self._index.execute("INSERT OR REPLACE INTO journals VALUES (?, ?, ?, ?, ?)", row)

    def _forget_all(self) -> None:
        with _transaction(self._index):
            for table in ("journals", "runs", "latest"):
                self._index.execute(f"DELETE FROM {table}")
        self._open.clear()

    def _follow(self, event: Mapping[str, Any], at: str) -> None:
        """Follow an event; one that cannot be is skipped with a warning."""
        run_id = event.get("run")
        if not isinstance(run_id, str):
            return
        try:
            run = follow(self._changed.get(run_id) or self.get(run_id), event)
        except IllegalTransition as error:
            self.warn(f"history: {error}; skipped")
        except (KeyError, ValueError, TypeError) as error:
            self.warn(f"history: an event of run {run_id} is not understood ({error!r}); skipped")
        else:
            self._changed[run_id] = run
            self._selected_at.setdefault(run_id, at)

    def _save_changed(self) -> None:
        changed, self._changed = self._changed, {}
        selected_at, self._selected_at = self._selected_at, {}
        self._index.executemany(_SAVE, [_row(run, selected_at[run.id]) for run in changed.values()])
        for run in changed.values():
            if run.is_open:
                self._open[run.id] = run
            else:
                self._open.pop(run.id, None)
        for model_dir in dict.fromkeys(run.model_dir for run in changed.values()):
            self._note_latest(model_dir)

    def _note_latest(self, model_dir: str) -> None:
        """Note which run in a model dir is the latest.

        Which of two hosts' runs came later is told by what each found before it, not by their clocks.
        """
        where = "WHERE model_dir = ? AND NOT is_withdrawn ORDER BY selected_at, number"
        rows = self._index.execute(f"SELECT id, previous, is_trouble, selected_at FROM runs {where}", (model_dir,))
        kept = rows.fetchall()
        followed = {previous for _, previous, _, _ in kept}
        latest = next((row for row in reversed(kept) if row[0] not in followed), None)
        if latest is None:
            self._index.execute("DELETE FROM latest WHERE model_dir = ?", (model_dir,))
        else:
            row = (model_dir, latest[0], latest[2], latest[3])
            self._index.execute("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)", row)


_TROUBLE_COUNT = "SELECT count(*) FROM latest WHERE is_trouble"
_SAVE = """
INSERT INTO runs (id, previous, host, model_dir, selected_at, is_open, is_withdrawn, is_trouble, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    is_open = excluded.is_open, is_withdrawn = excluded.is_withdrawn, is_trouble = excluded.is_trouble,
    record = excluded.record
"""


def _row(run: Run, selected_at: str) -> tuple[object, ...]:
    return (
        run.id,
        run.previous,
        run.host,
        run.model_dir,
        selected_at,
        run.is_open,
        run.state is State.WITHDRAWN,
        run.outcome in (Outcome.FAILED, Outcome.LOST),
        json.dumps(vars(run)),
    )


@contextmanager
def _transaction(index: sqlite3.Connection) -> Iterator[None]:
    index.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        index.execute("ROLLBACK")
        raise
    index.execute("COMMIT")


def _is_another(path: Path, place: _Place) -> bool:
    """Return whether a journal is not the one that was read: it is shorter, or begins otherwise."""
    stamp = _stamp(path)
    return stamp is None or stamp.size < place.offset or _head(path, place.offset) != place.head


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def _head(path: Path, offset: int) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(min(offset, _HEAD_BYTES))).hexdigest()
    except OSError:
        return ""

"""The index: what the journals say, in a SQLite file in the user's cache folder.

It is derived. It can be deleted at any time, and without it everything works, only slower: then the same tables are
filled anew in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpipeline.domain.facts import facts
from mlpipeline.domain.moments import epoch_s
from mlpipeline.domain.runs import Run, run_from_json, run_to_json
from mlpipeline.domain.states import Outcome, State
from mlpipeline.history.tables import NAMES, empty_tables, open_tables
from mlpipeline.project.paths import Outputs

if TYPE_CHECKING:
    from mlpipeline.domain.launches import Launch
    from mlpipeline.domain.requests import Request
    from mlpipeline.domain.test_results import TestResult

_SAVE = """
INSERT INTO runs (id, previous, host, model, model_dir, selected_at, is_open, is_withdrawn, is_trouble, record,
    version, first_start, took_s, outcome, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    is_open = excluded.is_open, is_withdrawn = excluded.is_withdrawn, is_trouble = excluded.is_trouble,
    record = excluded.record, took_s = excluded.took_s, outcome = excluded.outcome, ended_at = excluded.ended_at
"""

_SAVE_FACT = """
INSERT INTO facts SELECT ?, number, ? FROM runs WHERE id = ? ON CONFLICT DO UPDATE SET value = excluded.value
"""
#: A launch says what it was called with first, and what it found around it later.
_SAVE_SURROUNDINGS = """
INSERT INTO surroundings VALUES (?, ?, ?) ON CONFLICT (launch) DO UPDATE SET
    command = coalesce(excluded.command, command), environment = coalesce(excluded.environment, environment)
"""
#: A pass stands, whatever another host found before or after it.
_SAVE_TEST = """
INSERT INTO tests VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, identity) DO UPDATE SET at = excluded.at, is_passed = excluded.is_passed, event = excluded.event
WHERE NOT is_passed
"""
#: Of those that failed, the ones that were neither tested nor run since, with whatever identity.
_FAILED_TESTS = """
SELECT event FROM tests AS test WHERE NOT is_passed
    AND NOT EXISTS (SELECT 1 FROM tests AS later WHERE later.key = test.key AND later.at > test.at)
    AND NOT EXISTS (SELECT 1 FROM latest WHERE latest.model_dir = test.model_dir AND latest.selected_at > test.at)
ORDER BY at DESC
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far a journal has been read."""

    offset: int = 0
    lines: int = 0
    #: The hash of its beginning.
    head: str = ""
    #: The latest time in it: what comes after cannot be earlier, whatever the clock said.
    last_at: str = ""


class Index:
    """The tables. What SQLite cannot do it raises as `sqlite3.Error`; without the file there is `empty`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._tables = connection

    @classmethod
    def open(cls, outputs: Outputs, environ: Mapping[str, str]) -> Index:
        """Return the index of an outputs folder, made anew if it is damaged or another version's; else an empty one.

        What is in it may be older than the journals.
        """
        return cls(open_tables(outputs, environ))

    @classmethod
    def empty(cls) -> Index:
        """Return an index in memory that knows nothing yet."""
        return cls(empty_tables())

    def copy(self) -> Index:
        """Return a copy in memory, of which the file knows nothing."""
        copy = sqlite3.connect(":memory:", isolation_level=None)
        self._tables.backup(copy)
        return Index(copy)

    def close(self) -> None:
        """Let the file go."""
        self._tables.close()

    def version(self) -> int:
        """Return what changes whenever another process has written to it."""
        (version,) = self._tables.execute("PRAGMA data_version").fetchone()
        return int(version)

    def runs(self, where: str, *values: object) -> Iterator[Run]:
        """Return the runs that an SQL clause selects."""
        records = self._tables.execute(f"SELECT record FROM runs {where}", values).fetchall()
        return (run_from_json(json.loads(record)) for (record,) in records)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return self._tables.execute(query, values).fetchall()

    def models_in_trouble(self) -> set[str]:
        """Return the models of the runs that are the latest in their model dir and failed or were lost."""
        models = "SELECT DISTINCT model FROM latest JOIN runs USING (id) WHERE latest.is_trouble"
        return {model for (model,) in self._tables.execute(models)}

    def trouble_count(self) -> int:
        """Return how many runs are the latest in their model dir and failed or were lost."""
        (count,) = self._tables.execute("SELECT count(*) FROM latest WHERE is_trouble").fetchone()
        return int(count)

    def places(self) -> dict[str, Place]:
        """Return how far each journal has been read, by its file's name."""
        rows = self._tables.execute("SELECT name, offset, lines, head, last_at FROM journals")
        return {row[0]: Place(offset=row[1], lines=row[2], head=row[3], last_at=row[4]) for row in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Have all that is written inside be seen at once, or never; nobody else writes meanwhile."""
        self._tables.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._tables.execute("ROLLBACK")
            raise
        self._tables.execute("COMMIT")

    def save_place(self, name: str, place: Place) -> None:
        """Note how far a journal has been read."""
        row = (name, place.offset, place.lines, place.head, place.last_at)
        self._tables.execute("INSERT OR REPLACE INTO journals VALUES (?, ?, ?, ?, ?)", row)

    def save(self, runs: Collection[Run], selected_at: Mapping[str, str]) -> None:
        """Write runs as they are now; `selected_at` is when each was selected, by a clock that never goes back."""
        # Facts are only ever added, but where a run begins anew, or was taken back.
        for run in runs:
            if run.past or run.state is State.WITHDRAWN:
                self._forget_facts(run.id)
        self._tables.executemany(_SAVE, [_row(run, selected_at[run.id]) for run in runs])
        kept = (run for run in runs if run.state is not State.WITHDRAWN)
        known = [(name, fact, run.id) for run in kept for name, fact in facts(run).items()]
        self._tables.executemany(_SAVE_FACT, known)
        for model_dir in dict.fromkeys(run.model_dir for run in runs):
            self._note_latest(model_dir)

    def _forget_facts(self, run_id: str) -> None:
        # By their names: an index by run would take as much room as the facts themselves.
        for before in self.runs("WHERE id = ?", run_id):
            names = [(name, run_id) for name in facts(before)]
            where = "WHERE name = ? AND number = (SELECT number FROM runs WHERE id = ?)"
            self._tables.executemany(f"DELETE FROM facts {where}", names)

    def save_surroundings(self, launch: str, *, command: str | None = None, environment: str | None = None) -> None:
        """Know what a launch was called with, or by which name what it found around it is stored."""
        self._tables.execute(_SAVE_SURROUNDINGS, (launch, command, environment))

    def save_request(self, request: Request) -> None:
        """Know of a request, whether or not its answer is known already."""
        row = (request.id, request.host, json.dumps(request.to_event()))
        self._tables.execute("INSERT OR REPLACE INTO requests VALUES (?, ?, ?)", row)

    def save_answer(self, request_id: str, said: str) -> None:
        """Know what came of a request, whether or not that is known already."""
        self._tables.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (request_id, said))

    def open_requests(self, host: str) -> list[Request]:
        """Return the requests that a host has not answered, in the order in which histories told them."""
        # Here, and below: most who look something up ask for runs alone.
        from mlpipeline.domain.requests import request_from_event

        where = "WHERE host = ? AND id NOT IN (SELECT request FROM answers) ORDER BY rowid"
        rows = self._tables.execute(f"SELECT event FROM requests {where}", (host,))
        return [request_from_event(json.loads(event)) for (event,) in rows]

    def answer(self, request_id: str) -> str | None:
        """Return what came of a request, or None while nobody has said."""
        row = self._tables.execute("SELECT said FROM answers WHERE request = ?", (request_id,)).fetchone()
        return None if row is None else str(row[0])

    def save_launch(self, launch: Launch) -> None:
        """Know that a daemon was launched."""
        row = (launch.id, launch.host, launch.began_at, launch.heard_at, launch.ended_at)
        self._tables.execute("INSERT OR IGNORE INTO launches VALUES (?, ?, ?, ?, ?)", row)

    def save_heard(self, host: str, at: str) -> None:
        """Know when a host's last launch recorded something."""
        last = "SELECT id FROM launches WHERE host = ? ORDER BY rowid DESC LIMIT 1"
        self._tables.execute(f"UPDATE launches SET heard_at = ? WHERE id = ({last})", (at, host))

    def save_launch_end(self, launch: str, at: str) -> None:
        """Know when a launch came to its end."""
        self._tables.execute("UPDATE launches SET ended_at = ? WHERE id = ?", (at, launch))

    def launches(self, since: str) -> list[Launch]:
        """Return the launches that were not over before `since`, in the order in which histories told them."""
        from mlpipeline.domain.launches import Launch

        columns = "id, host, began_at, heard_at, ended_at"
        where = "WHERE coalesce(ended_at, heard_at) >= ? OR ended_at IS NULL ORDER BY rowid"
        rows = self._tables.execute(f"SELECT {columns} FROM launches {where}", (since,))
        return [
            Launch(id=id_, host=host, began_at=began, heard_at=heard, ended_at=ended)
            for id_, host, began, heard, ended in rows
        ]

    def save_test(self, test: TestResult, at: str) -> None:
        """Know of a test; `at` is when it ended, by a clock that never goes back."""
        event = json.dumps(test.to_event())
        self._tables.execute(_SAVE_TEST, (test.key, test.identity, test.model_dir, at, test.is_passed, event))

    def has_passed(self, key: str, identity: str) -> bool:
        """Return whether `model:version` passed a test with that identity, on whatever host."""
        where = "WHERE key = ? AND identity = ? AND is_passed"
        return self._tables.execute(f"SELECT 1 FROM tests {where}", (key, identity)).fetchone() is not None

    def failed_tests(self) -> list[TestResult]:
        """Return the tests that failed, of versions that were neither tested nor run since, newest first."""
        from mlpipeline.domain.test_results import result_from_event

        return [result_from_event(json.loads(event)) for (event,) in self._tables.execute(_FAILED_TESTS)]

    def save_released(self, what: Collection[str]) -> None:
        """Know what a person released, see `Ledger.is_released`."""
        self._tables.executemany("INSERT OR IGNORE INTO released VALUES (?)", [(name,) for name in what])

    def is_released(self, what: str) -> bool:
        """Return whether a person released that."""
        return self._tables.execute("SELECT 1 FROM released WHERE what = ?", (what,)).fetchone() is not None

    def save_collected(self, run_id: str) -> None:
        """Know that what a run left was deleted, see `Ledger.is_collected`."""
        self._tables.execute("INSERT OR IGNORE INTO collected VALUES (?)", (run_id,))

    def is_collected(self, run_id: str) -> bool:
        """Return whether what a run left was deleted."""
        return self._tables.execute("SELECT 1 FROM collected WHERE run = ?", (run_id,)).fetchone() is not None

    def forget_all(self) -> None:
        """Know nothing any more."""
        for table in NAMES:
            self._tables.execute(f"DELETE FROM {table}")

    def _note_latest(self, model_dir: str) -> None:
        """Note which run in a model dir is the latest.

        Which of two hosts' runs came later is told by what each found before it, not by their clocks.
        """
        where = "WHERE model_dir = ? AND NOT is_withdrawn ORDER BY selected_at, number"
        rows = self._tables.execute(f"SELECT id, previous, is_trouble, selected_at FROM runs {where}", (model_dir,))
        kept = rows.fetchall()
        followed = {previous for _, previous, _, _ in kept}
        latest = next((row for row in reversed(kept) if row[0] not in followed), None)
        if latest is None:
            self._tables.execute("DELETE FROM latest WHERE model_dir = ?", (model_dir,))
        else:
            row = (model_dir, latest[0], latest[2], latest[3])
            self._tables.execute("INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?)", row)


def _row(run: Run, selected_at: str) -> tuple[object, ...]:
    return (
        run.id,
        run.previous,
        run.host,
        run.model,
        run.model_dir,
        selected_at,
        run.is_open,
        run.state is State.WITHDRAWN,
        run.outcome in (Outcome.FAILED, Outcome.LOST),
        json.dumps(run_to_json(run)),
        run.version,
        run.first_start,
        run.whole_s,
        run.outcome,
        epoch_s(run.ended_at),
    )

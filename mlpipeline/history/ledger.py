"""All runs of a project, as the journals of its hosts tell them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlpipeline.domain.runs import Run, State, follow
from mlpipeline.errors import IllegalTransition
from mlpipeline.history.journal import read_events
from mlpipeline.project.paths import Outputs


class Ledger:
    """Every run of every host; follows the events it is given."""

    def __init__(self, *, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._runs: dict[str, Run] = {}
        self._latest: dict[str, str] = {}
        #: launch id -> what is known of that launch.
        self.launches: dict[str, dict[str, Any]] = {}

    @classmethod
    def read(cls, outputs: Outputs, *, warn: Callable[[str], None]) -> Ledger:
        """Read the journals of all hosts.

        One host owns a run's events, so they need no order between hosts. Only the order of whole runs does, and
        within a host it is the journal's own: a clock that was set back changes nothing.
        """
        ledger = cls(warn=warn)
        journals = [read_events(path, warn=warn) for path in outputs.histories()]
        for event in heapq.merge(*journals, key=lambda event: str(event.get("at", ""))):
            ledger.follow(event)
        return ledger

    def follow(self, event: Mapping[str, Any]) -> None:
        """Take one event in; one that cannot be is skipped with a warning."""
        if "run" not in event:
            if "launch" in event:
                self.launches.setdefault(event["launch"], {}).update(event)
            return
        try:
            run = follow(self._runs.get(event["run"]), event)
        except IllegalTransition as error:
            self._warn(f"history: {error}; skipped")
            return
        except (KeyError, ValueError, TypeError) as error:
            self._warn(f"history: an event of run {event['run']} is not understood ({error!r}); skipped")
            return
        self._runs[run.id] = run
        self._note_latest(run)

    def __iter__(self) -> Iterator[Run]:
        """Yield all runs that were not withdrawn, oldest first."""
        return (run for run in self._runs.values() if run.state is not State.WITHDRAWN)

    def get(self, run_id: str) -> Run | None:
        """Return the run with this id."""
        return self._runs.get(run_id)

    def latest(self, key: str) -> Run | None:
        """Return the latest run of `model:version`, on whatever host it was."""
        run_id = self._latest.get(key)
        return self._runs[run_id] if run_id else None

    def open_runs(self, host: str) -> list[Run]:
        """Return the runs of `host` that are still to end."""
        return [run for run in self._runs.values() if run.is_open and run.host == host]

    def _note_latest(self, run: Run) -> None:
        if run.state is State.WITHDRAWN:
            if self._latest.get(run.key) == run.id:
                self._forget(run)
            return
        known = self._runs.get(self._latest.get(run.key, ""))
        # Which of two hosts' runs came later is told by what each found before it, not by their clocks.
        if known is None or known.previous != run.id:
            self._latest[run.key] = run.id

    def _forget(self, run: Run) -> None:
        if run.previous in self._runs:
            self._latest[run.key] = run.previous
        else:
            del self._latest[run.key]

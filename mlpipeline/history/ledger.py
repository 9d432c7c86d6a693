"""All runs of a project, as the journals of its hosts tell them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpipeline.domain.runs import Run, State, follow
from mlpipeline.errors import IllegalTransition
from mlpipeline.history.journal import JournalReader
from mlpipeline.project.paths import Outputs


class Ledger:
    """Every run of every host; follows the events it is given."""

    def __init__(self, outputs: Outputs, *, warn: Callable[[str], None]) -> None:
        """Begin with no runs; `warn` is told what cannot be read or followed."""
        self.warn = warn
        self._outputs = outputs
        self._readers: dict[Path, JournalReader] = {}
        self._runs: dict[str, Run] = {}
        #: model dir -> the runs in it, as they were read.
        self._in_model_dir: dict[str, list[str]] = {}
        #: launch id -> what is known of that launch.
        self.launches: dict[str, dict[str, Any]] = {}

    @classmethod
    def read(cls, outputs: Outputs, *, warn: Callable[[str], None]) -> Ledger:
        """Read the journals of all hosts.

        One host owns a run's events, so they need no order between hosts. Only the order of whole runs does, and
        within a host it is the journal's own: a clock that was set back changes nothing.
        """
        ledger = cls(outputs, warn=warn)
        journals = [ledger._read(path) for path in outputs.histories()]
        for event in heapq.merge(*journals, key=lambda event: str(event.get("at", ""))):
            ledger.follow(event)
        return ledger

    def follow_other_hosts(self) -> None:
        """Take in what other hosts recorded meanwhile; what this host records is followed as it is written."""
        for path in self._outputs.histories():
            if path != self._outputs.history:
                for event in self._read(path):
                    self.follow(event)

    def follow(self, event: Mapping[str, Any]) -> None:
        """Take one event in; one that cannot be is skipped with a warning."""
        if "run" not in event:
            if "launch" in event:
                self.launches.setdefault(event["launch"], {}).update(event)
            return
        try:
            run = follow(self._runs.get(event["run"]), event)
        except IllegalTransition as error:
            self.warn(f"history: {error}; skipped")
            return
        except (KeyError, ValueError, TypeError) as error:
            self.warn(f"history: an event of run {event['run']} is not understood ({error!r}); skipped")
            return
        if run.id not in self._runs:
            self._in_model_dir.setdefault(run.model_dir, []).append(run.id)
        self._runs[run.id] = run

    def __iter__(self) -> Iterator[Run]:
        """Yield all runs that were not withdrawn, oldest first."""
        return (run for run in self._runs.values() if run.state is not State.WITHDRAWN)

    def get(self, run_id: str) -> Run | None:
        """Return the run with this id."""
        return self._runs.get(run_id)

    def latest(self, model_dir: str) -> Run | None:
        """Return the latest run in a model dir, on whatever host it was.

        Which of two hosts' runs came later is told by what each found before it, not by their clocks.
        """
        runs = [self._runs[run_id] for run_id in self._in_model_dir.get(model_dir, ())]
        kept = [run for run in runs if run.state is not State.WITHDRAWN]
        followed = {run.previous for run in kept}
        return next((run for run in reversed(kept) if run.id not in followed), None)

    def open_runs(self, host: str) -> list[Run]:
        """Return the runs of `host` that are still to end."""
        return [run for run in self._runs.values() if run.is_open and run.host == host]

    def _read(self, path: Path) -> list[dict[str, Any]]:
        return self._readers.setdefault(path, JournalReader(path)).read(warn=self.warn)

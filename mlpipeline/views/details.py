"""All that is known of one run, gathered: what history says, what its record holds, and what was before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.comparing import Row, file_changes, rows
from mlpipeline.domain.curves import Curve, curves
from mlpipeline.domain.pace import Loop
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, outcome_in_words
from mlpipeline.history.environments import Environment, environment_of
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.stores import stored_code
from mlpipeline.project.files import read_json
from mlpipeline.project.metrics_file import read_metrics
from mlpipeline.project.paths import Outputs
from mlpipeline.project.progress import read_progress
from mlpipeline.project.result_file import read_result
from mlpipeline.views.observed import ObservedRun

#: How much of what a run logged is read, in bytes.
_METRICS_BYTES = 16_000_000


@dataclass(frozen=True, kw_only=True)
class AttemptTold:
    """One attempt of a run."""

    number: int
    #: None while it has not ended.
    outcome: Outcome | None
    failure: Failure | None
    error: str | None
    seconds: float | None
    started_at: str | None
    #: How its process was started, and why so.
    how: str | None

    @property
    def in_words(self) -> str:
        """How it ended: `failed (exit)`; empty while it has not."""
        return outcome_in_words(self.outcome, self.failure) if self.outcome else ""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a run had otherwise than the one before it in its model dir."""

    before: Run
    parameters: Sequence[Row]
    #: The files of its code that differ; None where that is not known.
    files: Sequence[str] | None


@dataclass(frozen=True, kw_only=True)
class Details:
    """All that is known of one run."""

    observed: ObservedRun
    attempts: Sequence[AttemptTold]
    environment: Environment
    #: None of the first run in a model dir.
    changes: Changes | None
    #: The run before it in its model dir that succeeded last.
    success: Run | None
    metrics: Mapping[str, Curve]
    #: Whether the metrics are so many that not all were read.
    is_sampled: bool
    #: How far each `run.steps` loop came: done, and of how many.
    progress: Sequence[Loop]
    #: What `spec.json` says; empty where that is gone.
    spec: Mapping[str, Any]
    #: How long each part took, in seconds.
    timings: Mapping[str, float]
    #: Whether its run dir is still there.
    has_record: bool

    @property
    def run(self) -> Run:
        """The run as it is now."""
        return self.observed.run


def details(observed: ObservedRun, ledger: Ledger, outputs: Outputs) -> Details:
    """Return all that is known of a run."""
    run = observed.run
    run_dir = outputs.run_dir(run.name)
    attempt = run_dir.attempt(run.attempt)
    logged = read_metrics(run_dir.metrics, _METRICS_BYTES)
    spec, result = read_json(run_dir.spec), read_result(attempt)
    before = ledger.get(run.previous) if run.previous else None
    return Details(
        observed=observed,
        attempts=[*(_past(told, run, outputs) for told in run.past), _latest(run, outputs)],
        environment=environment_of(run.launch, ledger, outputs),
        changes=_changes(before, run, outputs) if before else None,
        success=_last_success(before, ledger),
        metrics=curves(logged.rows, len(run.past)),
        is_sampled=logged.is_sampled,
        progress=read_progress(attempt.progress),
        spec=spec if isinstance(spec, dict) else {},
        timings=result.timings if result else {},
        has_record=run_dir.path.is_dir(),
    )


def _past(told: AttemptEnd, run: Run, outputs: Outputs) -> AttemptTold:
    worker = _worker(run, told.attempt, outputs)
    return AttemptTold(
        number=told.attempt,
        outcome=told.outcome,
        failure=told.failure,
        error=told.error,
        seconds=told.seconds,
        started_at=worker.get("started_at"),
        how=worker.get("how"),
    )


def _latest(run: Run, outputs: Outputs) -> AttemptTold:
    return AttemptTold(
        number=run.attempt,
        outcome=run.outcome,
        failure=run.failure,
        error=run.error,
        seconds=run.seconds,
        started_at=run.started_at,
        how=_worker(run, run.attempt, outputs).get("how"),
    )


def _worker(run: Run, attempt: int, outputs: Outputs) -> Mapping[str, Any]:
    worker = read_json(outputs.run_dir(run.name).attempt(attempt).worker)
    return worker if isinstance(worker, dict) else {}


def _changes(before: Run, run: Run, outputs: Outputs) -> Changes:
    differing = [row for row in rows([before.parameters, run.parameters]) if not row.is_same]
    return Changes(before=before, parameters=differing, files=_changed_files(before, run, outputs))


def _changed_files(before: Run, run: Run, outputs: Outputs) -> list[str] | None:
    if before.code == run.code:
        return [] if run.code else None
    codes = [stored_code(outputs, code) if code else None for code in (before.code, run.code)]
    known = [code for code in codes if code is not None]
    return [change.path for change in file_changes(known)] if len(known) == len(codes) else None


def _last_success(run: Run | None, ledger: Ledger) -> Run | None:
    # Which run came before which is told by the runs themselves, not by clocks.
    while run is not None and run.outcome is not Outcome.SUCCEEDED:
        run = ledger.get(run.previous) if run.previous else None
    return run

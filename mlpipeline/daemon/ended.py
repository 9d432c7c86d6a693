"""Writing down that a run ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.reporter import Reporter
from mlpipeline.domain.endings import Ending, ending
from mlpipeline.domain.excerpts import excerpt
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, Start
from mlpipeline.history import claims
from mlpipeline.project.files import NO_ROOM
from mlpipeline.project.last_output import last_output
from mlpipeline.project.paths import AttemptDir, Outputs
from mlpipeline.project.result_file import read_result


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run whose end is recorded, and whose block of results is still to be written."""

    run: Run
    result: Result | None
    #: Whether it was recorded only now.
    is_new: bool


def record_end(run: Run, active: Active, outputs: Outputs, records: Records) -> Ended:
    """Record how a run ended whose process is gone, and say so.

    Raises:
        OSError: the end could not be recorded; it may be tried again, and nothing is forgotten.
    """
    result = read_result(active.attempt)
    is_new = run.is_open
    if is_new:
        is_stop_asked = run.is_stop_asked or active.is_stop_asked
        shortage = None if is_stop_asked else active.out_of_memory(result)
        end = ending(result, active.exit_status, is_stop_asked=is_stop_asked, out_of_memory=shortage)
        records.note({**_event(run, end, result, active), "trained": _is_trained(run, result, records)})
        run = records.run(run.id)
        _log(run, end, result, active.attempt, records, is_kept=active.attempt.path.is_relative_to(outputs.path))
    return Ended(run=run, result=result, is_new=is_new)


def write_results(ended: Ended, records: Records, reporter: Reporter) -> None:
    """Write the block of results of a run that ended, unless it is there.

    That of one that was recorded only now is not looked for: the file may be long.

    Raises:
        OSError: there is no room for the block; it may be tried again.
    """
    run = ended.run
    try:
        if ended.is_new or not records.has_results(run):
            records.add_results(reporter.results_block(run, ended.result))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        records.log(f"its results are not in {records.outputs.results.name}: {error.strerror}", run.id)


def give_back(run: Run, outputs: Outputs) -> None:
    """Give back the model dir of a run that ended, whose block of results was written.

    The claim goes last: as long as it stands, a launch after a crash finds out what is still to be done.

    Raises:
        OSError: the claim could not be removed; it may be tried again.
    """
    claims.release(outputs.claim(run.model_dir), run.id)


def _event(run: Run, end: Ending, result: Result | None, active: Active) -> dict[str, object]:
    # The worker notes progress only once the model dir is ready, so the file tells that of a killed one, too.
    is_prepared = result.prepared if result else active.attempt.progress.exists()
    return {
        "event": "ended",
        "run": run.id,
        "outcome": end.outcome,
        "failure": end.failure,
        "error": end.error,
        "results": result.results if result else {},
        "seconds": _seconds(result, active),
        "prepared": is_prepared or run.start is not Start.CLEAN,
        "note": "; ".join(_notes(end, result)) or None,
    }


def _notes(end: Ending, result: Result | None) -> list[str]:
    return [*([end.note] if end.note else []), *(result.notes if result else ())]


def _is_trained(run: Run, result: Result | None, records: Records) -> bool:
    if result is not None and result.trained:
        return True
    # A run that was cut short before it came to its training leaves a complete one in the model dir as it was.
    before = records.ledger.get(run.previous) if run.previous else None
    return run.start is not Start.CLEAN and before is not None and before.is_trained


def _seconds(result: Result | None, active: Active) -> float | None:
    if result is not None:
        return result.seconds
    return None if active.began_at is None else round(time.monotonic() - active.began_at, 3)


def _log(run: Run, end: Ending, result: Result | None, attempt: AttemptDir, records: Records, *, is_kept: bool) -> None:
    if end.outcome in (Outcome.FAILED, Outcome.LOST):
        shown = result.traceback if result and result.traceback else last_output(attempt.output)
        if shown:
            records.log(excerpt(shown), run.id)
    preposition = "in" if end.outcome is Outcome.SUCCEEDED else "after"
    took = "" if run.seconds is None else f" {preposition} {run.seconds:.1f} s"
    why = f": {end.error}" if end.error else ""
    # Without recording, its output is gone with the daemon.
    where = f" (see {attempt.output})" if end.outcome is not Outcome.SUCCEEDED and is_kept else ""
    records.log(f"{run.key} {run.outcome_in_words}{took}{why}{where}", run.id)
    for note in _notes(end, result):
        records.log(f"note: {note}", run.id)

"""Writing down that a run ended."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.reporter import Reporter
from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.endings import Ending, ending
from mlpipeline.domain.excerpts import excerpt
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, Start, outcome_in_words
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


@dataclass(frozen=True, kw_only=True)
class Over:
    """An attempt whose process is gone, and what comes of that."""

    result: Result | None
    end: Ending
    #: What history is told of it.
    told: AttemptEnd


def judge(run: Run, active: Active, records: Records) -> Over:
    """Return how an attempt ended whose process is gone."""
    result = read_result(active.attempt)
    is_stop_asked = run.is_stop_asked or active.is_stop_asked
    shortage = None if is_stop_asked or run.timeout else active.out_of_memory(result)
    end = ending(result, active.exit_status, is_stop_asked=is_stop_asked, timeout=run.timeout, out_of_memory=shortage)
    # The worker notes progress only once the model dir is ready, so the file tells that of a killed one, too.
    is_prepared = result.prepared if result else active.attempt.progress.exists()
    told = AttemptEnd(
        attempt=run.attempt,
        outcome=end.outcome,
        failure=end.failure,
        error=end.error,
        place=_place(end, active.attempt),
        results=result.results if result else {},
        seconds=_seconds(result, active),
        is_prepared=is_prepared or run.start is not Start.CLEAN,
        is_trained=_is_trained(run, result, records),
        note="; ".join(_notes(end, result)) or None,
    )
    return Over(result=result, end=end, told=told)


def record_end(run: Run, over: Over, active: Active, outputs: Outputs, records: Records) -> Ended:
    """Record that a run ended as its attempt did, and say so.

    Raises:
        OSError: the end could not be recorded; it may be tried again, and nothing is forgotten.
    """
    is_new = run.is_open
    if is_new:
        records.note({**over.told.to_event(), "event": "ended", "run": run.id})
        run = records.run(run.id)
        say_how(run, over, active.attempt, outputs, records)
    return Ended(run=run, result=over.result, is_new=is_new)


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


def _place(end: Ending, attempt: AttemptDir) -> str | None:
    if end.place is None and end.failure is Failure.EXIT:
        # What a program said last stands for where it failed; the numbers in it may be others each time.
        said = [line for line in (last_output(attempt.output) or "").splitlines() if line.strip() and line != end.error]
        return f"{end.error}: {re.sub(r'[0-9]+', '0', said[-1]) if said else ''}"
    return end.place


def _notes(end: Ending, result: Result | None) -> list[str]:
    return [*([end.note] if end.note else []), *(result.notes if result else ())]


def _is_trained(run: Run, result: Result | None, records: Records) -> bool:
    if result is not None and result.trained:
        return True
    if run.past:
        return run.is_trained
    # A run that was cut short before it came to its training leaves a complete one in the model dir as it was.
    before = records.ledger.get(run.previous) if run.previous else None
    return run.start is not Start.CLEAN and before is not None and before.is_trained


def _seconds(result: Result | None, active: Active) -> float | None:
    if result is not None:
        return result.seconds
    return None if active.began_at is None else round(time.monotonic() - active.began_at, 3)


def say_how(run: Run, over: Over, attempt: AttemptDir, outputs: Outputs, records: Records) -> None:
    """Log how an attempt of a run ended."""
    end, result = over.end, over.result
    if end.outcome in (Outcome.FAILED, Outcome.LOST):
        shown = result.traceback if result and result.traceback else None
        if shown is None:
            shown = records.not_logged(last_output(attempt.output) or "", run.id)
        if shown:
            records.log(excerpt(shown), run.id)
    preposition = "in" if end.outcome is Outcome.SUCCEEDED else "after"
    seconds = over.told.seconds
    took = "" if seconds is None else f" {preposition} {duration_in_words(seconds)}"
    why = f": {end.error}" if end.error else ""
    # Without recording, its output is gone with the daemon.
    is_kept = attempt.path.is_relative_to(outputs.path)
    where = f" (see {attempt.output})" if end.outcome is not Outcome.SUCCEEDED and is_kept else ""
    records.log(f"{run.key} {outcome_in_words(end.outcome, end.failure)}{took}{why}{where}", run.id)
    for note in _notes(end, result):
        records.log(f"note: {note}", run.id)

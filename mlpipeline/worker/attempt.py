"""One attempt from beginning to end: a worker's whole work."""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlpipeline.domain.result import NO_ROOM_STATUS, Result
from mlpipeline.domain.spec import Spec
from mlpipeline.domain.states import Failure, Outcome
from mlpipeline.executors.how import LEARNING
from mlpipeline.executors.processes import ProcessId
from mlpipeline.project.clock import since_boot, timestamp
from mlpipeline.project.files import create_exclusively, read_json, to_json, write_whole
from mlpipeline.project.paths import AttemptDir, RunDir
from mlpipeline.worker.failures import failure_of
from mlpipeline.worker.leaving import leave_as_python_does, leave_if_forked
from mlpipeline.worker.stopping import StopSignal
from mlpipeline.worker.work import Work

if TYPE_CHECKING:
    from mlpipeline.worker.learning import ImportWatch

#: What the kernel adds to a process's share of the memory when it must kill one: from -1000, never, to 1000, always.
#: See proc(5).
_OOM_SCORE_ADJ = Path("/proc/self/oom_score_adj")
_OOM_SCORE = 500


def carry_out_and_leave(
    run_dir: str, number: int, how: str, *, preloaded: set[str], hash_seed: str | None = None
) -> NoReturn:
    """Carry out an attempt, see `carry_out`, and end this process; `preloaded` are the modules it had before."""
    exit_status = carry_out(RunDir(path=Path(run_dir)), number, how, hash_seed)
    leave_as_python_does(exit_status, sys.modules.keys() - preloaded)


def carry_out(run_dir: RunDir, number: int, how: str, hash_seed: str | None = None) -> int:
    """Carry out attempt `number` of the run that `spec.json` describes, and write `result.json` last.

    Args:
        run_dir: of the run.
        number: of the attempt, counted from 1.
        how: how this process was started, and why so; for `worker.json`. The first of its script is learned from.
        hash_seed: what string hashes are seeded with where others share that; recorded likewise.

    Returns:
        0 after a success or when the attempt was revoked, `NO_ROOM_STATUS` when there is no result because there is no
        room for it, 1 after any other end.
    """
    began = time.monotonic()
    attempt = run_dir.attempt(number)
    spec = Spec.from_json(read_json(run_dir.spec))
    try:
        if not _announce(attempt, spec, how, hash_seed):
            return 0
    except OSError as error:
        return _unwritten(attempt.worker, error)
    work = Work(spec, run_dir, attempt, _import_watch() if how == LEARNING else None)
    result = _result_of(work)
    if result.outcome is Outcome.SUCCEEDED:
        work.note_imports()
    return _write(attempt, result, time.monotonic() - began)


def _import_watch() -> ImportWatch:
    from mlpipeline.worker.learning import ImportWatch

    return ImportWatch()


def _announce(attempt: AttemptDir, spec: Spec, how: str, hash_seed: str | None) -> bool:
    """Say that this process carries out the attempt; return False if a recovering daemon revoked it before."""
    myself = ProcessId.of(os.getpid())
    return create_exclusively(
        attempt.worker,
        to_json(
            {
                **(myself.to_json() if myself else {"pid": os.getpid()}),
                "host": spec.host,
                "python": sys.version.split()[0],
                "command": sys.orig_argv,
                "how": how,
                **({} if hash_seed is None else {"hash_seed": hash_seed}),
                "started_at": timestamp(),
                "since_boot": round(since_boot(), 3),
            }
        ),
        to_disk=False,
    )


def _result_of(work: Work) -> Result:
    worker = os.getpid()
    stop = StopSignal(work.run, work.when_free)
    try:
        _settle_in(work)
        work.perform(stop)
    except BaseException as error:
        leave_if_forked(worker, error)
        result = _after(error, work, stop)
    else:
        leave_if_forked(worker, None)
        result = _without_error(work, stop)
    work.close()
    return result


def _without_error(work: Work, stop: StopSignal) -> Result:
    if stop.is_received and work.run.stop_noticed:
        return work.record.result(Outcome.STOPPED)
    if work.diverged is not None:
        # The script caught it; what it made of that is no success.
        return work.record.result(Outcome.FAILED, failure=Failure.DIVERGED, error=work.diverged)
    return work.record.result(Outcome.SUCCEEDED)


def _settle_in(work: Work) -> None:
    """Make the process what user code may expect."""
    from mlpipeline.worker.importing import prepare_path

    faulthandler.enable()
    if not work.spec.is_attended:
        _die_first()
        # Output is read while it grows, survives a kill up to its last line, and never fails for an odd character.
        for stream in (sys.stdout, sys.stderr):
            _reconfigure(stream)
    sys.argv[:] = [work.spec.script]
    models_dir, project, script = (Path(path) for path in (work.spec.models_dir, work.spec.project, work.spec.script))
    prepare_path(models_dir, project, script)


def _die_first() -> None:
    """Have the kernel choose this process, or what it starts, before the daemon and all others when memory is short."""
    with suppress(OSError, ValueError):
        present = int(_OOM_SCORE_ADJ.read_bytes())
        _OOM_SCORE_ADJ.write_bytes(b"%d" % max(present, _OOM_SCORE))


def _reconfigure(stream: Any) -> None:
    stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _after(error: BaseException, work: Work, stop: StopSignal) -> Result:
    told = failure_of(error)
    if told.traceback:
        _show(told.traceback)
    elif not work.spec.is_attended:
        # Whoever looks into its output finds why there; at a terminal the command says so itself.
        _show(f"{told.error}\n")
    if stop.is_received:
        # Whoever is told to stop may well leave by an exception.
        return work.record.result(Outcome.STOPPED, error=told.error, traceback=told.traceback)
    return work.record.result(
        Outcome.FAILED,
        failure=told.failure,
        error=told.error,
        place=told.place,
        traceback=told.traceback,
        is_child_killed=told.is_child_killed,
    )


def _show(traceback: str) -> None:
    # User code may have closed the stream, or put anything in its place; the traceback stands in the result.
    with suppress(Exception):
        sys.stderr.write(traceback)
        sys.stderr.flush()


def _write(attempt: AttemptDir, result: Result, seconds: float) -> int:
    try:
        attempt.path.mkdir(parents=True, exist_ok=True)
        write_whole(attempt.result, to_json({**result.to_json(), "seconds": round(seconds, 3)}))
    except OSError as error:
        return _unwritten(attempt.result, error)
    return 0 if result.outcome is Outcome.SUCCEEDED else 1


def _unwritten(path: Path, error: OSError) -> int:
    _show(f"{path} could not be written: {error.strerror}\n")
    return NO_ROOM_STATUS if failure_of(error).is_disk_full else 1

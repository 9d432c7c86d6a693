"""Asking the daemons of a project for something, from a process of its own; and stopping runs that have none."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from mlpipeline.domain.requests import Request
from mlpipeline.domain.runs import Run
from mlpipeline.errors import OutputsError
from mlpipeline.executors.local import LocalExecutor, handle_of
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history.journal import Journal
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import AttemptDir, Outputs
from mlpipeline.project.revocation import revoke

#: How often it is looked whether there is an answer, or an end, in seconds.
_INTERVAL_S = 0.1


def ask(requests: Sequence[Request], outputs: Outputs, ledger: Ledger, patience_s: float) -> dict[str, str]:
    """Record requests, and wait for what their daemons say.

    Args:
        requests: what is asked.
        outputs: of this host.
        ledger: of the same outputs.
        patience_s: how long to wait, in seconds.

    Returns:
        What was answered, by the id of the request.

    Raises:
        OutputsError: a request could not be recorded; nothing was asked.
    """
    journal = Journal(outputs.history, timestamp)
    for request in requests:
        _append(journal, request.to_event(), outputs)
    _wake_daemon(outputs)
    deadline = time.monotonic() + patience_s
    while True:
        with suppress(OSError):  # A journal that cannot be read now may be in a moment.
            ledger.catch_up()
        found = {request.id: ledger.answer(request.id) for request in requests}
        answers = {name: said for name, said in found.items() if said is not None}
        if len(answers) == len(requests) or time.monotonic() > deadline:
            return answers
        time.sleep(_INTERVAL_S)


def _wake_daemon(outputs: Outputs) -> None:
    """Have this host's daemon look at the histories now, should it be idle."""
    daemon = ProcessId.from_json(read_json(outputs.heartbeat))
    if daemon is not None and daemon.is_alive():
        with suppress(OSError):
            # It wakes the daemon as the end of a run would, and does nothing to any other process.
            os.kill(daemon.pid, signal.SIGCHLD)


def stop_here(runs: Sequence[Run], by: str, outputs: Outputs, grace_s: float, say: Callable[[Run, str], None]) -> bool:
    """Stop runs of this host whose daemon is gone, and wait until they are over.

    That they were asked to stop is recorded, so that the next launch knows them for stopped.

    Args:
        runs: of this host, still to end.
        by: how it was asked, for the history.
        outputs: of this host.
        grace_s: how long they may take to end, in seconds, before they are killed.
        say: told what came of each.

    Returns:
        False when a daemon is there, or begins at this moment; then nothing was done.

    Raises:
        OutputsError: something could not be recorded; not all were stopped.
    """
    from filelock import FileLock, Timeout

    outputs.locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(outputs.daemon_lock, timeout=0):
            _stop(runs, by, outputs, grace_s, say)
    except Timeout:
        return False
    return True


def _stop(runs: Sequence[Run], by: str, outputs: Outputs, grace_s: float, say: Callable[[Run, str], None]) -> None:
    journal = Journal(outputs.history, timestamp)
    executor = LocalExecutor()
    handles: dict[str, Run] = {}
    for run in runs:
        _append(journal, {"event": "stop", "run": run.id, "by": by}, outputs)
        attempt = outputs.run_dir(run.name).attempt(run.attempt)
        if _revoke(attempt):
            say(run, "stopped, before its next attempt" if run.past else "stopped, before it began")
            continue
        process = ProcessId.from_json(read_json(attempt.worker))
        handles[handle_of(process, run.id)] = run
    alive = executor.look(handles)
    for handle in alive:
        if handles[handle].is_paused:
            executor.wake(handle)  # It is to save first.
        executor.stop(handle, hard=False)
    for handle in handles.keys() - alive.keys():
        say(handles[handle], "had ended already")
    deadline = time.monotonic() + grace_s
    waiting = list(alive)
    while waiting and time.monotonic() < deadline:
        still = executor.look(waiting)
        for handle in set(waiting) - still.keys():
            executor.stop(handle, hard=True)  # what it left behind
            say(handles[handle], "stopped")
        waiting = list(still)
        time.sleep(_INTERVAL_S if waiting else 0)
    for handle in waiting:
        executor.stop(handle, hard=True)
        say(handles[handle], f"killed: it had not stopped within {grace_s:g} s")


def _revoke(attempt: AttemptDir) -> bool:
    """Keep a worker from beginning that its daemon may have started before it died; return False when one has begun."""
    try:
        return revoke(attempt)
    except OSError as error:
        raise OutputsError(f"{attempt.path} cannot be written: {error.strerror}. Not all were stopped.") from error


def _append(journal: Journal, event: dict[str, object], outputs: Outputs) -> None:
    try:
        journal.append(event)
    except OSError as error:
        raise OutputsError(f"{outputs.history} cannot be written: {error.strerror}. Nothing was asked.") from error

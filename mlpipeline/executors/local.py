"""Runs as processes of this machine, each the leader of its own session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import IO

from mlpipeline.executors.executor import Attempt, Presence, Seen, StartRefused
from mlpipeline.executors.how import NOT_WARM, fresh, start_worker
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.spares import Spares
from mlpipeline.executors.sweeping import find_by_environment, suspend, sweep, wake

#: How long a worker may take to say where it was when its time ran out, in seconds.
_ABORT_TIME_S = 1.0


def abort(worker: subprocess.Popen[bytes]) -> None:
    """End a worker whose time ran out by SIGABRT, upon which `faulthandler` writes where it was; never waits long."""
    worker.send_signal(signal.SIGABRT)
    with suppress(subprocess.TimeoutExpired):
        worker.wait(_ABORT_TIME_S)


class LocalExecutor:
    """Starts workers on this machine."""

    def __init__(self) -> None:
        self._spares = Spares()
        #: By handle: the pid of one that ended may be another's by now.
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        #: The handles of processes that were seen alive: what is in their session is theirs.
        self._met: set[str] = set()

    def start(self, attempt: Attempt, how: str = fresh(NOT_WARM)) -> str:
        """Start the worker; its stdout and stderr are the attempt's `output.log` from its first instruction on.

        Args:
            attempt: to carry out.
            how: how it is started and why so, for `worker.json`.
        """
        attempt.dir.path.mkdir(parents=True, exist_ok=True)
        with attempt.dir.output.open("ab") as output:
            child = self._spares.take(attempt, how) or _started(attempt, how, output)
        self._spares.prepare(attempt.project)
        handle = handle_of(ProcessId.of_child(child.pid), attempt.run_id)
        self._children[handle] = child
        self._met.add(handle)
        return handle

    def find(self, attempt_id: str) -> str | None:
        """Look for the leader among all processes that carry the attempt's id."""
        for pid in find_by_environment("MLP_ATTEMPT_ID", attempt_id):
            process = ProcessId.of(pid)
            if process is not None and _is_session_leader(pid):
                return handle_of(process, attempt_id.rpartition(".")[0])
        return None

    def look(self, handles: Iterable[str]) -> Mapping[str, Seen]:
        """Reap the own children that ended; of others only their presence can be known."""
        self._spares.tend()
        seen = {}
        for handle in handles:
            child = self._children.get(handle)
            if child is not None and child.poll() is not None:
                seen[handle] = Seen(presence=Presence.ENDED, exit_status=child.returncode)
                del self._children[handle]
            elif child is not None or _is_alive(handle):
                seen[handle] = Seen(presence=Presence.ALIVE)
                self._met.add(handle)
        return seen

    def close(self) -> None:
        """Leave the workers to themselves, but end those that have nothing to do."""
        self._spares.close()

    def stop(self, handle: str, *, hard: bool) -> None:
        """Signal the worker, or sweep its run."""
        process = ProcessId.from_json(json.loads(handle))
        if hard:
            sweep(*self._belonging(handle))
            if handle not in self._children and not _is_alive(handle):
                # Its session was just emptied; from now on the number may become a stranger's.
                self._met.discard(handle)
        elif process is not None and process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)

    def suspend(self, handle: str) -> None:
        """Stop the run's processes where they are."""
        suspend(*self._belonging(handle))

    def wake(self, handle: str) -> None:
        """Let the run's processes go on."""
        wake(*self._belonging(handle))

    def _belonging(self, handle: str) -> tuple[ProcessId | None, str]:
        value = json.loads(handle)
        return ProcessId.from_json(value) if handle in self._met else None, value["run"]


def _started(attempt: Attempt, how: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return start_worker(
            *("run", str(attempt.run_dir.path), str(attempt.number), how),
            cwd=attempt.project,
            environment={**os.environ, **attempt.environment},
            output=output,
        )
    except OSError as error:
        raise StartRefused(f"no process could be started: {error.strerror}") from error


def handle_of(process: ProcessId | None, run_id: str) -> str:
    """Return the handle of the worker of a run; of one that nobody can name any more, without a process."""
    return json.dumps({"run": run_id, **(process.to_json() if process else {})})


def _is_alive(handle: str) -> bool:
    process = ProcessId.from_json(json.loads(handle))
    return process is not None and process.is_alive()


def _is_session_leader(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False

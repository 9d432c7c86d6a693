"""Runs as processes of this machine, each the leader of its own session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlpipeline.executors.executor import Attempt, Presence, Seen, StartRefused
from mlpipeline.executors.processes import ProcessId, find_by_environment, sweep
from mlpipeline.project.files import read_json


def worker_command(*arguments: str) -> list[str]:
    """Return the command line of a worker: this interpreter, with nothing unsafe in front of its `sys.path`."""
    return [sys.executable, "-P", "-m", "mlpipeline.worker", *arguments]


class LocalExecutor:
    """Starts workers on this machine."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, attempt: Attempt) -> str:
        """Start the worker; its stdout and stderr are the attempt's `output.log` from its first instruction on."""
        attempt.dir.path.mkdir(parents=True, exist_ok=True)
        command = worker_command("run", str(attempt.run_dir.path), str(attempt.number))
        with attempt.dir.output.open("ab") as output:
            try:
                child = subprocess.Popen(
                    command,
                    cwd=attempt.project,
                    env={**os.environ, **attempt.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                raise StartRefused(f"no process could be started: {error.strerror}") from error
        self._children[child.pid] = child
        return _handle(child.pid, attempt.run_id)

    def find(self, attempt: Attempt) -> str | None:
        """Look for the leader among all processes that carry the attempt's id."""
        for pid in find_by_environment("MLP_ATTEMPT_ID", attempt.id):
            if os.getsid(pid) == pid:
                return _handle(pid, attempt.run_id)
        return None

    def look(self, handles: Iterable[str]) -> Mapping[str, Seen]:
        """Reap the own children that ended; of others only their presence can be known."""
        seen = {}
        for handle in handles:
            value = json.loads(handle)
            child = self._children.get(value["pid"])
            if child is not None and child.poll() is not None:
                seen[handle] = Seen(presence=Presence.ENDED, exit_status=child.returncode)
                del self._children[child.pid]
            elif child is not None or _is_alive(value):
                seen[handle] = Seen(presence=Presence.ALIVE)
        return seen

    def stop(self, handle: str, *, hard: bool) -> None:
        """Signal the worker, or sweep its run."""
        value = json.loads(handle)
        process = ProcessId.from_json(value)
        if process is None:
            return
        if hard:
            sweep(process, value["run"])
        elif process.is_alive():
            os.kill(process.pid, signal.SIGTERM)


def handle_of_worker(worker: Path, run_id: str) -> str | None:
    """Return the handle of the process that a `worker.json` names, or None if it names none."""
    process = ProcessId.from_json(read_json(worker))
    return None if process is None else json.dumps({"run": run_id, **process.to_json()})


def _handle(pid: int, run_id: str) -> str:
    process = ProcessId.of(pid) or ProcessId(pid=pid, boot="", ticks=0.0)
    return json.dumps({"run": run_id, **process.to_json()})


def _is_alive(value: Mapping[str, Any]) -> bool:
    process = ProcessId.from_json(value)
    return process is not None and process.is_alive()

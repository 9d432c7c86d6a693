"""What `mlpipeline status` says while things die, compared with the processes that are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlpipeline.executors.processes import look_up
from storm.stormy import Stormy

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
#: How long one status may take, in seconds.
_ANSWER_TIME_S = 60

Process = tuple[int, float]


class Statuses:
    """Asks for the status again and again, and keeps what was false of it: `with Statuses(stormy) as statuses:`."""

    def __init__(self, stormy: Stormy, *, pause_s: float) -> None:
        """Let `pause_s` seconds pass between two questions."""
        self._stormy = stormy
        self._pause_s = pause_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name="statuses")
        #: How many were asked for.
        self.count = 0
        #: What was false, a sentence each.
        self.false: list[str] = []
        #: For how long the same dead run was shown as running, in seconds.
        self.longest_s = 0.0
        #: What went wrong otherwise.
        self.trouble: list[str] = []
        self._dead_since: dict[str, float] = {}

    def __enter__(self) -> Statuses:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def _ask_on(self) -> None:
        while not self._is_over.wait(self._pause_s):
            for host in self._stormy.hosts:
                try:
                    self._ask(host)
                except Exception as error:
                    self.trouble.append(f"status on {host}: {error!r}")

    def _ask(self, host: str) -> None:
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        before = _alive()
        looked = time.clock_gettime(time.CLOCK_BOOTTIME)
        status = self._status(host)
        told = time.clock_gettime(time.CLOCK_BOOTTIME)
        after = _alive()
        self.count += 1
        # What runs elsewhere, only that host can know.
        for run in (run for run in status["runs"] if run["host"] == host):
            process = _worker_of(run)
            if process is None:
                continue
            # The kernel rounds down when it says when a process started.
            was_there = (process[1] + 1) / _TICKS_PER_S < began
            if run["state"] == "running" and was_there and process not in before:
                dead_since = self._dead_since.setdefault(run["id"], looked)
                self.longest_s = max(self.longest_s, told - dead_since)
                self.false.append(f"{run['run']} was shown as running, and its process {process[0]} was dead")
            if run["state"] == "ended" and process in after:
                self.false.append(f"{run['run']} was shown as {run['outcome']}, and its process {process[0]} was alive")

    def _status(self, host: str) -> Mapping[str, Any]:
        project = self._stormy.project
        done = subprocess.run(
            [sys.executable, "-m", "mlpipeline", "status", "--json"],
            cwd=project.root,
            env=project.environment({**self._stormy.env, "MLP_HOST": host}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_TIME_S,
            check=True,
        )
        answer: Mapping[str, Any] = json.loads(done.stdout)
        return answer


def _alive() -> set[Process]:
    listed = (look_up(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
    return {(process.pid, process.ticks) for process in listed if process and not process.is_over}


def _worker_of(run: Mapping[str, Any]) -> Process | None:
    try:
        worker = json.loads((Path(run["run_dir"]) / str(run["attempt"]) / "worker.json").read_bytes())
        return int(worker["pid"]), float(worker["ticks"])
    except (OSError, ValueError, KeyError):
        return None

"""A training that leaves evidence: each step's effect in the model dir, and a line about it outside of the project."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

EVIDENCE = Path(os.environ["STORM_EVIDENCE"])


class Training:
    """One attempt to train one version. Of it and its forked children none may be there while another one is."""

    def __init__(self, model_dir: Path, *, steps: int, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._steps = steps
        self._should_stop = should_stop
        self._version = model_dir.name
        self._attempt = os.environ["MLP_ATTEMPT_ID"]
        self._checkpoint = model_dir / "checkpoint.json"
        # Held until the last process is gone that has it from this one.
        self._lock = (EVIDENCE / f"{self._version}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._tell("overlaps")
        self._tell("begins")

    @property
    def steps(self) -> list[tuple[int, str]]:
        """What the checkpoint holds: each step that was trained, and the attempt that did."""
        return json.loads(self._checkpoint.read_bytes()) if self._checkpoint.exists() else []

    def train(self, step: int) -> None:
        """Do a step and save its effect; the last one not before the storm lets this version through."""
        time.sleep(0.02 + 0.02 * (step % 3))
        gate = EVIDENCE / f"{self._version}.open"
        while step == self._steps - 1 and not gate.exists() and not self._should_stop():
            time.sleep(0.01)
        aside = self._checkpoint.with_suffix(".aside")
        aside.write_text(json.dumps([*self.steps, (step, self._attempt)]))
        aside.replace(self._checkpoint)
        self._tell("kept", step)

    def end(self) -> None:
        """Say that all steps are done."""
        self._tell("ends")

    def _tell(self, what: str, step: int | None = None) -> None:
        line = json.dumps({"version": self._version, "attempt": self._attempt, "what": what, "step": step})
        told = os.open(EVIDENCE / "told.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(told, line.encode() + b"\n")
        os.close(told)

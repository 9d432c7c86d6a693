"""Workers of test mode: one at a time, in the terminal's foreground, with everything inherited."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT, SIGQUIT, signal

from mlpipeline.executors.local import worker_command
from mlpipeline.executors.processes import ProcessId, sweep


def run_in_foreground(
    *arguments: str, cwd: Path, environment: Mapping[str, str], timeout_s: float | None = None
) -> int | None:
    """Run a worker that shares the terminal, so that a `breakpoint()` works, and wait for it.

    Ctrl-C is the worker's alone: it shows its traceback, and ends with it. What the worker leaves behind is killed.

    Args:
        arguments: of the worker.
        cwd: its working directory.
        environment: set beside what this process has itself; holds `MLP_RUN_ID`.
        timeout_s: after how many seconds it is killed; None for never.

    Returns:
        Its exit status, negative for the signal that ended it; None when the time ran out.
    """
    with _left_to_child(SIGINT, SIGQUIT):
        child = subprocess.Popen(worker_command(*arguments), cwd=cwd, env={**os.environ, **environment})
        # Not a session leader: only its descendants, and what carries its run id, are swept.
        leader = ProcessId.of_child(child.pid)
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            sweep(leader, environment["MLP_RUN_ID"])
            child.wait()


@contextmanager
def _left_to_child(*numbers: int) -> Iterator[None]:
    # A handler, unlike SIG_IGN, is not inherited through exec: the child does what it always does.
    before = {number: signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal(number, handler)

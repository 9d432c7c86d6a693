"""Workers of test mode: one at a time, in the terminal's foreground, with everything inherited."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT, SIGQUIT, signal

from mlpipeline.executors.how import worker_command
from mlpipeline.executors.local import abort
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import sweep

#: How often it is looked whether a worker is done, in seconds.
_INTERVAL_S = 1.0


def run_in_foreground(
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: float | None = None,
    is_done: Callable[[], bool] = lambda: False,
    leave_time_s: float = 0.0,
) -> int | None:
    """Run a worker that shares the terminal, so that a `breakpoint()` works, and wait for it.

    Ctrl-C is the worker's alone: it shows its traceback, and ends with it. What the worker leaves behind is killed.

    Args:
        arguments: of the worker.
        cwd: its working directory.
        environment: set beside what this process has itself; holds `MLP_RUN_ID`.
        timeout_s: after how many seconds it is killed; None for never.
        is_done: whether it has done all it had to; threads that user code left may keep it from ending.
        leave_time_s: how many seconds it has to end once it is done, before it is killed.

    Returns:
        Its exit status, negative for the signal that ended it; None when the time ran out.
    """
    with _left_to_child(SIGINT, SIGQUIT):
        child = subprocess.Popen(worker_command(*arguments), cwd=cwd, env={**os.environ, **environment})
        # Not a session leader: only its descendants, and what carries its run id, are swept.
        leader = ProcessId.of_child(child.pid)
        try:
            return _status(child, timeout_s, is_done, leave_time_s)
        finally:
            sweep(leader, environment["MLP_RUN_ID"])
            child.wait()


def _status(
    child: subprocess.Popen[bytes], timeout_s: float | None, is_done: Callable[[], bool], leave_time_s: float
) -> int | None:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    leave_by: float | None = None
    while True:
        now = time.monotonic()
        if leave_by is None and is_done():
            leave_by = now + leave_time_s
        if leave_by is not None and now >= leave_by:
            return None
        if deadline is not None and now >= deadline:
            abort(child)
            return None
        ends = [end - now for end in (deadline, leave_by) if end is not None]
        with suppress(subprocess.TimeoutExpired):
            return child.wait(min([*ends, _INTERVAL_S]))


@contextmanager
def _left_to_child(*numbers: int) -> Iterator[None]:
    # A handler, unlike SIG_IGN, is not inherited through exec: the child does what it always does.
    before = {number: signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal(number, handler)

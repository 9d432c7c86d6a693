"""Ending a process that is not to go on."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from mlpipeline.worker.failures import user_traceback


def leave_if_forked(worker: int, error: BaseException | None) -> None:
    """Leave if this is not the process `worker`: user code forked, and its child came back to us.

    The child is not the run. It ends as a program of its own would at this point, since its parent may look at that.

    Args:
        worker: the pid of the worker.
        error: what the child raised, if anything.
    """
    if os.getpid() != worker:
        leave(_exit_status(error))


def leave(exit_status: int) -> NoReturn:
    """End this process now, without waiting for threads that user code left."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # User code may have closed it, or put anything in its place.
            stream.flush()
    os._exit(exit_status)


def _exit_status(error: BaseException | None) -> int:
    if error is None:
        return 0
    if not isinstance(error, SystemExit):
        _tell(user_traceback(error))
        return 1
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    _tell(f"{error.code}\n")
    return 1


def _tell(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)

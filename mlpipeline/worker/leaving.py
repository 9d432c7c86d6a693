"""Ending a process that is not to go on."""

from __future__ import annotations

import _io
import atexit
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterable
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
    _flush_streams()
    os._exit(exit_status)


def leave_as_python_does(exit_status: int, modules: Iterable[str]) -> NoReturn:
    """End a worker with all that Python does at the end, but for taking apart the modules that it had from the start.

    That takes milliseconds, and in a forked worker it would copy the memory that it shares: a second where that is
    much. So here only `modules` go: those that the run imported itself, and with them the objects that it made.
    """
    import ctypes

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    # The handler of the run holds the model; and from here on Python would not call it any more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Before they are collected: in garbage that hangs together, a file may be closed before what is to write to it.
    _flush_files()
    for name in list(modules):
        sys.modules.pop(name, None)
    gc.collect()
    # By what was deleted just now, and for what somebody else still holds, such as a library.
    _flush_files()
    _flush_streams()
    # C code has handlers of its own: for what it printed, for files that a library completes. They may call Python.
    ctypes.PyDLL(None).exit(exit_status)
    raise AssertionError("nobody returns from exit")


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # User code may have closed it, or put anything in its place.
            stream.flush()


def _flush_files() -> None:
    # By the type in C, which all files have below them: `io.IOBase` asks each type in Python. And by the type alone:
    # `isinstance` also asks the object for its class, and some warn when they are asked for anything, or do more.
    for value in gc.get_objects():
        if issubclass(type(value), _io._IOBase):
            with suppress(Exception):
                value.flush()


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

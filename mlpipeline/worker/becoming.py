"""Becoming the worker of an attempt, for a process that was there before the attempt: a fork, or a spare one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlpipeline.executors.how import worker_command
from mlpipeline.executors.marks import show

#: What was printed before is shown to each run, but no more of it than this, in bytes.
_PRINTED_BYTES = 1 << 20


def become_worker(handover: Mapping[str, Any], how: str, printed: bytes) -> None:
    """Make this process what a worker is that was started for the attempt.

    Args:
        handover: what `executors.handover` tells of the attempt.
        how: it was started, for its command line.
        printed: what a worker would have printed by now.
    """
    show(handover["environment"])
    _redirect(handover["output"])
    _print(printed)
    sys.orig_argv[:] = worker_command("run", handover["run_dir"], str(handover["number"]), how)
    os.chdir(handover["cwd"])
    os.environ.update(handover["environment"])


def printed_so_far() -> bytes:
    """Return what this process printed; its stdout and stderr are one file."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # Whatever was imported may have put anything in its place.
            stream.flush()
    try:
        return os.pread(1, _PRINTED_BYTES, 0)
    except OSError:
        return b""


def _print(data: bytes) -> None:
    # What was printed before the attempt must not end it where the disk is full.
    with suppress(OSError):
        while data:
            data = data[os.write(1, data) :]


def _redirect(output: str) -> None:
    null = os.open(os.devnull, os.O_RDWR)  # as `subprocess` opens it
    file = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(null, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(null)
    os.close(file)

"""Telling one process from another, over any time."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlpipeline.project.clock import boot_id


@dataclass(frozen=True, kw_only=True)
class ProcessId:
    """One process of this machine: no later process with its pid is mistaken for it, and no clock change matters."""

    pid: int
    #: This boot of the machine.
    boot: str
    #: When the kernel started it, in ticks since the boot; seconds since the epoch where there is no /proc.
    ticks: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the identity of a process that is there now, or None."""
        ticks = _start_ticks(pid)
        return None if ticks is None else cls(pid=pid, boot=boot_id(), ticks=ticks)

    @classmethod
    def of_child(cls, pid: int) -> ProcessId:
        """Return the identity of a child that was not waited for: its pid is its own even when it has ended."""
        ticks = _start_ticks(pid, is_over_too=True)
        return cls(pid=pid, boot=boot_id(), ticks=0.0 if ticks is None else ticks)

    @classmethod
    def from_json(cls, value: Any) -> ProcessId | None:
        """Return the identity recorded in `value`, a dict with `pid`, `boot` and `ticks`, or None if it holds none."""
        try:
            return cls(pid=int(value["pid"]), boot=str(value["boot"]), ticks=float(value["ticks"]))
        except (KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"pid": self.pid, "boot": self.boot, "ticks": self.ticks}

    def __str__(self) -> str:
        """Return what no other process of this boot is called."""
        return f"{self.pid}.{self.ticks:.0f}"

    def is_alive(self) -> bool:
        """Return whether this very process is there and has not ended; one that only waits to be reaped has."""
        return self.boot == boot_id() and _start_ticks(self.pid) == self.ticks


def booted_at() -> float:
    """Return when this machine was started, in seconds since the epoch by today's clock."""
    if sys.platform.startswith("linux"):
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    import psutil

    return psutil.boot_time()


def _start_ticks(pid: int, *, is_over_too: bool = False) -> float | None:
    """Return when the living process `pid` started, or None when there is none.

    With `is_over_too`, also of one that has ended and only waits to be reaped.
    """
    if not sys.platform.startswith("linux"):
        return _start_time(pid, is_over_too)
    process = look_up(pid)
    return None if process is None or (process.is_over and not is_over_too) else process.ticks


class Listed(NamedTuple):
    """What the system says of a process."""

    pid: int
    name: str
    #: Whether it has ended, and only waits to be reaped.
    is_over: bool
    parent: int
    session: int
    #: As in `ProcessId`.
    ticks: float


def look_up(pid: int) -> Listed | None:
    """Return what Linux says of the process `pid`, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return None
    # The second field is the command in parentheses, and may hold spaces and parentheses itself. See proc(5).
    begin, end = stat.index(b"(") + 1, stat.rindex(b")")
    fields = stat[end + 2 :].split()
    return Listed(
        pid=pid,
        name=stat[begin:end].decode("utf-8", "backslashreplace"),
        is_over=fields[0] in (b"Z", b"X"),
        parent=int(fields[1]),
        session=int(fields[3]),
        ticks=float(fields[19]),
    )


def _start_time(pid: int, is_over_too: bool) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        is_over = process.status() == psutil.STATUS_ZOMBIE
        return None if is_over and not is_over_too else process.create_time()
    except psutil.Error:
        return None


def become_subreaper() -> None:
    """Become the parent of all descendants whose own parents die: on Linux, what is left behind can then be seen."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(is_wanted: bool) -> None:
    """On Linux, have this process killed as soon as the thread ends that started it, or no longer.

    Whoever wants it looks afterwards whether its parent is still there: of an end before, nothing is said.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if is_wanted else 0, 0, 0, 0)


def children_of_this_process() -> set[int]:
    """Return the pids of this process's children, on Linux; those that wait to be reaped are among them."""
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        import psutil

        # A kernel that was built without the shorter way.
        return {process.pid for process in psutil.Process().children()}
    pids: set[int] = set()
    for task in os.listdir("/proc/self/task"):
        with suppress(OSError), open(f"/proc/self/task/{task}/children", "rb") as file:
            pids.update(map(int, file.read().split()))
    return pids


#: See prctl(2).
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

"""Telling one process from another, over any time, and ending all that belongs to a run."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: How long one round of a sweep waits for what it killed, and how often it looks, in seconds.
_SWEEP_WAIT_S = 1.0
_SWEEP_INTERVAL_S = 0.005


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


@functools.cache
def boot_id() -> str:
    """Return what tells this boot of the machine from any other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return f"boot-{int(psutil.boot_time())}"


def _start_ticks(pid: int, *, is_over_too: bool = False) -> float | None:
    """Return when the living process `pid` started, or None when there is none.

    With `is_over_too`, also of one that has ended and only waits to be reaped.
    """
    if not sys.platform.startswith("linux"):
        return _start_time(pid, is_over_too)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is the command in parentheses, and may hold spaces and parentheses itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X") and not is_over_too:
        return None
    return float(fields[19])


def _start_time(pid: int, is_over_too: bool) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        is_over = process.status() == psutil.STATUS_ZOMBIE
        return None if is_over and not is_over_too else process.create_time()
    except psutil.Error:
        return None


def sweep(leader: ProcessId | None, mark: str, variable: str = "MLP_RUN_ID") -> list[str]:
    """Kill whatever is left of a run: its group, its session, its descendants, and all that carry its mark.

    A process that called `setsid` has left the group and the session, and one whose parent died has left the tree,
    but the environment that it was started with stays.

    Args:
        leader: the worker, which led group and session, if it is there or was a moment ago. Of one that has been
            gone for longer, pid and session may be a stranger's by now: then it is None.
        mark: what the run's processes have as `variable` in their environment: the run's id.
        variable: its name.

    Returns:
        The killed processes, as `pid name`.
    """
    import psutil

    killed: list[str] = []
    # A process may fork between the look and the kill: look again until nothing is found.
    for _ in range(10):
        found = list(_belonging(leader, variable, mark))
        if not found:
            break
        for process in found:
            try:
                killed.append(f"{process.pid} {process.name()}")
                process.kill()
            except psutil.Error:
                continue
        _wait_until_over(found)
    return list(dict.fromkeys(killed))


def _wait_until_over(processes: list[Any]) -> None:
    # Not by psutil's own wait: it would reap our children, whose exit status the executor still wants to see.
    deadline = time.monotonic() + _SWEEP_WAIT_S
    while any(not _is_over(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_SWEEP_INTERVAL_S)


def become_subreaper() -> None:
    """Become the parent of all descendants whose own parents die: on Linux, what is left behind can then be seen."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of_this_process() -> set[int]:
    """Return the pids of this process's children, on Linux; those that wait to be reaped are among them."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        import psutil

        # A kernel that was built without the shorter way.
        return {process.pid for process in psutil.Process().children()}
    pids: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            pids.update(map(int, (task / "children").read_text().split()))
    return pids


#: See prctl(2).
_PR_SET_CHILD_SUBREAPER = 36


def find_by_environment(name: str, value: str) -> Iterator[int]:
    """Yield the pids of this user's processes that were started with `name=value` in their environment."""
    import psutil

    for process in psutil.process_iter():
        if _environment_holds(process, name, value):
            yield process.pid


def _belonging(leader: ProcessId | None, variable: str, mark: str) -> Iterator[Any]:
    import psutil

    session = None if leader is None else _session_led_by(leader)
    descendants = _descendants(leader) if leader is not None and leader.is_alive() else set()
    for process in psutil.process_iter():
        if process.pid == os.getpid() or _is_over(process):
            continue
        if (
            process.pid in descendants
            or (session is not None and _session_of(process.pid) == session)
            or _environment_holds(process, variable, mark)
        ):
            yield process


def _session_led_by(leader: ProcessId) -> int | None:
    # While any process of a session lives, the kernel gives its leader's pid to nobody else. So a stranger with that
    # pid means that nothing of the session is left; and none outlives its boot.
    return leader.pid if leader.boot == boot_id() and ProcessId.of(leader.pid) in (None, leader) else None


def _descendants(leader: ProcessId) -> set[int]:
    import psutil

    try:
        return {process.pid for process in psutil.Process(leader.pid).children(recursive=True)}
    except psutil.Error:
        return set()


def _is_over(process: Any) -> bool:
    import psutil

    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _environment_holds(process: Any, name: str, value: str) -> bool:
    import psutil

    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    return bool(environment.get(name) == value)

"""Ending all that belongs to a run, wherever it went."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from mlpipeline.executors.processes import Listed, ProcessId, look_up
from mlpipeline.project.clock import boot_id

#: How long one round of a sweep waits for what it killed, and how often it looks, in seconds.
_WAIT_S = 1.0
_INTERVAL_S = 0.005


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
    killed: list[str] = []
    # A process may fork between the look and the kill: look again until nothing is found.
    for _ in range(10):
        found = _belonging(leader, variable, mark)
        if not found:
            break
        for process in found:
            killed.append(f"{process.pid} {process.name}")
            _signal(process, signal.SIGKILL)
        _wait_until_over(found)
    return list(dict.fromkeys(killed))


def suspend(leader: ProcessId | None, mark: str) -> None:
    """Stop all processes of a run where they are; see `sweep` for the arguments."""
    stopped: set[int] = set()
    # A process may fork between the look and the signal: look again until nothing new is found.
    while new := [process for process in _belonging(leader, "MLP_RUN_ID", mark) if process.pid not in stopped]:
        for process in new:
            stopped.add(process.pid)
            _signal(process, signal.SIGSTOP)


def wake(leader: ProcessId | None, mark: str) -> None:
    """Let all processes of a run go on; see `sweep` for the arguments."""
    for process in _belonging(leader, "MLP_RUN_ID", mark):
        _signal(process, signal.SIGCONT)


def belonging(leader: ProcessId | None, mark: str) -> list[int]:
    """Return the pids of all processes of a run; see `sweep` for the arguments."""
    return [process.pid for process in _belonging(leader, "MLP_RUN_ID", mark)]


def find_by_environment(name: str, value: str) -> Iterator[int]:
    """Yield the pids of this user's processes that were started with `name=value` in their environment."""
    for process in _processes():
        if _environment_holds(process.pid, name, value):
            yield process.pid


def _belonging(leader: ProcessId | None, variable: str, mark: str) -> list[Listed]:
    processes = [process for process in _processes() if not process.is_over and process.pid != os.getpid()]
    if leader is not None and leader.boot == boot_id():
        # Nothing of a run is older than its worker: most processes of a machine need no closer look.
        processes = [process for process in processes if process.ticks >= leader.ticks]
    session = None if leader is None else _session_led_by(leader)
    descendants = _descendants(leader, processes) if leader is not None and leader.is_alive() else set()
    return [
        process
        for process in processes
        if process.pid in descendants
        or (session is not None and process.session == session)
        or _environment_holds(process.pid, variable, mark)
    ]


def _session_led_by(leader: ProcessId) -> int | None:
    # While any process of a session lives, the kernel gives its leader's pid to nobody else. So a stranger with that
    # pid means that nothing of the session is left; and none outlives its boot.
    return leader.pid if leader.boot == boot_id() and ProcessId.of(leader.pid) in (None, leader) else None


def _descendants(leader: ProcessId, processes: list[Listed]) -> set[int]:
    children: dict[int, list[int]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = [leader.pid]
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _signal(process: Listed, number: signal.Signals) -> None:
    # Its pid may be another's by now.
    now = ProcessId.of(process.pid)
    if now is not None and now.ticks == process.ticks:
        with suppress(OSError):
            os.kill(process.pid, number)


def _wait_until_over(processes: list[Listed]) -> None:
    # Nothing is reaped: the executor still wants to see the exit status of its children.
    waited_for = [ProcessId(pid=process.pid, boot=boot_id(), ticks=process.ticks) for process in processes]
    deadline = time.monotonic() + _WAIT_S
    while any(process.is_alive() for process in waited_for) and time.monotonic() < deadline:
        time.sleep(_INTERVAL_S)


def _processes() -> Iterator[Listed]:
    if sys.platform.startswith("linux"):
        # Not by psutil: a sweep follows every run, and this takes a fifth of the time.
        yield from filter(None, (look_up(int(name)) for name in os.listdir("/proc") if name.isdigit()))
        return
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            yield Listed(
                pid=process.pid,
                name=process.name(),
                is_over=process.status() == psutil.STATUS_ZOMBIE,
                parent=process.ppid(),
                session=os.getsid(process.pid),
                ticks=process.create_time(),
            )


def _environment_holds(pid: int, name: str, value: str) -> bool:
    if sys.platform.startswith("linux"):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return f"{name}={value}".encode() in file.read().split(b"\0")
        except OSError:
            return False  # Another user's, or gone.
    import psutil

    try:
        return bool(psutil.Process(pid).environ().get(name) == value)
    except (psutil.Error, OSError):
        return False

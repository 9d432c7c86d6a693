"""Who works here: the daemon of this host, its lock, and those of other hosts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlpipeline.daemon.checkup.case import Case
from mlpipeline.daemon.presence import HEARTBEAT_INTERVAL_S
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.executors.processes import ProcessId, look_up
from mlpipeline.project.files import read_json

#: After so long without a heartbeat something is wrong with a daemon, in seconds.
_SILENT_S = 4 * HEARTBEAT_INTERVAL_S


def daemon(case: Case) -> Iterator[Finding]:
    """Look at this host's daemon: whether it is there, and heard of."""
    said = _heartbeat(case.outputs.heartbeat)
    process = ProcessId.from_json(said)
    if process is None or "ended_at" in said:
        yield ok("daemon", f"none runs on {case.outputs.host}")
        return
    who = f"pid {process.pid} ({said.get('command', 'mlpipeline -r')})"
    silent_s = _silent_s(case, case.outputs.heartbeat)
    if not process.is_alive():
        told = f"{who} died without a word, {duration_in_words(max(0.0, silent_s))} ago; what it ran may go on"
        yield look("daemon", told, "mlpipeline -r -u  # takes over what is left of it")
    elif silent_s > _SILENT_S:
        told = f"{who} is there, and has not been heard of for {duration_in_words(silent_s)}: it is stopped, or hangs"
        yield bad("daemon", told, f"ps -o pid,stat,wchan,cmd -p {process.pid}; kill -CONT {process.pid}")
    else:
        yield ok("daemon", f"{who} is at work")


def other_daemons(case: Case) -> Iterator[Finding]:
    """Look which other hosts have a daemon that is not heard of."""
    for path in case.outputs.heartbeats():
        said = _heartbeat(path)
        host = said.get("host")
        if host is None or host == case.outputs.host or "ended_at" in said:
            continue
        silent_s = _silent_s(case, path)
        if silent_s > _SILENT_S:
            told = f"that of {host} was last heard of {duration_in_words(silent_s)} ago: it died, or cannot be reached"
            yield look("daemon", told, f"mlpipeline doctor  # on {host}")
        else:
            yield ok("daemon", f"one is at work on {host}")


def is_at_work(case: Case, host: str) -> bool:
    """Return whether a host has a daemon that is there, as far as can be seen from here."""
    for path in case.outputs.heartbeats():
        said = _heartbeat(path)
        if said.get("host") == host and "ended_at" not in said:
            process = ProcessId.from_json(said)
            if host == case.outputs.host:
                return process is not None and process.is_alive()
            return _silent_s(case, path) <= _SILENT_S
    return False


def lock(case: Case) -> Iterator[Finding]:
    """Look who holds this host's lock, without touching it: a launch at this moment must find it free."""
    path = case.outputs.daemon_lock
    said = _heartbeat(case.outputs.heartbeat)
    process = ProcessId.from_json(said)
    if process is not None and process.is_alive() and "ended_at" not in said:
        if _has_open(process.pid, path) is False:
            told = f"pid {process.pid} is this host's daemon, and {path} was removed or replaced: another could start"
            yield bad("lock", told, f"kill {process.pid}  # its runs save and end; then: mlpipeline -r -u")
        else:
            yield ok("lock", f"held by the daemon, pid {process.pid}")
        return
    holders = _holders(path)
    for pid in holders or ():
        listed = look_up(pid)
        name = f" ({listed.name})" if listed is not None else ""
        told = f"is held by process {pid}{name}, which is no daemon: no queue can start on this host"
        yield bad("lock", told, f"ps -fp {pid}; kill {pid}")
    if holders == []:
        yield ok("lock", "is free")


def _heartbeat(path: Path) -> dict[str, Any]:
    said = read_json(path)
    return said if isinstance(said, dict) else {}


def _silent_s(case: Case, path: Path) -> float:
    # The file's time and the time now are both those of the file system, whichever host wrote it.
    with suppress(OSError):
        return case.now - path.stat().st_mtime
    return 0.0


def _holders(path: Path) -> list[int] | None:
    """Return the processes that hold a lock on a file; None where the system does not say.

    Source: proc(5), /proc/locks.
    """
    try:
        lines = Path("/proc/locks").read_text().splitlines()
        status = path.stat()
    except FileNotFoundError:
        return [] if sys.platform.startswith("linux") else None
    except OSError:
        return None
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    found = []
    for line in lines:
        fields = line.split()
        # Those that only wait for a lock have an arrow in front, and a process of another container has no pid here.
        if len(fields) < 8 or fields[1] == "->" or int(fields[4]) <= 0:
            continue
        on, _, inode = fields[5].rpartition(":")
        # Some file systems say another device there; another one may have a file of that inode.
        if inode == str(status.st_ino) and (on == device or _has_open(int(fields[4]), path)):
            found.append(int(fields[4]))
    return found


def _has_open(pid: int, path: Path) -> bool | None:
    """Return whether a process has a file open; None where that cannot be seen."""
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
    for descriptor in descriptors:
        with suppress(OSError):
            if descriptor.samefile(path):
                return True
    return False

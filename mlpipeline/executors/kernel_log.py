"""The kernel's log, where it may be read: it names whom the kernel killed for want of memory."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

#: What the log says of a kill, of a cgroup that reached its limit and of a machine; see mm/oom_kill.c.
_KILLED = re.compile(rb"(?P<cgroup>Memory cgroup out of memory)?.*\bKilled process (?P<pid>\d+) \(")
#: A record has its level, number and time before a semicolon; lines that begin with a space are about its origin.
_RECORD_SIZE = 8192
#: The first of all pid namespaces, whose numbers the log names.
_FIRST_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True, kw_only=True)
class OomKill:
    """One process that the kernel killed for want of memory."""

    pid: int
    #: Whether its cgroup had reached a limit; otherwise the machine had no more.
    is_of_cgroup: bool


class KernelLog:
    """Follows the kernel's log from now on."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        #: None stands for records that were overwritten before they were read.
        self._kills: list[OomKill | None] = []
        try:
            # Most systems let only administrators read it. In a container the pids would be others.
            if str(Path("/proc/self/ns/pid").readlink()) == _FIRST_NAMESPACE:
                self._descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            self.close()

    def kills(self) -> list[OomKill | None]:
        """Return all kills since the log is followed, oldest first; None stands for a gap."""
        while self._descriptor is not None:
            try:
                kill = kill_in(os.read(self._descriptor, _RECORD_SIZE))
                self._kills += [kill] if kill else []
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EPIPE:
                    self.close()
                self._kills.append(None)
        return self._kills

    def close(self) -> None:
        """Follow it no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def kill_in(record: bytes) -> OomKill | None:
    """Return the kill that a record of the log tells of, or None."""
    found = _KILLED.match(record.partition(b";")[2].partition(b"\n")[0])
    return None if found is None else OomKill(pid=int(found["pid"]), is_of_cgroup=found["cgroup"] is not None)

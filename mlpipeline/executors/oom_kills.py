"""Evidence that the kernel killed a run's process because memory ran out: what it counts, and what its log names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlpipeline.domain.quantities import size_in_words
from mlpipeline.executors.cgroups import MemoryCgroup, counted, membership_of, memory_cgroup
from mlpipeline.executors.kernel_log import OomKill


class Log(Protocol):
    """What names kills; see `KernelLog`."""

    def kills(self) -> Sequence[OomKill | None]:
        """Return all that are known, oldest first; None stands for a gap."""
        ...


@dataclass(kw_only=True)
class OomWatch:
    """What had been killed when a run began to be watched, and how memory ran out for it, once that is known."""

    kills: OomKills
    cgroup: MemoryCgroup | None
    #: The counts of the cgroup and of the machine; None where nobody counts.
    in_cgroup: int | None
    in_machine: int | None
    #: How many the log had named.
    named: int
    #: What was found once is found again: the end of a run may have to be recorded twice.
    found: str | None = None

    def reason(self, pid: int | None) -> str | None:
        """Return how memory ran out if the kernel killed a process for that, or None if nothing shows that it did.

        Args:
            pid: the process that ended by SIGKILL; None for one of the run's that nobody can name.
        """
        if self.found is None:
            self.found = self.kills.find(self, pid)
        return self.found


class OomKills:
    """Finds out for each run whether memory ran out. A kill that explains the end of one run explains no other."""

    def __init__(self, log: Log, proc: Path = Path("/proc")) -> None:
        """Go by what `log` names, and by the counts that are found through procfs."""
        self._log = log
        self._proc = proc
        #: By membership: to look through the mounts takes longer than all else, and almost all runs are in one cgroup.
        self._cgroups: dict[str, MemoryCgroup | None] = {}
        #: By cgroup, None for the machine: the count up to which its kills have explained the ends of runs.
        self._explained: dict[MemoryCgroup | None, int] = {}
        #: Which of those that the log names have.
        self._explained_kills: set[int] = set()

    def watch(self, pid: int | str = "self") -> OomWatch:
        """Return a watch from now on: for the process `pid`, or for one that this process is about to start."""
        cgroup = self._cgroup(membership_of(pid, self._proc))
        return OomWatch(
            kills=self,
            cgroup=cgroup,
            in_cgroup=cgroup.oom_kills() if cgroup else None,
            in_machine=self._of_machine(),
            named=len(self._log.kills()),
        )

    def find(self, watch: OomWatch, pid: int | None) -> str | None:
        """Return what `OomWatch.reason` does, and note which kill that explains."""
        kills = self._log.kills()
        news = range(watch.named, len(kills))
        number = next((number for number in news if self._may_be(kills[number], number, pid)), None)
        if number is None and news and None not in kills[watch.named :]:
            return None  # The log names others only.
        where, before, now = self._counts(watch)
        floor = max(before, self._explained.get(where, 0))
        is_named = number is not None and pid is not None
        if not is_named and now <= floor:
            return None
        self._explained[where] = floor + 1
        if number is not None:
            self._explained_kills.add(number)
        return _reason(None if number is None else kills[number], watch.cgroup)

    def _cgroup(self, membership: str) -> MemoryCgroup | None:
        if membership not in self._cgroups:
            self._cgroups[membership] = memory_cgroup(membership, self._proc)
        return self._cgroups[membership]

    def _may_be(self, kill: OomKill | None, number: int, pid: int | None) -> bool:
        if kill is None:
            return False
        return number not in self._explained_kills if pid is None else kill.pid == pid

    def _counts(self, watch: OomWatch) -> tuple[MemoryCgroup | None, int, int]:
        """Return where is counted, how many there were when the watch began, and how many there are now."""
        now = watch.cgroup.oom_kills() if watch.cgroup else None
        if watch.in_cgroup is not None and now is not None:
            return watch.cgroup, watch.in_cgroup, now
        # It has none, or that went with its last process.
        now = self._of_machine()
        if watch.in_machine is not None and now is not None:
            return None, watch.in_machine, now
        return None, 0, 0

    def _of_machine(self) -> int | None:
        return counted(self._proc / "vmstat", "oom_kill")


def _reason(kill: OomKill | None, cgroup: MemoryCgroup | None) -> str:
    machine_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit_bytes = cgroup.limit_bytes() if cgroup else None
    has_limit = limit_bytes is not None and limit_bytes < machine_bytes
    if kill.is_of_cgroup if kill else has_limit:
        limit = f" (limit {size_in_words(limit_bytes)})" if limit_bytes is not None and has_limit else ""
        return f"its cgroup was out of memory{limit}. Have it use less, or raise the limit"
    return f"the machine was out of memory ({size_in_words(machine_bytes)}). Have it use less, or run fewer at once"

"""How many CPUs and how much memory there is for this process and those that it starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import belonging
from mlpipeline.project.files import read_json


class Machine:
    """This machine, less what the control groups of this process keep from it."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Read `proc` and `sys` below `root`."""
        self._root = root

    @property
    def cpus(self) -> float:
        """How many CPUs this process may use."""
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min([float(count), *self._quotas()])

    @property
    def memory_bytes(self) -> float:
        """How much memory this process may use in all."""
        import psutil

        return min([psutil.virtual_memory().total, *(limit for limit, _ in self._memory_limits())])

    @property
    def available_bytes(self) -> float:
        """How much memory is there to be used, caches that give way included."""
        import psutil

        return min([psutil.virtual_memory().available, *(max(0, room) for _, room in self._memory_limits())])

    def _quotas(self) -> Iterator[float]:
        for group in self._groups("cpu"):
            match _words(group / "cpu.max"):
                case [quota, period] if quota != "max":
                    yield int(quota) / int(period)
            match _words(group / "cpu.cfs_quota_us"), _words(group / "cpu.cfs_period_us"):
                case [quota], [period] if int(quota) > 0:
                    yield int(quota) / int(period)

    def _memory_limits(self) -> Iterator[tuple[int, int]]:
        """Yield how much each group may use, and what of that is left."""
        for group in self._groups("memory"):
            for limit, usage, cache in (
                ("memory.max", "memory.current", "inactive_file"),
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            ):
                match _words(group / limit), _words(group / usage):
                    case [most], [used] if most != "max":
                        yield int(most), int(most) - max(0, int(used) - _statistic(group / "memory.stat", cache))

    def _groups(self, controller: str) -> Iterator[Path]:
        """Yield the group of this process and those around it, of either version. See cgroups(7)."""
        for line in _lines(self._root / "proc/self/cgroup"):
            _, controllers, path = line.split(":", 2)
            mount = self._root / "sys/fs/cgroup"
            if controllers:
                if controller not in controllers.split(","):
                    continue
                mount /= controller
            # In a container the path may be that on the machine around it; the mount itself is then the group.
            parts = [part for part in path.split("/") if part]
            if ".." not in parts:
                yield from (mount.joinpath(*parts[:depth]) for depth in range(len(parts), 0, -1))
            yield mount


def memory_used(run: str, worker: Path) -> int:
    """Return how much memory a run uses, with all that belongs to it, in bytes; what processes share counts once.

    Args:
        run: its id.
        worker: the `worker.json` of its attempt.
    """
    return sum(map(_memory_of, belonging(ProcessId.from_json(read_json(worker)), run)))


def _memory_of(pid: int) -> int:
    import psutil

    try:
        process = psutil.Process(pid)
        try:
            return int(process.memory_full_info().pss)
        except (psutil.AccessDenied, AttributeError):  # No such figure on this system.
            return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _statistic(path: Path, name: str) -> int:
    return next((int(line.split()[1]) for line in _lines(path) if line.split()[:1] == [name]), 0)


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ()

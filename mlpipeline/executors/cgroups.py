"""The memory cgroup that a process belongs to: what the kernel killed there, and what limit it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Where a cgroup has no limit, version 1 says a number beyond any machine.
_NO_LIMIT_BYTES = 1 << 60


@dataclass(frozen=True, kw_only=True)
class MemoryCgroup:
    """One memory cgroup, of either version."""

    #: Its folder, and the one where its hierarchy is mounted.
    path: Path
    mount: Path
    #: Whether it is of version 2.
    is_unified: bool

    def oom_kills(self) -> int | None:
        """Return how many of its processes were killed for want of memory, by whatever limit; None if nobody says."""
        # Version 2 counts those of the cgroups below it, too, version 1 only its own.
        return counted(self.path / ("memory.events" if self.is_unified else "memory.oom_control"), "oom_kill")

    def limit_bytes(self) -> int | None:
        """Return how much memory it may use by its own limit and those above it; None if there is none."""
        name = "memory.max" if self.is_unified else "memory.limit_in_bytes"
        limits = []
        for folder in (self.path, *self.path.parents):
            with suppress(OSError, ValueError):  # "max" is no number
                limits.append(int((folder / name).read_text()))
            if folder == self.mount:
                break
        least = min(limits, default=_NO_LIMIT_BYTES)
        return None if least >= _NO_LIMIT_BYTES else least


def counted(path: Path, name: str) -> int | None:
    """Return the number behind `name` in a file of lines such as `oom_kill 3`, or None if there is none."""
    with suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return None


def membership_of(pid: int | str, proc: Path) -> str:
    """Return to which cgroups a process belongs, in the kernel's words; `pid` may be `self`, `proc` is procfs."""
    try:
        return (proc / str(pid) / "cgroup").read_text()
    except OSError:
        return ""


def memory_cgroup(membership: str, proc: Path) -> MemoryCgroup | None:
    """Return the cgroup that counts the memory of those with this membership, or None where none can be seen."""
    try:
        mounts = (proc / "self" / "mountinfo").read_text()
    except OSError:
        return None
    for name, is_unified in _memory_hierarchies(membership):
        for root, mount in _mounts(mounts, is_unified=is_unified):
            # In a container, only what is below its own root is mounted.
            if name == root or name.startswith(root.rstrip("/") + "/"):
                path = Path(mount) / name[len(root) :].lstrip("/")
                if path.is_dir():
                    return MemoryCgroup(path=path, mount=Path(mount), is_unified=is_unified)
    return None


def _memory_hierarchies(membership: str) -> Iterator[tuple[str, bool]]:
    """Yield what the process is called in hierarchies that may count memory, see cgroups(7); version 1 comes first."""
    lines = [line.split(":", 2) for line in membership.splitlines() if line.count(":") >= 2]
    for _, controllers, name in lines:
        if "memory" in controllers.split(","):
            yield name, False
    for number, controllers, name in lines:
        if number == "0" and not controllers:
            yield name, True


def _mounts(mountinfo: str, *, is_unified: bool) -> Iterator[tuple[str, str]]:
    """Yield root and mount point of the hierarchies of one version, see proc(5)."""
    for line in mountinfo.splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        if kind == ("cgroup2" if is_unified else "cgroup") and (is_unified or "memory" in options.split(",")):
            fields = mount.split(" ")
            yield fields[3], fields[4]

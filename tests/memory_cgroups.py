"""Memory cgroups of a test's own, in which the kernel kills what takes too much."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support import wait_until

from mlpipeline.executors.cgroups import membership_of, memory_cgroup


class MemoryCgroup:
    """A cgroup with a limit; what enters it stays in it with all that it starts."""

    def __init__(self, path: Path, *, is_unified: bool) -> None:
        self.path = path
        self._is_unified = is_unified

    def limit(self, bytes_: int) -> None:
        """Set how much memory it may use, without any swap."""
        if self._is_unified:
            limits = {"memory.max": bytes_, "memory.swap.max": 0}
        else:
            limits = {"memory.limit_in_bytes": bytes_, "memory.memsw.limit_in_bytes": bytes_}
        for file, limit in limits.items():
            # Some kernels do not count swap.
            if (self.path / file).exists():
                (self.path / file).write_text(str(limit))

    @property
    def entering(self) -> str:
        """The Python statement that has a process enter it."""
        return f"open({str(self.path / 'cgroup.procs')!r}, 'w').write('0')"


@contextmanager
def memory_cgroup_of_own(name: str, limit_bytes: int) -> Iterator[MemoryCgroup | None]:
    """Make one, and remove it once it is empty; None where that cannot be done."""
    ours = memory_cgroup(membership_of("self", Path("/proc")), Path("/proc"))
    if ours is None or os.geteuid() != 0 or not os.access(ours.mount, os.W_OK):
        yield None
        return
    path = ours.mount / name
    try:
        path.mkdir()
        made = MemoryCgroup(path, is_unified=ours.is_unified)
        made.limit(limit_bytes)
    except OSError:
        yield None
    else:
        yield made
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    def is_removed() -> bool:
        # What was killed in it may take a moment to leave.
        with suppress(OSError):
            path.rmdir()
        return not path.exists()

    wait_until(is_removed, message=f"{path} is not empty")

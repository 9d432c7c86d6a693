"""Whether a process that has imported things may be forked from."""

from __future__ import annotations

import locale
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpipeline.executors.never_forked import why_never_forked
from mlpipeline.executors.processes import children_of_this_process
from mlpipeline.project.project_code import loaded_modules

_TASKS = Path("/proc/self/task")
_MAPS = Path("/proc/self/maps")
#: Threads that a child does well without, by the names that the kernel has of them. jemalloc's only tidies up, and its
#: handlers of forks see to its locks; it comes with PyArrow, which scikit-learn and pandas import where that is there.
#: Source: https://github.com/jemalloc/jemalloc/blob/5.3.0/src/background_thread.c, `background_thread_postfork_child`.
_TIDYING = frozenset({"jemalloc_bg_thd"})


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What user code sees of a process besides its modules."""

    cwd: str
    umask: int
    locale: str
    handlers: tuple[object, ...]
    path: tuple[str, ...]

    @classmethod
    def take(cls) -> Surface:
        """Return it as it is now."""
        umask = os.umask(0o022)
        os.umask(umask)
        return cls(
            cwd=str(Path.cwd()),
            umask=umask,
            locale=locale.setlocale(locale.LC_ALL),
            handlers=tuple(signal.getsignal(number) for number in sorted(signal.valid_signals())),
            path=tuple(sys.path),
        )

    def changed(self) -> list[str]:
        """Return what importing changed that a fork cannot put right."""
        now = Surface.take()
        return [what for name, what in _FIXED.items() if getattr(now, name) != getattr(self, name)]


#: What importing must leave as it is, and what that is called. What it puts in front of `sys.path` would, in a worker
#: of its own, stand before the project's folders.
_FIXED = {
    "cwd": "working directory",
    "umask": "umask",
    "locale": "locale",
    "handlers": "signal handlers",
    "path": "sys.path",
}


class TemporaryFolders:
    """Notices the temporary folders that are made: what is imported may delete them when the first run ends."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self._make = tempfile.mkdtemp

    def __enter__(self) -> TemporaryFolders:
        def make(*arguments: Any, **keywords: Any) -> Any:
            self.made.append(self._make(*arguments, **keywords))
            return self.made[-1]

        tempfile.mkdtemp = make
        return self

    def __exit__(self, *_: object) -> None:
        tempfile.mkdtemp = self._make


def why_unsafe(before: Surface, never: Iterable[str], folders: Iterable[str]) -> str | None:
    """Return why this process must not be forked from, or None when it may.

    Args:
        before: its surface before it imported what it holds now.
        never: packages that are known not to survive a fork.
        folders: the temporary ones that it made.
    """
    return next(_reasons(before, never, folders), None)


def _reasons(before: Surface, never: Iterable[str], folders: Iterable[str]) -> Iterator[str]:
    if (why := why_never_forked(sys.modules, never)) is not None:
        yield why
    for what in before.changed():
        yield f"importing changed the {what}"
    if "libcuda.so" in _read(_MAPS):
        yield "the CUDA driver is loaded"
    if children_of_this_process():
        yield "importing started a process"
    for name in sorted(loaded_modules()):
        yield f"importing loaded {name}, which is project code"
    if any(folders):
        yield "importing made a temporary folder"
    if (why := why_threads_are_unsafe()) is not None:
        yield why


def why_threads_are_unsafe() -> str | None:
    """Return why this process's threads forbid to fork from it, or None when they do not."""
    if len(os.listdir(_TASKS)) == 1:
        return None
    # A library that ends its threads before a fork, and starts them again when they are needed, is safe: OpenBLAS
    # does. So the threads that are left after a fork are those that a child would miss.
    try:
        pid = os.fork()
    except OSError as error:
        return f"its threads cannot be looked at: {error.strerror}"
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    left = sum(_read(task / "comm").strip() not in _TIDYING for task in _TASKS.iterdir())
    return None if left == 1 else f"importing started {left - 1} thread{'s' if left > 2 else ''}"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""

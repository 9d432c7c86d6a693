"""What the imports of a process depend on beside what it imports: the installed packages and its environment."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache


def inherited_environment() -> list[tuple[str, str]]:
    """Return what all processes that are started here have in their environment, whatever they are for."""
    return sorted((name, value) for name, value in os.environ.items() if not name.startswith("MLP_"))


def site_stamps() -> list[tuple[str, int]]:
    """Return what changes when a package is installed, updated or removed."""
    stamps = []
    for entry in sys.path:
        if os.path.basename(entry) in ("site-packages", "dist-packages"):
            with suppress(OSError):
                changed_ns = os.stat(entry).st_mtime_ns
                stamps.append((entry, changed_ns))
                stamps += [(path, os.stat(path).st_mtime_ns) for path in _path_files(entry, changed_ns)]
    return stamps


@cache
def _path_files(folder: str, _changed_ns: int) -> list[str]:
    # A folder of hundreds of packages is listed only when something was added to it or removed.
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".pth")]

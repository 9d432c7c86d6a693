"""The environment that others see of a process, for one that was forked and not started anew.

The kernel shows the environment that a program was started with, and a fork goes on showing that of its parent. What a
run leaves behind is found by that environment. So whoever will fork is started with room in it, which each fork fills.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

#: The variable that keeps the room.
ROOM = "MLP_FORKS"
_ROOM_BYTES = 600
_REST = "MLP_FORKED"


def room(mark: str) -> str:
    """Return the value of `ROOM` in the environment of a process that will fork; it begins with `mark`."""
    return f"{mark} ".ljust(_ROOM_BYTES, "-")


def show(variables: Mapping[str, str]) -> bool:
    """Show `variables` instead of `ROOM` from now on; return False where there is no room, or not enough.

    What this process itself reads of its environment stays as it is.
    """
    start, end = _shown_region()
    region = ctypes.string_at(start, end - start)
    begin = region.find(f"{ROOM}=".encode())
    if begin < 0:
        return False
    length = region.index(b"\0", begin) - begin
    entries = "".join(f"{name}={value}\0" for name, value in variables.items()).encode("utf-8", "surrogateescape")
    rest = f"{_REST}=".encode()
    if len(entries) + len(rest) > length:
        return False
    ctypes.memmove(start + begin, (entries + rest).ljust(length, b"-"), length)
    return True


def _shown_region() -> tuple[int, int]:
    # See proc(5): env_start and env_end, counted from the field after the command in parentheses.
    stat = Path("/proc/self/stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[47]), int(fields[48])

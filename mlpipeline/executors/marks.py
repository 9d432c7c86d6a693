"""The environment that others see of a process which became a worker after it was started.

The kernel shows the environment that a program was started with, and a fork goes on showing that of its parent. What a
run leaves behind is found by that environment. So whoever will become a worker, or fork some, is started with room at
the end of it, which is filled then.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

#: The variable that keeps the room.
ROOM = "MLP_FORKS"
#: The ids of a run are far shorter, and its paths mostly.
_ROOM_BYTES = 2000


def room(mark: str) -> str:
    """Return the value of `ROOM` in the environment of a process that will become others; it begins with `mark`."""
    return f"{mark} ".ljust(_ROOM_BYTES, "-")


def with_room(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Return an environment that ends in room; see `room`."""
    return {**{name: value for name, value in environment.items() if name != ROOM}, ROOM: room(mark)}


def show(variables: Mapping[str, str]) -> None:
    """Show `variables` instead of `ROOM` from now on: the first of them, as many as there is room for.

    What this process itself reads of its environment stays as it is.
    """
    start, end = _shown_region()
    region = ctypes.string_at(start, end - start)
    begin = region.find(f"{ROOM}=".encode())
    if begin < 0:
        return
    length = region.index(b"\0", begin) - begin
    entries = b""
    for name, value in variables.items():
        entry = f"{name}={value}\0".encode("utf-8", "surrogateescape")
        if len(entries) + len(entry) > length:
            break
        entries += entry
    # Nothing comes after the room, so that whoever reads up to an empty entry misses nothing.
    ctypes.memmove(start + begin, entries.ljust(length, b"\0"), length)


def _shown_region() -> tuple[int, int]:
    # See proc(5): env_start and env_end, counted from the field after the command in parentheses.
    stat = Path("/proc/self/stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[47]), int(fields[48])

"""Why a version that is to run does not start now."""

from __future__ import annotations

from dataclasses import dataclass

#: Why a version waits that its entry holds.
HELD_IN_QUEUE = "held in models.toml"


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What keeps a version from starting."""

    why: str
    #: Whether that lasts until somebody does something about it; else it passes by itself.
    is_held: bool = False
    #: Whether somebody wants it so: then nothing is wrong.
    is_meant: bool = False
    #: What shows the cause, where there is one.
    traceback: str | None = None

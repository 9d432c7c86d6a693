"""Why a version that is to run does not start now."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What keeps a version from starting."""

    why: str
    #: Whether that lasts until somebody does something about it; else it passes by itself.
    is_held: bool = False
    #: What shows the cause, where there is one.
    traceback: str | None = None

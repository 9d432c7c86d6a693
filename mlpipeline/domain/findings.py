"""What a check-up finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How something is."""

    #: As it should be, or nobody's fault.
    OK = "ok"
    #: It works, and somebody should know of it.
    LOOK = "look"
    #: It does not work, or work may be lost.
    BAD = "bad"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    #: What was looked at, in a word or two.
    check: str
    health: Health
    #: How it is.
    told: str
    #: What to do: a command to type where there is one; None where nothing is to be done.
    advice: str | None = None


def ok(check: str, told: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(check=check, health=Health.OK, told=told)


def look(check: str, told: str, advice: str | None) -> Finding:
    """Return that somebody should know of something."""
    return Finding(check=check, health=Health.LOOK, told=told, advice=advice)


def bad(check: str, told: str, advice: str) -> Finding:
    """Return that something does not work."""
    return Finding(check=check, health=Health.BAD, told=told, advice=advice)

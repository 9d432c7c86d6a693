"""Cutting a text down to what a screen can show."""

from __future__ import annotations

_FIRST_LINES = 15
_LAST_LINES = 35
_LINE_LENGTH = 1000


def excerpt(text: str) -> str:
    """Return the first and the last lines of `text`, long ones cut, and in between how many were left out."""
    lines = [line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…" for line in text.split("\n")]
    left_out = len(lines) - _FIRST_LINES - _LAST_LINES
    if left_out > 1:
        lines[_FIRST_LINES:-_LAST_LINES] = [f"… {left_out} lines left out …"]
    return "\n".join(lines)

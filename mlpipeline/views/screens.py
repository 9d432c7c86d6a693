"""What text is shown on: how wide it is, and whether it has colours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Color(StrEnum):
    """What a colour says; the value is the parameter of its escape sequence. Source: ECMA-48, SGR."""

    #: Nothing.
    PLAIN = "0"
    #: As it should be.
    GOOD = "32"
    #: Failed, or lost.
    BAD = "31"
    #: Worth a look.
    NOTICE = "33"
    #: A heading.
    STRONG = "1"
    #: Of little weight.
    DIM = "2"
    #: To tell several from each other that are worth the same.
    FIRST = "36"
    SECOND = "35"
    THIRD = "34"


class Painted(NamedTuple):
    """A cell of a table that has a colour where the screen has."""

    text: str
    color: Color


@dataclass(frozen=True, kw_only=True)
class Screen:
    """A terminal, or a pipe or a file: the default."""

    #: In columns; None where nothing is cut, folded or padded to fit.
    width: int | None = None
    is_colored: bool = False

    def paint(self, text: str, color: Color) -> str:
        """Return the text in a colour, as it is where the screen has none."""
        if not self.is_colored or color is Color.PLAIN or not text:
            return text
        return f"\x1b[{color}m{text}\x1b[0m"


#: Where there is neither a width nor a colour.
PLAIN = Screen()

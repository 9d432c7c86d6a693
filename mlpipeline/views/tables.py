"""Tables that fit the screen."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from mlpipeline.views.screens import Color, Painted, Screen
from mlpipeline.views.words import one_line

Cell = str | Painted

#: What stands between two columns.
GAP = "   "
#: Where columns would have to be narrower than this, each row becomes a paragraph, a line for each of its cells.
_LEAST_WIDTH = 8
#: Behind which a word may be broken without another look at what it says.
_SEPARATORS = ".,=:;/_-"
_COLOR = re.compile("(\x1b\\[[0-9;]*m)")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], screen: Screen) -> str:
    """Return a table as wide as the screen at most; in a pipe every cell stands whole on one line."""
    columns = [one_line(column) for column in columns]  # They may be names that users chose.
    heading = [Painted(column, Color.STRONG) for column in columns]
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(display_width(cell.text) for cell in column) for column in zip(heading, *cells, strict=True)]
    if screen.width is not None:
        room = screen.width - len(GAP) * (len(widths) - 1)
        most = _most(widths, room)
        if cells and most < min(_LEAST_WIDTH, max(widths)):
            return "\n\n".join("\n".join(_paragraph(columns, row, screen)) for row in cells)
        widths = [min(width, most) for width in widths]
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    body = [line for row in cells for line in _lines(row, widths, screen)]
    return "\n".join([*_lines(heading, widths, screen), rule, *body])


def _cell(cell: Cell) -> Painted:
    return (
        Painted(one_line(cell.text), cell.color) if isinstance(cell, Painted) else Painted(one_line(cell), Color.PLAIN)
    )


def _most(widths: Sequence[int], room: int) -> int:
    """Return how wide a column may be for all to take no more than `room`: the widest give way first."""
    most = max(widths)
    while most > 1 and sum(min(width, most) for width in widths) > room:
        most -= 1
    return most


def _lines(row: Sequence[Painted], widths: Sequence[int], screen: Screen) -> Iterator[str]:
    folded = [list(fold(cell.text, width)) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*folded, fillvalue=""):
        # What is painted is not padded: spaces at the end of a line are left out.
        last = max((index for index, part in enumerate(parts) if part), default=-1)
        yield "".join(
            screen.paint(part, cell.color) + (" " * (room - display_width(part)) + GAP if index < last else "")
            for index, (part, cell, room) in enumerate(zip(parts, row, widths, strict=True))
        ).rstrip()


def paragraph(rows: Iterable[tuple[str, Cell]], screen: Screen) -> str:
    """Return a line for each name and what there is to say of it; those of which there is nothing are left out."""
    names, cells = zip(*((name, _cell(cell)) for name, cell in rows), strict=True)
    return "\n".join(_paragraph(names, cells, screen))


def _paragraph(columns: Sequence[str], row: Sequence[Painted], screen: Screen) -> Iterator[str]:
    width = screen.width or sys.maxsize
    margin = max(map(display_width, columns)) + len(GAP)
    is_wide = width - margin >= _LEAST_WIDTH
    for column, cell in zip(columns, row, strict=True):
        if not cell.text:
            continue
        name = screen.paint(column, Color.STRONG)
        if not is_wide:
            yield from (name, *(screen.paint(part, cell.color) for part in fold(cell.text, width)))
            continue
        for index, part in enumerate(fold(cell.text, width - margin)):
            before = name + " " * (margin - display_width(column)) if index == 0 else " " * margin
            yield before + screen.paint(part, cell.color)


def fold(text: str, room: int) -> Iterator[str]:
    """Yield lines of at most `room` columns, broken at spaces, and a word longer than a line behind a separator."""
    room = max(1, room)  # Whoever indents may have left none.
    while display_width(text) > room:
        # At least one character, even where that is too wide: else there would be no end.
        fit = max(1, _fit(text, room))
        at_space = text.rfind(" ", 0, fit + 1)
        end = at_space if at_space > 0 else _behind_separator(text, fit)
        yield text[:end].rstrip()
        text = text[end:].lstrip()
    yield text


def _behind_separator(text: str, most: int) -> int:
    """Return how many characters of a word are left in a line that has room for `most` of them."""
    last = max(text.rfind(separator, 0, most) for separator in _SEPARATORS) + 1
    # Of a line that would be nearly empty, nothing is gained.
    return last if last > most // 2 else most


def _fit(text: str, room: int) -> int:
    """Return how many characters of `text` are no wider than `room`."""
    taken = 0
    for count, character in enumerate(text):
        taken += display_width(character)
        if taken > room:
            return count
    return len(text)


def cut(line: str, width: int) -> str:
    """Return a line of at most `width` columns, with `…` where it was longer; colours take none."""
    parts = _COLOR.split(line)
    if display_width("".join(parts[::2])) <= width:
        return line
    shown, room = "", width - 1
    for index, part in enumerate(parts):
        is_color = index % 2 == 1
        kept = part if is_color or display_width(part) <= room else part[: _fit(part, room)]
        shown += kept
        room -= 0 if is_color else display_width(kept)
        if kept != part:
            break
    return f"{shown}…"


def display_width(text: str) -> int:
    """Return how many columns of a terminal `text` takes, as far as one can know."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

"""Tables that fit the terminal."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from mlpipeline.views.words import one_line

_GAP = "   "


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as wide as the terminal at most; in a pipe every cell stands whole on one line."""
    cells = [list(columns), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    # There is no stdout at all if it was closed before the launch.
    if sys.stdout is not None and sys.stdout.isatty():
        import shutil

        widths = _fitted(widths, shutil.get_terminal_size().columns - len(_GAP) * (len(widths) - 1))
    rule = "─" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    heading, *body = (list(_lines(row, widths)) for row in cells)
    return "\n".join([*heading, rule, *chain.from_iterable(body)])


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that together take no more than `room`: the widest give way first, to the same width."""
    most = max(widths)
    while most > 1 and sum(min(width, most) for width in widths) > room:
        most -= 1
    return [min(width, most) for width in widths]


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    folded = [list(_folded(cell, width)) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*folded, fillvalue=""):
        padded = (part + " " * (width - _width(part)) for part, width in zip(parts, widths, strict=True))
        yield _GAP.join(padded).rstrip()


def _folded(text: str, width: int) -> Iterator[str]:
    """Yield lines of at most `width`, broken at spaces, and within a word that is longer than a line."""
    while _width(text) > width:
        # At least one character, even where that is too wide: else there would be no end.
        fit = max(1, _fit(text, width))
        at_space = text.rfind(" ", 0, fit + 1)
        end = at_space if at_space > 0 else fit
        yield text[:end].rstrip()
        text = text[end:].lstrip()
    yield text


def _fit(text: str, width: int) -> int:
    """Return how many characters of `text` are no wider than `width`."""
    taken = 0
    for count, character in enumerate(text):
        taken += _width(character)
        if taken > width:
            return count
    return len(text)


def _width(text: str) -> int:
    """Return how many columns of a terminal `text` takes, as far as one can know."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

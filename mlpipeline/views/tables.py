"""Tables that fit the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from io import StringIO

from mlpipeline.views.words import one_line

#: Wider than any row: in a pipe, nothing is cut or folded.
_UNLIMITED = 1_000_000


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as wide as the terminal at most; in a pipe every cell stands whole on one line."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # There is no stdout at all if it was closed before the launch.
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold", no_wrap=not is_terminal)
    for row in rows:
        # Text, not str: what users name things may look like rich's markup.
        drawn.add_row(*(Text(one_line(cell)) for cell in row))
    width = shutil.get_terminal_size().columns if is_terminal else _UNLIMITED
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(drawn)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))

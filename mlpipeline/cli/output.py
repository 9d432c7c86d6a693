"""What the command writes to: the terminal it has, or a pipe; for people, or for programs."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mlpipeline.views.screens import Screen

#: What stands for our own signs where an encoding lacks them; anything else becomes an escape.
_PLAINER = {
    "─": "-",
    "│": "|",
    "…": "...",
    "−": "-",
    "–": "-",
    "≤": "<=",
    "≥": ">=",
    "·": "-",
    "×": "x",
    "→": "->",
    **dict(zip("▁▂▃▄▅▆▇█", ".:-=+*#@", strict=True)),
}


def stdout_screen() -> Screen:
    """Return what stdout is at this moment; colours are for terminals, and for nobody with NO_COLOR."""
    from mlpipeline.views.screens import PLAIN, Screen

    # There is no stdout at all if it was closed before the launch.
    if sys.stdout is None or not sys.stdout.isatty():
        return PLAIN
    import shutil

    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Screen(width=shutil.get_terminal_size().columns, is_colored=not is_plain)


def echo_screen(text: str) -> None:
    """Print what was made for `stdout_screen`, as it is."""
    click.echo(text, color=True)


def echo_json(value: Any) -> None:
    """Print one JSON value for programs: UTF-8 whatever the locale is."""
    import json

    # Half a surrogate pair becomes its JSON escape.
    click.echo(json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))


def have_all_written() -> None:
    """Have stdout and stderr take every character, whatever their encoding is."""
    codecs.register_error("mlpipeline.plainer", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="mlpipeline.plainer")


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = "".join(
        _PLAINER.get(character) or character.encode("ascii", "backslashreplace").decode() for character in lacking
    )
    return plain, error.end

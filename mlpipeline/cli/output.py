"""What the command writes to: the terminal it has, or a pipe; for people, or for programs."""

from __future__ import annotations

import codecs
import errno
import math
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
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

#: The modules that write to stdout.
_PRINTING = ("click.utils", "mlpipeline.cli.logs", "mlpipeline.cli.main", __name__)


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
    require_stdout()
    click.echo(text, color=True)


def echo_json(value: Any) -> None:
    """Print one JSON value for programs: UTF-8 whatever the locale is, and NaN and infinities as texts."""
    require_stdout()
    try:
        text = _strict_json(value)
    except ValueError:
        text = _strict_json(_finite(value))
    # Half a surrogate pair becomes its JSON escape.
    click.echo(text.encode("utf-8", "backslashreplace"))


def _strict_json(value: Any) -> str:
    """Return one JSON value as any parser takes it.

    Raises:
        ValueError: a number in it is none to JSON.
    """
    import json

    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)


def _finite(value: Any) -> Any:
    """Return a value with the texts "nan", "inf" and "-inf" for what is no number to JSON."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    is_odd = isinstance(value, float) and not math.isfinite(value)
    return str(value) if is_odd else value


def echo_message(text: str, *, begins: str = "mlpipeline: ") -> None:
    """Print for people what is not what they asked for, on stderr; where that cannot be written, nobody is told."""
    with suppress(OSError):
        click.echo(f"{begins}{text}", err=True)


def require_stdout() -> None:
    """See that there is a stdout: what is asked for would be printed to nobody.

    Raises:
        OSError: it was closed before the launch.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def give_up_stdout(error: OSError) -> None:
    """Say that stdout cannot be written, and let it go; a reader who has seen enough needs no word.

    Raises:
        OSError: `error`, where that is not why.
    """
    is_left = isinstance(error, BrokenPipeError)
    if not (is_left or _is_of_printing(error)):
        raise error
    if not is_left:
        echo_message(f"stdout cannot be written: {error.strerror}")
    if sys.stdout is not None:
        # Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_of_printing(error: OSError) -> bool:
    """Return whether it was raised where something is printed, rather than where files are written."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") in _PRINTING


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

"""A screen that is shown anew in place until its user has seen enough, and the terminal as it was before."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import click

from mlpipeline.errors import MlpipelineError

#: How often it is shown anew, in seconds.
INTERVAL_S = 2.0

#: The alternate screen without a cursor. Source: xterm, private modes.
_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
#: A cut line may have been cut within a colour.
_PLAIN = "\x1b[0m"

_LAST = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HEEDED = (*_LAST, signal.SIGWINCH, signal.SIGTSTP)


def require_terminal() -> None:
    """Refuse where nothing can be shown in place.

    Raises:
        click.UsageError: stdout is no terminal, or one that cannot be addressed.
    """
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        raise click.UsageError(
            "--watch shows status in place on a terminal, and stdout is none. "
            "For a file or a program, call `mlpipeline status` or `mlpipeline status --json` again and again."
        )


def keep_showing(lines: Callable[[int], Sequence[str]]) -> None:
    """Show lines anew every 2 s, and whenever the terminal's size changes, until q, Ctrl-C or the end of the terminal.

    Args:
        lines: returns what is to be shown now, given how many lines there is room for; the rest is cut. An error that
            it raises is shown above what it returned before: it may be over the next time.
    """
    shown: Sequence[str] = ()
    with suppress(OSError), _signals() as told, _keys() as keys:
        _write(_ENTER)
        try:
            while True:
                due_at = time.monotonic() + INTERVAL_S
                width, height = _size()
                try:
                    shown, trouble = lines(height), []
                except (OSError, MlpipelineError) as error:
                    trouble = [f"as it was before, for it cannot be read at this moment: {error}", ""]
                _draw([*trouble, *shown], width, height)
                if not _sleep(due_at, told, keys):
                    return
        finally:
            with suppress(OSError):
                _write(_LEAVE)


def _draw(lines: Sequence[str], width: int, height: int) -> None:
    """Write all of the screen at once, over what was there: nothing flickers."""
    from mlpipeline.views.tables import cut

    if len(lines) > height:
        more = len(lines) - height + 1
        lines = [*lines[: height - 1], f"… {more} more lines"]
    below = f"\r\n{_BELOW}" if len(lines) < height else ""
    # Erased before it is written: after a line as wide as the screen, that would take its last character.
    _write(_HOME + "\r\n".join(f"{_LINE}{cut(line, width)}{_PLAIN}" for line in lines) + below)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return max(1, size.columns), max(2, size.lines)


def _sleep(due_at: float, told: int, keys: int | None) -> bool:
    """Wait until the screen is due or its size changes; return False when that was the end."""
    while (left_s := due_at - time.monotonic()) > 0:
        ready, _, _ = select.select([told] if keys is None else [told, keys], [], [], left_s)
        if keys in ready and (not (pressed := os.read(keys, 1024)) or {*pressed} & {*b"qQ"}):
            return False  # Nothing to read is the end of the terminal.
        if told in ready:
            numbers = {*os.read(told, 1024)}
            if numbers & {*_LAST}:
                return False
            if signal.SIGTSTP in numbers:
                _stand_still()
            return True
    return True


def _stand_still() -> None:
    """Give the terminal to the shell, as Ctrl-Z wants it, until it brings this back."""
    _write(_LEAVE)
    os.kill(os.getpid(), signal.SIGSTOP)
    _write(_ENTER)


@contextmanager
def _signals() -> Iterator[int]:
    """Yield a descriptor from which the numbers of signals can be read that came since."""
    told, teller = os.pipe()
    os.set_blocking(teller, False)
    before = {number: signal.signal(number, _ignore) for number in _HEEDED}
    teller_before = signal.set_wakeup_fd(teller, warn_on_full_buffer=False)
    try:
        yield told
    finally:
        signal.set_wakeup_fd(teller_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(teller)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: whoever reads the descriptor knows."""


@contextmanager
def _keys() -> Iterator[int | None]:
    """Yield a descriptor from which keys can be read as they are pressed; None where there is no keyboard."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield None
        return
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield keyboard
    finally:
        with suppress(termios.error):  # The terminal is gone.
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

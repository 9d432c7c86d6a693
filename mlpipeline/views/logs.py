"""`mlpipeline logs`: what hosts and runs wrote, as a terminal may show it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mlpipeline.authoring.console import strip_colors
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import outcome_in_words
from mlpipeline.domain.words import is_fit
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.tables import display_width, fold
from mlpipeline.views.words import one_line

#: A colour, or what else is said of how text looks.
_LOOK = re.compile(r"(\x1b\[[0-9;:]*m)")
#: Titles of windows, links and other texts for the terminal itself.
_FOR_TERMINALS = re.compile(r"\x1b[\]PX^_].*?(?:\x07|\x1b\\)", re.DOTALL)
_RESET = "\x1b[0m"
#: How a line that is still being written is written over.
_OVER = "\r\x1b[K"
#: How long a line may be that does not end, in bytes: it is then shown in parts.
_LONGEST = 1 << 20
_HOST_COLORS = (Color.FIRST, Color.SECOND, Color.THIRD)
#: The time that leads a line of a log.
_TIME = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def harmless(text: str, screen: Screen) -> str:
    """Return what a program wrote in one line, with nothing in it that a terminal obeys, but for colours."""
    parts = _LOOK.split(_FOR_TERMINALS.sub("", text))
    return "".join(
        (part if screen.is_colored else "") if index % 2 else "".join(map(_visible, strip_colors(part)))
        for index, part in enumerate(parts)
    )


def _visible(character: str) -> str:
    return character if is_fit(character) or character == "\t" else ascii(character)[1:-1]


class TerminalText:
    """Turns what a program writes, bit by bit, into text for a terminal.

    Of a line that is written over and over, such as a progress bar, the last state is shown.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._rest = b""
        #: Whether a line that has not ended is on the screen.
        self._is_begun = False
        self._has_colors = False

    def text(self, data: bytes) -> str:
        """Return what is to be written to the terminal now that these bytes came."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            lines, self._rest = [*lines, self._rest], b""
        parts = [f"{self._line(line)}\n" for line in lines]
        if self._screen.is_colored:
            # The terminal can write over what it shows.
            before, after = _OVER if self._is_begun else "", self._cut(self._line(self._rest))
            self._is_begun = bool(after)
            parts = [before, *parts, after]
        return "".join(parts)

    def end(self) -> str:
        """Return what is still to be written: what comes next begins a line, in no colour."""
        rest = f"{self._line(self._rest)}\n" if self._rest else ""
        over = _OVER if self._is_begun else ""
        reset = _RESET if self._has_colors else ""
        self._rest, self._is_begun, self._has_colors = b"", False, False
        return f"{over}{rest}{reset}"

    def _line(self, line: bytes) -> str:
        state = line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
        text = harmless(state, self._screen)
        self._has_colors = self._has_colors or "\x1b" in text
        return text

    def _cut(self, text: str) -> str:
        # A line that is folded by the terminal cannot be written over.
        room = (self._screen.width or 80) - 1
        plain = strip_colors(text).replace("\t", " ")
        return text if display_width(text) <= room and "\t" not in text else next(fold(plain, room))


def attempt_heading(run: Run, number: int, screen: Screen) -> str:
    """Return the line above what an attempt of a run printed: which it is, and how it ended."""
    past = next((ended for ended in run.past if ended.attempt == number), None)
    how = outcome_in_words(past.outcome, past.failure) if past else run.outcome_in_words
    if not past and run.outcome is None:
        how = "running"
    told = f"{run.id} {one_line(run.key)} on {one_line(run.host)}, attempt {number}: {how}"
    return screen.paint(f"── {told} ──", Color.STRONG)


def host_leads(hosts: Iterable[str], screen: Screen) -> dict[str, str]:
    """Return what stands before each line of the logs of these hosts, when they are shown together."""
    names = sorted(set(hosts))
    width = max((display_width(one_line(name)) for name in names), default=0)
    return {
        name: screen.paint(one_line(name), _HOST_COLORS[index % len(_HOST_COLORS)])
        + " " * (width - display_width(one_line(name)) + 1)
        for index, name in enumerate(names)
    }


class TimedLines:
    """The lines of one log with the time of each; one without has that of the line before it."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._rest = b""
        self._at = b""

    def take(self, data: bytes) -> Iterator[tuple[bytes, str, bytes]]:
        """Yield time, host and text of the lines that are whole now that these bytes came."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            found = _TIME.match(line)
            # A clock that was set back does not make a log run backwards.
            self._at = max(self._at, found.group()) if found else self._at
            yield self._at, self._host, line

"""`mlpipeline logs`: what happened on hosts, and what runs printed."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.completion import any_run
from mlpipeline.cli.naming import named_run
from mlpipeline.cli.output import echo_message, require_stdout, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import read_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.followed_file import FollowedFile
    from mlpipeline.project.paths import Outputs
    from mlpipeline.views.logs import TerminalText, TimedLines

#: How often something new is looked for, in seconds.
_LOOK_S = 0.25


@click.command()
@click.argument("name", required=False, metavar="[RUN]", shell_complete=any_run)
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on with what is still being written.")
@click.option("-n", "count", type=click.IntRange(min=1), metavar="LINES", help="Only so many, the last.")
@click.option("--all-hosts", is_flag=True, help="The logs of all hosts in one, by time.")
@click.pass_obj
def logs(place: Place, name: str | None, is_followed: bool, count: int | None, all_hosts: bool) -> None:
    """Show what happened on this host, or what a run printed.

    Without RUN that is the end of this host's log: a screenful of it, and in a pipe all. With RUN it is the output of
    its attempts, one after the other; -f goes on with the next attempt, and ends when the run is over.

    \b
    Examples:
      mlpipeline logs -f
      mlpipeline logs -n 100 --all-hosts
      mlpipeline logs -f digits:deep
    """
    if name is not None and all_hosts:
        raise click.UsageError("--all-hosts shows the logs of hosts, and a run has but one: leave one of them out.")
    with exit_for(place):
        outputs = place.outputs(place.settings())
        writer = _Writer()
        try:
            if name is not None:
                status = _show_run(name, outputs, writer, count, is_followed=is_followed)
            else:
                status = _show_logs(outputs, writer, count, all_hosts=all_hosts, is_followed=is_followed)
        finally:
            with suppress(OSError):
                writer.end()
        sys.exit(status)


class _Writer:
    """Writes to stdout: as a terminal may show it, and elsewhere as it is."""

    def __init__(self) -> None:
        require_stdout()
        self.screen = stdout_screen()
        self._text: TerminalText | None = None
        if self.screen.width is not None:
            from mlpipeline.views.logs import TerminalText

            self._text = TerminalText(self.screen)

    @property
    def screenful(self) -> int | None:
        """How many lines of something long are shown; None for all."""
        import shutil

        return max(1, shutil.get_terminal_size().lines - 1) if self._text is not None else None

    def write(self, data: bytes) -> None:
        """Write what somebody wrote before."""
        if self._text is not None:
            sys.stdout.write(self._text.text(data))
        else:
            sys.stdout.buffer.write(data)
        sys.stdout.flush()

    def heading(self, text: str) -> None:
        """Write a line of our own."""
        self.end()
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def end(self) -> None:
        """Write what is left of a line."""
        if self._text is not None and (rest := self._text.end()):
            sys.stdout.write(rest)
            sys.stdout.flush()

    def pause(self) -> None:
        """Wait a moment.

        Raises:
            BrokenPipeError: whoever read has seen enough.
        """
        import select

        listening = select.poll()
        if self._text is None:
            listening.register(sys.stdout.fileno(), 0)  # For nothing but that its other end is gone.
        if listening.poll(_LOOK_S * 1000):
            raise BrokenPipeError


def _show_logs(outputs: Outputs, writer: _Writer, count: int | None, *, all_hosts: bool, is_followed: bool) -> int:
    count = count or writer.screenful
    if all_hosts:
        return _show_all(outputs, writer, count, is_followed=is_followed)
    if not outputs.log.exists() and not is_followed:
        others = " There are others: mlpipeline logs --all-hosts" if any(_logs(outputs)) else ""
        echo_message(f"there is no log of {outputs.host} yet.{others}")
        return 1
    from mlpipeline.project.followed_file import FollowedFile, last_lines

    file = FollowedFile(outputs.log, last_lines(outputs.log, count)[0] if count else 0)
    while True:
        while data := file.read():
            writer.write(data)
        if not is_followed:
            return 0
        writer.pause()


def _logs(outputs: Outputs) -> Iterator[str]:
    """Yield the hosts that have a log, in name order."""
    for path in sorted(outputs.path.glob("log-*")):
        yield path.name.removeprefix("log-")


def _show_all(outputs: Outputs, writer: _Writer, count: int | None, *, is_followed: bool) -> int:
    import heapq
    from collections import deque

    from mlpipeline.project.followed_file import FollowedFile, last_lines
    from mlpipeline.views.logs import TimedLines, host_leads

    files: dict[str, tuple[FollowedFile, TimedLines]] = {}
    is_begun = False
    while True:
        for host in _logs(outputs):
            if host not in files:
                path = outputs.path / f"log-{host}"
                offset = last_lines(path, count)[0] if count and not is_begun else 0
                files[host] = (FollowedFile(path, offset), TimedLines(host))
        leads = {host: lead.encode() for host, lead in host_leads(files, writer.screen).items()}
        new = heapq.merge(*(_lines(file, lines) for file, lines in files.values()), key=lambda line: line[0])
        for _, host, line in new if is_begun or not count else deque(new, maxlen=count):
            writer.write(leads[host] + line + b"\n")
        is_begun = True
        if not is_followed:
            return 0
        writer.pause()


def _lines(file: FollowedFile, lines: TimedLines) -> Iterator[tuple[bytes, str, bytes]]:
    while data := file.read():
        yield from lines.take(data)


def _show_run(name: str, outputs: Outputs, writer: _Writer, count: int | None, *, is_followed: bool) -> int:
    from mlpipeline.project.followed_file import FollowedFile, last_lines
    from mlpipeline.views.logs import attempt_heading

    followed = _FollowedRun(name, outputs)
    number, left = followed.first_of_last(count)
    if number is None and not is_followed:
        echo_message(followed.why_nothing)
        return 1
    while True:
        if number is not None:
            output = followed.output(number)
            file = FollowedFile(output, last_lines(output, left)[0] if left else 0)
            left = None
            writer.heading(attempt_heading(followed.run, number, writer.screen))
        while True:
            # Looked at before what is left is read: nothing that it wrote before its end is missed.
            following, is_over = followed.after(number)
            while number is not None and (data := file.read()):
                writer.write(data)
            if following is not None or is_over or not is_followed:
                break
            if (why := followed.news()) is not None:
                writer.end()
                echo_message(why)
            writer.pause()
        if following is None:
            return 0
        number = following


class _FollowedRun:
    """A run, from attempt to attempt."""

    def __init__(self, name: str, outputs: Outputs) -> None:
        """Follow the run that a person names.

        Raises:
            NoSuchRun: there is none, or more than one.
        """
        self._outputs = outputs
        self._ledger: Ledger = read_ledger(outputs)
        self.run: Run = named_run(name, self._ledger, outputs)
        self._why: str | None = None
        self._told: str | None = None

    def output(self, number: int) -> Path:
        """Return where an attempt wrote."""
        return self._outputs.run_dir(self.run.name).attempt(number).output

    def _numbers(self) -> list[int]:
        """Return the attempts that left something, in order."""
        with suppress(OSError):
            folder = self._outputs.run_dir(self.run.name).path
            numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
            return [number for number in numbers if self.output(number).exists()]
        return []

    def first_of_last(self, count: int | None) -> tuple[int | None, int | None]:
        """Return in which attempt the last `count` lines of all begin, and how many of them are its own."""
        from mlpipeline.project.followed_file import last_lines

        numbers = self._numbers()
        if count is None:
            return (numbers[0] if numbers else None), None
        for number in reversed(numbers):
            _, found = last_lines(self.output(number), count)
            if found >= count or number == numbers[0]:
                return number, count
            count -= found
        return None, None

    @property
    def why_nothing(self) -> str:
        """Why there is nothing to show."""
        if self.run.is_open:
            return f"{self.run.id} {self.run.key} has not begun yet; -f waits for it."
        return f"what {self.run.id} {self.run.key} printed is not there any more: {self.output(self.run.attempt)}"

    def after(self, number: int | None) -> tuple[int | None, bool]:
        """Return the attempt after `number` that has begun, if any, and whether the run is over for good."""
        import time

        from mlpipeline.views.observed import observe_daemons, observe_runs

        with suppress(OSError):  # What cannot be read at this moment may be the next.
            self._ledger.catch_up()
        self.run = self._ledger.get(self.run.id) or self.run
        is_over = not self.run.is_open
        if not is_over:
            daemons = observe_daemons(self._outputs, time.time())
            (observed,) = observe_runs([self.run], self._outputs, daemons, time.time())
            self._why = observed.why
            # A daemon records how it ended, or tries it again; without one, nobody does before the next launch.
            has_daemon = any(daemon.host == self.run.host and daemon.is_there for daemon in daemons)
            is_over = not observed.run.is_open and not has_daemon
        return next((other for other in self._numbers() if other > (number or 0)), None), is_over

    def news(self) -> str | None:
        """Return what there is to know while nothing comes, if that is new."""
        if self._why == self._told:
            return None
        self._told = self._why
        return self._why and f"{self.run.id} {self.run.key}: {self._why}"

"""The two modes."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

import click

from mlpipeline.cli.output import stdout_screen
from mlpipeline.cli.project import Place
from mlpipeline.domain.queue import Only
from mlpipeline.errors import ScriptError


def execute(
    place: Place,
    *,
    skip_done: bool,
    is_recorded: bool,
    at_once: int,
    watch: bool,
    test_first: bool,
    only: tuple[str, ...],
) -> int:
    """Run execution mode and return the exit status."""
    from mlpipeline.daemon.launch import launch
    from mlpipeline.daemon.options import LaunchOptions
    from mlpipeline.views.reports import Reports

    settings = place.settings()
    options = LaunchOptions(
        skip_done=skip_done,
        is_recorded=is_recorded,
        at_once=at_once,
        watch=watch,
        test_first=test_first or settings.is_test_first,
        only=Only.parse(only),
        command=shlex.join(["mlpipeline", *sys.argv[1:]]),
    )
    reports = Reports(place.outputs(settings), stdout_screen, is_recorded=is_recorded)
    return launch(settings, place.host(), options, reports)


def test(place: Place, only: tuple[str, ...]) -> int:
    """Run test mode and return the exit status."""
    from mlpipeline.daemon.test_mode import TestedVersion, TestMode
    from mlpipeline.views.words import duration, values

    passed: list[TestedVersion] = []

    def note(version: TestedVersion) -> None:
        passed.append(version)
        results = f", {values(version.results)}" if version.results else ""
        click.echo(f"{version.key}: ok in {duration(version.seconds)}{results}")

    _leave_by_exception(signal.SIGTERM, signal.SIGHUP)
    began = time.monotonic()
    try:
        TestMode(place.settings(), place.host(), Only.parse(only), click.echo, note).run()
    except ScriptError:
        click.echo(f"{_versions(passed)} passed; stopped at the first failure")
        raise
    took = duration(time.monotonic() - began)
    click.echo(f"{_versions(passed)} passed in {took}" if passed else "nothing to test: models_test.toml lists none")
    return 0


def _leave_by_exception(*numbers: signal.Signals) -> None:
    """Have the version under test end, and its folder go, when one of these signals comes."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in numbers:
        # What somebody chose to ignore (nohup) stays ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, leave)


def _versions(passed: Sequence[object]) -> str:
    return "1 version" if len(passed) == 1 else f"{len(passed) or 'no'} versions"

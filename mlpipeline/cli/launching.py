"""The two modes."""

from __future__ import annotations

import shlex
import sys

import click

from mlpipeline.cli.project import Place
from mlpipeline.domain.queue import Only
from mlpipeline.views.words import duration


def execute(place: Place, *, skip_done: bool, is_recorded: bool, jobs: int, watch: bool, only: tuple[str, ...]) -> int:
    """Run execution mode and return the exit status."""
    from mlpipeline.daemon.launch import launch
    from mlpipeline.daemon.options import LaunchOptions
    from mlpipeline.views.reports import Reports

    settings = place.settings()
    options = LaunchOptions(
        skip_done=skip_done,
        is_recorded=is_recorded,
        jobs=jobs,
        watch=watch,
        only=Only.parse(only),
        command=shlex.join(["mlpipeline", *sys.argv[1:]]),
    )
    return launch(settings, place.host(), options, Reports(place.outputs(settings)))


def test(place: Place, only: tuple[str, ...]) -> int:
    """Run test mode and return the exit status."""
    from mlpipeline.daemon.test_mode import TestMode

    tested = TestMode(place.settings(), place.host(), Only.parse(only), click.echo).run()
    took = duration(sum(version.seconds for version in tested))
    count = f"{len(tested)} version{'' if len(tested) == 1 else 's'}"
    click.echo(f"{count} passed in {took}" if tested else "nothing to test: models_test.toml lists no versions")
    return 0

"""The verb that looks for what usually goes wrong: `doctor`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.output import echo_json, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpipeline.domain.findings import Finding
    from mlpipeline.project.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@click.pass_obj
def doctor(place: Place, as_json: bool) -> None:
    """Look for what usually goes wrong, and say what to do.

    Looks at the installation, this machine, the project, its file system, its daemons and its records. Nothing is
    changed. Exit status 1 when something is bad.

    \b
    Examples:
      mlpipeline doctor
      mlpipeline doctor --json | jq '.checks[] | select(.health != "ok")'
    """
    from mlpipeline.domain.findings import Health
    from mlpipeline.views.checkup import checkup_for_programs, closing_text, finding_text

    with exit_for(place):
        settings, trouble = _settings(place)
        found = []
        for finding in _findings(place, settings, trouble):
            found.append(finding)
            if not as_json:
                echo_screen(finding_text(finding, stdout_screen()))
        if as_json:
            echo_json(checkup_for_programs(found, place.host(), None if settings is None else str(settings.root)))
        else:
            echo_screen(f"\n{closing_text(found)}")
        sys.exit(any(finding.health is Health.BAD for finding in found))


def _settings(place: Place) -> tuple[Settings | None, str]:
    """Return the settings of the project, or why there are none."""
    from mlpipeline.errors import SettingsError

    try:
        return place.settings(), ""
    except SettingsError as error:
        return None, str(error)


def _findings(place: Place, settings: Settings | None, trouble: str) -> Iterator[Finding]:
    from mlpipeline.daemon.checkup.case import Case
    from mlpipeline.daemon.checkup.checks import check_machine, check_project
    from mlpipeline.domain.findings import bad

    yield from check_machine(os.environ)
    if settings is None:
        yield bad("project", trouble, "mend mlp.toml, go to your project, or begin one: mlpipeline init DIR")
    else:
        yield from check_project(Case(settings=settings, outputs=place.outputs(settings), environ=os.environ))

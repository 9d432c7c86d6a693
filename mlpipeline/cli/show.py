"""The verbs that look closely: at one run, and at several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlpipeline.cli.naming import named_run
from mlpipeline.cli.output import echo_json, echo_screen, stdout_screen
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@click.pass_obj
def show(place: Place, name: str, as_json: bool) -> None:
    """Show everything about one run.

    RUN is the id of a run, or as much of its beginning as tells it from others, or MODEL:VERSION for its latest.

    \b
    Examples:
      mlpipeline show digits:deep
      mlpipeline show 7k2
    """
    from mlpipeline.views.details import details
    from mlpipeline.views.show import show_for_programs, show_screen

    with exit_for(place):
        outputs = place.outputs(place.settings())
        seen = look(outputs, lambda ledger: [named_run(name, ledger, outputs)])
        found = details(seen.runs[0], seen.ledger, outputs)
        if as_json:
            echo_json(show_for_programs(found, outputs))
        else:
            echo_screen(show_screen(found, outputs, stdout_screen()))


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object.")
@click.pass_obj
def compare(place: Place, names: tuple[str, ...], as_json: bool) -> None:
    """Show runs side by side: what differs between them comes first.

    Parameters, results, the code and the packages are compared; of two runs, the code's whole diff is shown.

    \b
    Examples:
      mlpipeline compare digits:deep digits:wide
      mlpipeline compare 7k2 a1f 3x3
    """
    if len(names) < 2:
        raise click.UsageError(f"a run is compared with others: name more than {names[0]}.")
    from mlpipeline.views.compare import compare_for_programs, compare_screen, comparison

    with exit_for(place):
        outputs = place.outputs(place.settings())
        seen = look(outputs, lambda ledger: _each_once(names, ledger, outputs))
        found = comparison(seen.runs, seen.ledger, outputs)
        if as_json:
            echo_json(compare_for_programs(found, outputs))
        else:
            echo_screen(compare_screen(found, stdout_screen()))


def _each_once(names: Sequence[str], ledger: Ledger, outputs: Outputs) -> list[Run]:
    """Return the runs that are named.

    Raises:
        NoSuchRun: one is not there.
        SameRun: one is named twice.
    """
    from mlpipeline.errors import SameRun

    found: dict[str, Run] = {}
    for name in names:
        run = named_run(name, ledger, outputs)
        if run.id in found:
            raise SameRun(f'"{name}" is run {run.id} ({run.key}), which is named already: name another.')
        found[run.id] = run
    return list(found.values())

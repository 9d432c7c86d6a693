"""The verbs that ask something of runs: of their daemon, on whatever host, or without one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.completion import open_run, unfinished_run
from mlpipeline.cli.naming import named_run
from mlpipeline.cli.project import Place, exit_for
from mlpipeline.cli.reading import read_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.views.observed import ObservedDaemon

#: How long an answer is waited for, in seconds.
_PATIENCE_S = 5.0
#: How long the end of what was told to stop is waited for, and how often that is looked for, in seconds.
_END_PATIENCE_S, _LOOK_S = 2.0, 0.05
#: How a run goes on that is over and not done.
_GOES_ON: dict[str | None, str] = dict.fromkeys(
    ("stopped", "failed", "lost"), "; the next launch resumes it, `mlpipeline retry` does at once"
)


@click.command()
@click.argument("names", nargs=-1, metavar="RUN...", shell_complete=open_run)
@click.option("--all", "is_all", is_flag=True, help="All that run, on all hosts.")
@click.pass_obj
def stop(place: Place, names: tuple[str, ...], is_all: bool) -> None:
    """Stop runs; the next launch resumes them.

    They are told to save and leave, and killed after the grace (stop_grace in mlp.toml).

    RUN is the id of a run, or as much of its beginning as tells it from others, or MODEL:VERSION for its latest.

    \b
    Examples:
      mlpipeline stop digits:deep
      mlpipeline stop 7k2 a1f
      mlpipeline stop --all
    """
    _require_one(names, "--all", is_all, "that run", "that are to stop")
    with exit_for(place):
        sys.exit(_stop(place, names))


@click.command()
@click.argument("names", nargs=-1, metavar="RUN...", shell_complete=open_run)
@click.option("--all", "is_all", is_flag=True, help="All that run, on all hosts.")
@click.pass_obj
def pause(place: Place, names: tuple[str, ...], is_all: bool) -> None:
    """Have runs stand still until they are resumed.

    All that they started does, too. They keep their memory, on the GPU too, and their place among the runs at a time.

    \b
    Examples:
      mlpipeline pause digits:deep
      mlpipeline pause --all
    """
    _require_one(names, "--all", is_all, "that run", "that are to pause")
    with exit_for(place):
        sys.exit(_steer(place, names, "pause", "nothing runs that is not paused", lambda run: not run.is_paused))


@click.command()
@click.argument("names", nargs=-1, metavar="RUN...", shell_complete=open_run)
@click.option("--all", "is_all", is_flag=True, help="All that are paused, on all hosts.")
@click.pass_obj
def resume(place: Place, names: tuple[str, ...], is_all: bool) -> None:
    """Let paused runs go on.

    \b
    Examples:
      mlpipeline resume digits:deep
      mlpipeline resume --all
    """
    _require_one(names, "--all", is_all, "that are paused", "that are to go on")
    with exit_for(place):
        sys.exit(_steer(place, names, "resume", "nothing is paused", lambda run: run.is_paused))


@click.command()
@click.argument("names", nargs=-1, metavar="RUN...", shell_complete=unfinished_run)
@click.option("--failed", "is_failed", is_flag=True, help="All that failed or were lost and were not run since.")
@click.pass_obj
def retry(place: Place, names: tuple[str, ...], is_failed: bool) -> None:
    """Try runs again that failed, were stopped or lost.

    Each is a further attempt of the run, with its code as it was, and goes on in its model dir. To run what was edited
    since, launch the queue: it sees what changed.

    \b
    Examples:
      mlpipeline retry digits:deep
      mlpipeline retry --failed
    """
    _require_one(names, "--failed", is_failed, "that failed", "that are to be tried again")
    with exit_for(place):
        sys.exit(_retry(place, names))


def _require_one(names: Sequence[str], flag: str, is_given: bool, meant: str, wanted: str) -> None:
    """See that runs are named, or all of them meant by `flag`, and not both.

    Raises:
        UsageError: neither, or both.
    """
    if names and is_given:
        raise click.UsageError(f"{flag} means all {meant}, and no run is named beside it: leave one of them out.")
    if not names and not is_given:
        raise click.UsageError(f"name the runs {wanted}, or give {flag}.")


def _retry(place: Place, names: Sequence[str]) -> int:
    outputs = place.outputs(place.settings())
    ledger = read_ledger(outputs)
    runs = [named_run(name, ledger, outputs) for name in names] if names else ledger.in_trouble()
    if not runs:
        click.echo("nothing failed")
    return _ask(list({run.id: run for run in runs}.values()), "retry", outputs, ledger)


def _stop(place: Place, names: Sequence[str]) -> int:
    from mlpipeline.daemon.asking import stop_here

    settings = place.settings()
    outputs = place.outputs(settings)
    ledger = read_ledger(outputs)
    runs = _open_ones([named_run(name, ledger, outputs) for name in names] if names else ledger.open_runs())
    if not names and not runs:
        click.echo("nothing runs")
    here = [run for run in runs if run.host == outputs.host]
    if here and stop_here(here, typed(), outputs, settings.stop_grace_s, _say):
        runs = [run for run in runs if run.host != outputs.host]
    return _ask(runs, "stop", outputs, ledger)


def _steer(place: Place, names: Sequence[str], what: str, none: str, is_meant: Callable[[Run], bool]) -> int:
    """Ask for something of the runs that are named, or of all that are meant; say `none` where there is none."""
    outputs = place.outputs(place.settings())
    ledger = read_ledger(outputs)
    if names:
        runs = _open_ones([named_run(name, ledger, outputs) for name in names])
    elif not (runs := list(filter(is_meant, ledger.open_runs()))):
        click.echo(none)
    return _ask(runs, what, outputs, ledger)


def _ask(runs: Sequence[Run], what: str, outputs: Outputs, ledger: Ledger) -> int:
    said = ask_daemons([(f"{run.id} {run.key}", run.id, run.host) for run in runs], what, outputs, ledger)
    return 1 if None in said else 0


def ask_daemons(asked: Sequence[tuple[str, str, str]], what: str, outputs: Outputs, ledger: Ledger) -> list[str | None]:
    """Ask for something and say what came of it; return what each was answered, None where nobody has yet.

    Args:
        asked: what it is called on the terminal, what it is called in the request, and the host that is asked.
        what: is asked for, an `Ask`.
        outputs: of this host.
        ledger: of the same outputs.
    """
    import time
    from random import SystemRandom

    from mlpipeline.daemon.asking import ask
    from mlpipeline.domain.names import run_id
    from mlpipeline.domain.requests import TOLD_TO_STOP, Ask, Request
    from mlpipeline.views.observed import observe_daemons

    requests = [
        Request(id=run_id(SystemRandom()), ask=Ask(what), of=of, host=host, by=typed()) for _, of, host in asked
    ]
    answers = ask(requests, outputs, ledger, _PATIENCE_S)
    told = {request.of for request in requests if answers.get(request.id, "").startswith(TOLD_TO_STOP)}
    outcomes = _outcomes(told, ledger) if told else {}
    daemons = {daemon.host: daemon for daemon in observe_daemons(outputs, time.time())}
    for (name, _, host), request in zip(asked, requests, strict=True):
        said = outcomes.get(request.of) or answers.get(request.id)
        click.echo(f"{name} {said or _unanswered(host, what, daemons.get(host), is_here=host == outputs.host)}")
    return [answers.get(request.id) for request in requests]


def _outcomes(ids: Collection[str], ledger: Ledger) -> dict[str, str]:
    """Return how runs that were told to stop ended, as soon as all have, and of those that have within a moment."""
    import time
    from contextlib import suppress

    deadline = time.monotonic() + _END_PATIENCE_S
    while True:
        with suppress(OSError):  # A journal that cannot be read now may be in a moment.
            ledger.catch_up()
        ended = {run.id: run.outcome_in_words for name in ids if (run := ledger.get(name)) is not None and run.outcome}
        if len(ended) == len(ids) or time.monotonic() > deadline:
            return ended
        time.sleep(_LOOK_S)


def _unanswered(host: str, what: str, daemon: ObservedDaemon | None, *, is_here: bool) -> str:
    from mlpipeline.views.words import ago

    told = f"is asked to {what}, and no daemon of {host} has answered yet"
    launch = "next launch" if is_here else f"next launch on {host}"
    if daemon is not None and daemon.is_there and daemon.is_stopping:
        return f"{told}; it is stopping: the {launch} does"
    if daemon is None or daemon.ended_at is not None or daemon.is_alive is False:
        return f"{told}: none runs there. The {launch} does"
    return f"{told}: it was last heard {ago(daemon.silent_s)}"


def _open_ones(runs: Sequence[Run]) -> list[Run]:
    """Return those that are still to end, each once; say of the others that they have."""
    found = {run.id: run for run in runs}
    for run in found.values():
        if not run.is_open:
            _say(run, f"had ended already: {run.outcome_in_words}{_GOES_ON.get(run.outcome, '')}")
    return [run for run in found.values() if run.is_open]


def typed() -> str:
    """Return the command as it was typed, for the history."""
    import shlex

    return shlex.join(["mlpipeline", *sys.argv[1:]])


def _say(run: Run, said: str) -> None:
    click.echo(f"{run.id} {run.key} {said}")

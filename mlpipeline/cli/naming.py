"""What a person calls a run, and which run that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpipeline.domain.runs import Run
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs

#: How many of the latest runs are looked through for those that were meant.
_LOOKED_AT = 200
#: How many of several are named.
_NAMED = 5


def named_run(name: str, ledger: Ledger, outputs: Outputs) -> Run:
    """Return the run that a person means: by its id or enough of its beginning, its whole name, or `model:version`.

    Raises:
        NoSuchRun: none is called so, or more than one; the nearest are named.
    """
    import time

    from mlpipeline.errors import NoSuchRun
    from mlpipeline.views.observed import observe_daemons

    if not name.strip():
        # Every id begins with nothing: a shell variable that is not set would mean whatever runs.
        raise NoSuchRun(
            "a RUN is empty, and means none: give a run's id, or MODEL:VERSION. Is a shell variable not set?"
        )
    found = ledger.named(name) or _with_whole_name(name, ledger)
    if len(found) == 1:
        return found[0]
    if found:
        more = ", …" if len(found) > _NAMED else ""
        raise NoSuchRun(f'"{name}" may be any of {len(found)} runs: {_listed(found[:_NAMED])}{more}.')
    if runs := _latest_of_model(name, ledger):
        more = ", …" if len(runs) > _NAMED else ""
        raise NoSuchRun(f'"{name}" is a model: name one of its runs, such as {_listed(runs[:_NAMED])}{more}.')
    # What one that died had ahead of it is nobody's plan any more.
    daemons = [daemon for daemon in observe_daemons(outputs, time.time()) if daemon.is_there or daemon.ended_at]
    where = next(filter(None, (daemon.place_of(name) for daemon in daemons)), None)
    if where is not None:
        raise NoSuchRun(f'"{name}" has not run yet: {where}.')
    known = [key for daemon in daemons for key in daemon.known]
    raise NoSuchRun(
        f'there is no run "{name}"; `mlpipeline runs` lists them.{_nearest(name, ledger.newest(_LOOKED_AT), known)}'
    )


def _with_whole_name(name: str, ledger: Ledger) -> list[Run]:
    """Return the run that is called `model-version-id`, as its run dir is."""
    beginning, _, run_id = name.rpartition("-")
    return [run for run in ledger.named(run_id) if run.name == name] if beginning else []


def _latest_of_model(name: str, ledger: Ledger) -> list[Run]:
    """Return the latest run of each version of a model, or of its script, newest first."""
    from mlpipeline.domain.filters import Filter
    from mlpipeline.history.search import search

    latest: dict[str, Run] = {}
    for run in search(ledger, Filter(models=[name], most=_LOOKED_AT)):
        if run.model == name.removesuffix(".py"):  # A pattern may have found others.
            latest.setdefault(run.key, run)
    return list(latest.values())


def _nearest(name: str, runs: Sequence[Run], known: Sequence[str]) -> str:
    from mlpipeline.domain.words import nearest_of

    latest: dict[str, Run] = {}
    for run in runs:
        latest.setdefault(run.key, run)
        latest.setdefault(run.id, run)
    near = nearest_of(name, [*latest, *known], _NAMED)
    if not near:
        return ""
    meant = [f"{latest[word].id} ({latest[word].key})" if word in latest else word for word in near]
    return f" The nearest: {', '.join(dict.fromkeys(meant))}."


def _listed(runs: Sequence[Run]) -> str:
    return ", ".join(f"{run.id} ({run.key})" for run in runs)

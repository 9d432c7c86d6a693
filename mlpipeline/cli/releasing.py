"""The verb that lets go on what is held: `release`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mlpipeline.cli.completion import model_or_version
from mlpipeline.cli.project import Place, exit_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpipeline.history.claims import Claim
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings
    from mlpipeline.views.observed import ObservedDaemon

#: How many of the latest runs are looked through for the version that was meant.
_LOOKED_AT = 200


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="MODEL[:VERSION]...", shell_complete=model_or_version)
@click.pass_obj
def release(place: Place, names: tuple[str, ...]) -> None:
    """Let go on what is held.

    That is the rest of a script whose versions failed in a row, versions that failed their test, and model dirs whose
    run is gone for good.

    \b
    Examples:
      mlpipeline release digits
      mlpipeline release digits:deep
    """
    with exit_for(place):
        sys.exit(_release(place, names))


def _release(place: Place, names: Sequence[str]) -> int:
    import time

    from mlpipeline.cli.asking import ask_daemons
    from mlpipeline.cli.reading import read_ledger
    from mlpipeline.domain.requests import RELEASED
    from mlpipeline.views.observed import observe_daemons

    settings = place.settings()
    outputs = place.outputs(settings)
    ledger = read_ledger(outputs)
    daemons = observe_daemons(outputs, time.time())
    keys = [_known(name, outputs, ledger, settings, daemons) for name in names]
    claims = [_release_claims(name, key, outputs, ledger, daemons) for name, key in zip(names, keys, strict=True)]
    # Any daemon does: what it records, all others read.
    alive = next((daemon.host for daemon in daemons if daemon.is_there and not daemon.is_silent), outputs.host)
    answers = ask_daemons(
        [(name, key, alive) for name, key in zip(names, keys, strict=True)], "release", outputs, ledger
    )
    status = 0
    for key, (is_any_free, in_use), said in zip(keys, claims, answers, strict=True):
        is_version = ":" in key
        is_any_released = is_any_free or said == RELEASED
        if not is_any_released and (said is None or (in_use and is_version)):
            status = 1
        # Where a model is released, those of its versions that run well were not meant.
        for line in in_use if is_version or not is_any_released else ():
            click.echo(line)
    return status


def _known(name: str, outputs: Outputs, ledger: Ledger, settings: Settings, daemons: Sequence[ObservedDaemon]) -> str:
    """Return the model, or `model:version`, that a person means.

    Raises:
        NoSuchRun: it is nobody's.
    """
    from mlpipeline.domain.words import did_you_mean
    from mlpipeline.errors import NoSuchRun
    from mlpipeline.history import claims

    script, _, version = name.partition(":")
    model = _known_model(script.removesuffix(".py"), ledger, settings)
    if not version:
        return model
    key = f"{model}:{version}"
    told = {*(what for daemon in daemons for what in daemon.known), *(test.key for test in ledger.failed_tests())}
    # Of what waits, a daemon names the beginning only.
    is_all_told = all(daemon.waiting <= len(daemon.next) for daemon in daemons)
    is_claimed = any(_is_of(path, claim, model, version, outputs) for path, claim in claims.of_all(outputs.claims))
    if key in told or not is_all_told or is_claimed or ledger.named(key):
        return key
    known = [*told, *(run.key for run in ledger.newest(_LOOKED_AT))]
    raise NoSuchRun(
        f'there is no version "{key}": no daemon and no run names it; `mlpipeline status` lists what is held.'
        f"{did_you_mean(key, known)}"
    )


def _known_model(model: str, ledger: Ledger, settings: Settings) -> str:
    from mlpipeline.domain.queue import model_name
    from mlpipeline.domain.words import did_you_mean
    from mlpipeline.errors import NoSuchRun
    from mlpipeline.project.paths import QUEUE_NAME
    from mlpipeline.project.queue_file import read_queue
    from mlpipeline.project.scripts import listed_scripts

    if ledger.ended(model, 1):
        return model
    queue = read_queue(settings.root / QUEUE_NAME, settings.models_dir)
    listed = [model_name(entry.script) for entry in listed_scripts(queue, settings.models_dir).entries]
    known = [*listed, *(run.model for run in ledger.open_runs())]
    if model in known:
        return model
    raise NoSuchRun(f'there is no model "{model}".{did_you_mean(model, known)}')


def _release_claims(
    name: str, key: str, outputs: Outputs, ledger: Ledger, daemons: Sequence[ObservedDaemon]
) -> tuple[bool, list[str]]:
    """Remove the claims of runs that are gone; return whether there were any, and what is to say of the others."""
    from mlpipeline.cli.asking import typed
    from mlpipeline.history import claims
    from mlpipeline.history.journal import Journal
    from mlpipeline.project.clock import timestamp

    model, _, version = key.partition(":")
    is_any_free, in_use = False, []
    for path, claim in claims.of_all(outputs.claims):
        if not _is_of(path, claim, model, version or None, outputs):
            continue
        if (why := _why_alive(claim, outputs, ledger, daemons)) is not None:
            in_use.append(f"{name}: its model dir is in use by run {claim.run}, {why}")
            continue
        # Said first: a run of a host that is gone for good keeps its version from starting elsewhere, too.
        event = {"event": "released", "of": name, "what": [claim.run], "by": typed()}
        Journal(outputs.history, timestamp).append(event)
        path.unlink(missing_ok=True)
        is_any_free = True
        click.echo(f"{name}: its model dir is free; run {claim.run or '(unknown)'} of {claim.host or '?'} had it")
    return is_any_free, in_use


def _is_of(path: Path, claim: Claim, model: str, version: str | None, outputs: Outputs) -> bool:
    from pathlib import Path

    from mlpipeline.domain.names import model_dir_name
    from mlpipeline.project.files import read_json
    from mlpipeline.project.paths import RunDir

    spec = read_json(RunDir(path=Path(claim.run_dir)).spec) if claim.run_dir else None
    if spec is not None:
        return spec["model"] == model and version in (None, spec["version"])
    # Nobody can say whose it is; its file is called as the model dir is, where that has no suffix of its own.
    return version is not None and path == outputs.claim(model_dir_name(model, version))


def _why_alive(claim: Claim, outputs: Outputs, ledger: Ledger, daemons: Sequence[ObservedDaemon]) -> str | None:
    """Return why a claim is not a dead run's; None when it is, as far as this host can tell."""
    from pathlib import Path

    from mlpipeline.executors.processes import ProcessId
    from mlpipeline.project.files import read_json
    from mlpipeline.project.paths import RunDir

    daemon = next((daemon for daemon in daemons if daemon.host == claim.host), None)
    if claim.host == outputs.host:
        run = ledger.get(claim.run)
        attempt = RunDir(path=Path(claim.run_dir)).attempt(run.attempt if run else 1)
        worker = ProcessId.from_json(read_json(attempt.worker))
        is_watched = run is not None and run.is_open and daemon is not None and bool(daemon.is_alive)
        is_alive = is_watched or (worker is not None and worker.is_alive())
        return f"which is not over. Stop it first: mlpipeline stop {claim.run}" if is_alive else None
    if daemon is None or not daemon.is_there or daemon.is_silent:
        return None
    return f"whose daemon on {claim.host} is there. Stop it first: mlpipeline stop {claim.run}"

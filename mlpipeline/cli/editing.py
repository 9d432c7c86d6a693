"""Edits of the queue file, and what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlpipeline.cli.output import echo_message
from mlpipeline.cli.project import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mlpipeline.domain.listed import Edit, Listed
    from mlpipeline.views.observed import ObservedDaemon

#: How long a daemon is waited for to take an edit up, and how often that is looked for, in seconds.
_PATIENCE_S, _LOOK_S = 2.0, 0.05
#: What its log says then.
_TAKEN_UP = "queue re-read: "


class Editing:
    """One edit of models.toml."""

    def __init__(self, place: Place) -> None:
        """Edit the queue of the project that `place` is in.

        Raises:
            SettingsError: there is none, or its settings cannot be used.
        """
        from mlpipeline.cli.scripts import KnownVersions
        from mlpipeline.project.paths import QUEUE_NAME

        settings = place.settings()
        self._outputs = place.outputs(settings)
        self._models_dir = settings.models_dir
        self._path: Path = settings.root / QUEUE_NAME
        self.known = KnownVersions(settings, self._outputs)
        #: What was named: scripts, and versions as they are called.
        self._named: list[tuple[str, str | None]] = []
        self._checked: set[tuple[str, str | None]] = set()

    def each(
        self,
        names: Sequence[str],
        change: Callable[[Sequence[Listed], str, str | None], Edit],
        *,
        leaves_runs: bool = False,
    ) -> None:
        """Do something to all that is named, and say what was done; all of it is done, or nothing.

        Args:
            names: scripts, or versions of them.
            change: what is done to each.
            leaves_runs: whether somebody may think that their runs end by that.

        Raises:
            MlpipelineError: something cannot be done, or the file cannot be edited.
        """
        from mlpipeline.domain.listed import Edit

        def changed(script: str, version: str | None) -> Callable[[Sequence[Listed]], Edit]:
            return lambda now: change(now, script, version)

        def each_changed(lines: Sequence[Listed], named: Sequence[tuple[str, str | None]]) -> Edit:
            edit = Edit(lines=tuple(lines), said=())
            for script, version in named:
                edit = edit.then(changed(script, version))
            return edit

        self.together(names, each_changed, leaves_runs=leaves_runs)

    def together(
        self,
        names: Sequence[str],
        change: Callable[[Sequence[Listed], Sequence[tuple[str, str | None]]], Edit],
        *,
        leaves_runs: bool = False,
    ) -> None:
        """Do something to all that is named at once; otherwise as `each`."""

        def all_changed(lines: Sequence[Listed]) -> Edit:
            self._named = self._resolved(names, [line.script for line in lines])
            return change(lines, self._named)

        self._edit(all_changed, leaves_runs=leaves_runs)

    def add(self, names: Sequence[str], settings: Sequence[str], *, is_first: bool) -> None:
        """List all that is named, with these parameters changed, and say where.

        Raises:
            MlpipelineError: something is not there, or the file cannot be edited.
        """
        from mlpipeline.authoring.version import as_spelled
        from mlpipeline.domain.assignments import assigned
        from mlpipeline.domain.changes import Changes
        from mlpipeline.domain.listed import Edit, add
        from mlpipeline.errors import MlpipelineError
        from mlpipeline.views.words import one_line

        given = assigned(settings)
        values = as_spelled(given)
        if len(values) < len(given):
            raise MlpipelineError("--set: epoc_count and epoch_count are the same parameter. Keep one of them.")
        groups: dict[str, list[str] | None] = {}
        for script, version in self._resolved(names, ()):
            self._check(script, version, values)
            versions = groups.setdefault(script, [])
            if version is None or versions is None:
                groups[script] = None
            elif version not in versions:
                versions.append(version)

        def added(script: str) -> Callable[[Sequence[Listed]], Edit]:
            return lambda now: add(now, script, groups[script], values, 0 if is_first else None)

        def all_added(lines: Sequence[Listed]) -> Edit:
            edit = Edit(lines=tuple(lines), said=())
            # The first that is named is to be the first of all.
            for script in reversed(groups) if is_first else groups:
                edit = edit.then(added(script))
            return edit

        self._edit(all_added)
        changes = Changes(values=values) if values else None
        for script, named in groups.items():
            if (why := self.known.why_held(script, named, changes)) is not None:
                click.echo(f"{script} is held all the same: {one_line(why)}")

    def require_version(self, lines: Sequence[Listed], script: str, version: str | None) -> None:
        """See that a script whose every version is listed has the one that is named, as far as anybody knows.

        Raises:
            NotListed: it is not listed, or there is none.
        """
        from mlpipeline.domain.listed import find

        if version is not None:
            index, own = find(lines, script, version)
            if lines[index].versions is None:
                self._check(script, own, {})

    def _check(self, script: str, version: str | None, values: Mapping[str, Any]) -> None:
        """See that there are a script, its version and these parameters, as far as anybody knows.

        Raises:
            NotListed: there are not; the nearest that is.
        """
        from mlpipeline.errors import NotListed, ScriptError
        from mlpipeline.project.scripts import check_script, is_outside

        if (script, version) in self._checked:
            return
        self._checked.add((script, version))
        try:
            check_script(script, self._models_dir)
            self._require(script, version, values)
        except ScriptError as error:
            if is_outside(script) or not (self._models_dir / script).is_file():
                raise NotListed(str(error)) from error
            told = f"{error}\nWhat versions it has cannot be seen: what is named is taken as it is."
            echo_message(told)

    def _require(self, script: str, version: str | None, values: Mapping[str, Any]) -> None:
        from mlpipeline.domain.assignments import require_kinds
        from mlpipeline.domain.changes import Changes
        from mlpipeline.domain.listed import shown
        from mlpipeline.domain.words import did_you_mean
        from mlpipeline.errors import MlpipelineError, NotListed

        if not values and (version is None or self.known.is_heard_of(shown(script, version))):
            return
        versions = {one.name: one for one in self.known.describe(script).versions}
        if version is not None and version not in versions:
            base, at, changed = version.partition("@")
            written = f"mlpipeline queue add {shown(script, base)} --set {changed.replace(',', ' --set ')}"
            hint = f" To make it: {written}" if at and base in versions else ""
            raise NotListed(f'{script} has no version "{version}".{hint or did_you_mean(version, versions)}')
        try:
            for one in versions.values() if version is None else [versions[version]]:
                changes = Changes(values=values)
                changes.in_place(one.parameters, one.further)
                known = {**one.further.defaults, **one.parameters}
                require_kinds(changes.called(one.parameters, one.further), known)
        except MlpipelineError as error:
            raise NotListed(f"{shown(script, version)}: {error}") from error

    def _resolved(self, names: Sequence[str], listed: Sequence[str]) -> list[tuple[str, str | None]]:
        from mlpipeline.cli.scripts import named_script

        return list(dict.fromkeys(named_script(name, self._models_dir, listed) for name in names))

    def _edit(self, change: Callable[[Sequence[Listed]], Edit], *, leaves_runs: bool = False) -> None:
        from mlpipeline.project.queue_edits import edit_queue

        alive = [daemon for daemon in self.known.daemons if daemon.is_there and not daemon.is_silent]
        logs = {daemon.host: self._log_size(daemon.host) for daemon in alive}
        before: list[tuple[Listed, ...]] = []

        def noted(lines: Sequence[Listed]) -> Edit:
            before.append(tuple(lines))
            return change(lines)

        edit = edit_queue(self._path, self._models_dir, self._outputs.locks / "queue.lock", noted)
        for line in edit.said:
            click.echo(line)
        if edit.lines != before[-1]:
            if leaves_runs:
                self._tell_what_runs_on()
            self._tell_who_takes_it_up(alive, logs)

    def _tell_who_takes_it_up(self, alive: Sequence[ObservedDaemon], logs: Mapping[str, int]) -> None:
        import time

        from mlpipeline.views.words import one_line

        if not alive:
            click.echo("no daemon is running: the next launch takes it up")
        deadline = time.monotonic() + _PATIENCE_S
        for daemon in alive:
            where = f"the daemon on {one_line(daemon.host)}"
            if daemon.is_stopping:
                click.echo(f"{where} is stopping: the next launch takes it up")
                continue
            while (told := self._told(daemon.host, logs[daemon.host])) is None and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
            click.echo(f"{where} {f'took it up: {told}' if told else 'has not said so yet, and takes it up by itself'}")

    def _log_size(self, host: str) -> int:
        path = self._outputs.path / f"log-{host}"
        return path.stat().st_size if path.is_file() else 0

    def _told(self, host: str, since: int) -> str | None:
        """Return what the log of a host says of the queue since it was so long, in bytes."""
        try:
            with (self._outputs.path / f"log-{host}").open("rb") as file:
                file.seek(since)
                new = file.read().decode("utf-8", "replace")
        except OSError:
            return None
        lines = [line.partition(_TAKEN_UP)[2] for line in new.splitlines() if _TAKEN_UP in line]
        return "; ".join(lines) or None

    def _tell_what_runs_on(self) -> None:
        """Say which runs of what was named go on."""
        from mlpipeline.domain.queue import model_name

        for run in self.known.ledger.open_runs():
            if any(
                run.model == model_name(script) and version in (None, run.version) for script, version in self._named
            ):
                click.echo(f"{run.id} {run.key} goes on; to stop it: mlpipeline stop {run.id}")

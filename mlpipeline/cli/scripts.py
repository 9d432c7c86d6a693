"""Scripts and versions as people name them at the prompt, and which versions there are."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING

from mlpipeline.cli.output import echo_message

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from mlpipeline.domain.changes import Changes
    from mlpipeline.domain.description import Description
    from mlpipeline.history.ledger import Ledger
    from mlpipeline.project.paths import Outputs
    from mlpipeline.project.settings import Settings
    from mlpipeline.views.observed import ObservedDaemon

#: After how long the import of a script is worth a word, in seconds, and how often it is looked at.
_SLOW_S, _LOOK_S = 2.0, 0.02


def named_script(name: str, models_dir: Path, listed: Collection[str]) -> tuple[str, str | None]:
    """Return the script that a person names, relative to models_dir, and which of its versions; None for all.

    It may be named by its path, from here or from the root, as the shell completes it, and without `.py`.

    Args:
        name: such as `digits`, `cnn/net.py`, `models/digits.py` or `digits:deep`.
        models_dir: of the project.
        listed: scripts that are known, there or not.

    Raises:
        NotListed: it names nothing.
    """
    import posixpath
    from pathlib import Path

    from mlpipeline.errors import NotListed
    from mlpipeline.project.scripts import is_outside

    script, colon, version = name.strip().partition(":")
    if not script.strip() or (colon and not version):
        raise NotListed(
            f'"{name}" names nothing. Write a script, such as digits.py, or one of its versions, such as digits:deep.'
        )
    script = posixpath.normpath(script.replace("\\", "/"))
    script = script if script.endswith(".py") else f"{script}.py"
    if script not in listed and (is_outside(script) or not (models_dir / script).exists()):
        from_here = Path(script).absolute()
        from_here = from_here.parent.resolve() / from_here.name  # a script that is a link stays the link
        if from_here.is_relative_to(models_dir):
            script = from_here.relative_to(models_dir).as_posix()
    return script, version or None


class KnownVersions:
    """Which versions scripts have: what history and daemons know, else what the script itself says."""

    def __init__(self, settings: Settings, outputs: Outputs) -> None:
        self._settings = settings
        self._outputs = outputs
        self._described: dict[str, Description] = {}

    @cached_property
    def ledger(self) -> Ledger:
        """The history."""
        from mlpipeline.cli.reading import read_ledger

        return read_ledger(self._outputs)

    @cached_property
    def daemons(self) -> list[ObservedDaemon]:
        """The daemons as they were when they were first asked about."""
        import time

        from mlpipeline.views.observed import observe_daemons

        return observe_daemons(self._outputs, time.time())

    def is_heard_of(self, key: str) -> bool:
        """Whether anybody has heard of `model:version`: who says no may not know."""
        return any(key in daemon.known for daemon in self.daemons) or bool(self.ledger.named(key))

    def ask(self, script: str) -> tuple[str, ...]:
        """Return the versions of a script, in its own order.

        Raises:
            ScriptError: it cannot be used.
        """
        return tuple(version.name for version in self.describe(script).versions)

    def describe(self, script: str) -> Description:
        """Return what a script offers, which has it imported once.

        Raises:
            ScriptError: it cannot be used.
        """
        if script not in self._described:
            self._described[script] = _description(script, self._settings)
        return self._described[script]

    def why_held(self, script: str, versions: Sequence[str] | None, changes: Changes | None) -> str | None:
        """Return why some of these versions would not start though they are listed: those of their script have failed.

        Args:
            script: that they are of.
            versions: as the script calls them; None for every one.
            changes: what the list changes in their parameters.
        """
        from mlpipeline.daemon.breaker import Breaker
        from mlpipeline.daemon.catalogue import Offer
        from mlpipeline.domain.queue import model_name
        from mlpipeline.errors import MlpipelineError

        model = model_name(script)
        settings = self._settings
        breaker = Breaker(self.ledger, settings.hold_after, settings.models_dir, lambda: None, lambda _: None)
        if not breaker.what_holds(model, None):
            return None
        try:
            described = self.describe(script)
            offered = [one for one in described.versions if versions is None or one.name in versions]
            offered = [one if changes is None else one.changed(changes) for one in offered]
        except MlpipelineError:
            return None  # Who named them was told that they cannot be seen.
        for one in offered:
            offer = Offer(
                model=model,
                version=one.name,
                script=script,
                identity=one.identity,
                parameters=one.parameters,
                seed=one.seed,
                model_dir="",
                files=described.files,
            )
            if (wait := breaker.wait(offer)) is not None:
                return wait.why
        return None


def _description(script: str, settings: Settings) -> Description:
    import os
    import time

    from mlpipeline.daemon.descriptions import Descriptions
    from mlpipeline.errors import ScriptError
    from mlpipeline.executors.processes import ProcessId

    descriptions = Descriptions(settings, ProcessId.of_child(os.getpid()), at_once=1)
    slow_at = time.monotonic() + _SLOW_S
    # Nobody waits at a pipe.
    is_told = sys.stderr is None or not sys.stderr.isatty()
    try:
        while (answer := descriptions.get(script)) is None:
            if not is_told and time.monotonic() > slow_at:
                echo_message(f"{script} is being imported to see what versions it has …")
                is_told = True
            time.sleep(_LOOK_S)
            descriptions.poll()
    finally:
        descriptions.close()
    if isinstance(answer, ScriptError):
        raise answer
    return answer

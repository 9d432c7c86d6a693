"""What a worker works with: the script's model, the version, and the run object that user code sees."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run, set_current
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Start
from mlpipeline.errors import ScriptError, VersionsError
from mlpipeline.project.files import to_json, write_whole
from mlpipeline.project.paths import AttemptDir, RunDir
from mlpipeline.project.seeding import Seeding
from mlpipeline.worker.record import Record
from mlpipeline.worker.sink import Sink

if TYPE_CHECKING:
    from mlpipeline.authoring.versions import Version
    from mlpipeline.worker.learning import ImportWatch
    from mlpipeline.worker.stopping import StopSignal


class Work:
    """One version to carry out, and where everything about it goes."""

    def __init__(self, spec: Spec, run_dir: RunDir, attempt: AttemptDir, watch: ImportWatch | None = None) -> None:
        """Take what the daemon wrote; `watch` sees what is imported, for the next run of the script."""
        self.spec = spec
        self.run_dir = run_dir
        self.attempt = attempt
        self._watch = watch
        self.record = Record()
        self.model_dir = Path(spec.model_dir)
        self._sink = Sink(spec, run_dir, attempt)
        self.run = Run(
            id=spec.run,
            mode=ExecutionModeKeys.TEST if spec.mode is Mode.TEST else ExecutionModeKeys.TRAIN,
            model_dir=self.model_dir,
            seed=spec.seed,
            sink=self._sink,
            steps_done=spec.steps_done,
        )
        set_current(self.run)

    @property
    def is_test(self) -> bool:
        """Whether this run is only to see that the version works."""
        return self.spec.mode is Mode.TEST

    def perform(self, stop: StopSignal) -> None:
        """Import the script, make its model dir ready, and have the version's work done."""
        from mlpipeline.worker.importing import StoredCode
        from mlpipeline.worker.models import load_model, performer_of

        seeding = Seeding(self.spec.seed)
        seeding.apply()
        if self._watch is not None:
            self._watch.install()
        with self.record.timed("import"):
            store = StoredCode.read(Path(self.spec.code)) if self.spec.code else StoredCode.EMPTY
            model = load_model(Path(self.spec.script), Path(self.spec.models_dir), store)
            version = self._version_of(model)
        if stop.is_received:
            self.run.stop_noticed = True
            return
        # What the import drew must not change what the training draws.
        seeding.apply()
        performer_of(model)(model, version, self, stop)

    def ready(self) -> None:
        """Note that the model dir belongs to this version from now on."""
        self.record.is_prepared = True
        self._sink.open_progress()

    def when_free(self, call: Callable[[], None]) -> None:
        """Make a call as soon as this thread has not got the lock of the log."""
        self._sink.when_free(call)

    @property
    def diverged(self) -> str | None:
        """Which metric ended the run, whatever the script made of that."""
        return self._sink.diverged

    def close(self) -> None:
        """Let the trackers finish."""
        self._sink.close()

    def note_imports(self) -> None:
        """Write down what the next run of the script can have imported from the start."""
        if self._watch is not None:
            with suppress(OSError):
                write_whole(self.attempt.imports, to_json(self._watch.to_json()), to_disk=False)

    def _version_of(self, model: Any) -> Version:
        from mlpipeline.domain.words import did_you_mean
        from mlpipeline.worker.parameters import changed_parameters, parameters_of

        script, name = self.spec.script, self.spec.version
        own_name = name if self.spec.base is None else self.spec.base
        try:
            version: Version = model.versions.getVersion(own_name)
        except VersionsError as error:
            hint = did_you_mean(own_name, [version.name for version in model.versions.in_order()])
            raise ScriptError(script, f'has no version "{own_name}" any more.{hint}') from error
        parameters = parameters_of(version)
        if self.spec.base is not None:
            try:
                version, parameters = self._changed(model, version)
            except VersionsError as error:
                raise ScriptError(script, str(error)) from error
        described = self.spec.parameters
        changed = [] if described is None else changed_parameters(described, parameters)
        if changed:
            raise ScriptError(
                script,
                f'version "{name}" has other parameters than when it was described: {", ".join(changed)}. '
                "A script must build the same versions every time it is imported.",
            )
        return version

    def _changed(self, model: Any, version: Version) -> tuple[Version, dict[str, Any]]:
        """Return the version that the queue makes of one of the script's, and its parameters as they are recorded.

        Raises:
            VersionsError: it cannot be made, or its parameters do not fit.
        """
        from mlpipeline.domain.changes import Changes
        from mlpipeline.worker.parameters import changed_version, further_parameters, parameters_of, recorded

        further = further_parameters(model, version)
        # Found as when the script was described: of a path, the text would not always come back the same.
        parameters = Changes(values=self.spec.changes).in_place(parameters_of(version), recorded(further))
        made = changed_version(version, self.spec.version, self.spec.changes, further)
        # Those of the script were checked when it was described.
        model.check_version(made)
        return made, parameters


def is_clean_start(spec: Spec) -> bool:
    """Return whether the run begins from nothing."""
    return spec.start is Start.CLEAN

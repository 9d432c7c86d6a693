"""What a worker works with: the script's model, the version, and the run object that user code sees."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run, set_current
from mlpipeline.domain.runs import Start
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.errors import ScriptError
from mlpipeline.project.paths import AttemptDir, RunDir
from mlpipeline.worker.record import MetricsFile, Record
from mlpipeline.worker.seeding import Seeding

if TYPE_CHECKING:
    from mlpipeline.authoring.versions import Version
    from mlpipeline.history.host_log import HostLog
    from mlpipeline.project.progress import ProgressFile
    from mlpipeline.trackers.tracker import Tracker
    from mlpipeline.worker.stopping import StopSignal


class Job:
    """One version to carry out, and where everything about it goes."""

    def __init__(self, spec: Spec, run_dir: RunDir, attempt: AttemptDir) -> None:
        self.spec = spec
        self.run_dir = run_dir
        self.attempt = attempt
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

    def close(self) -> None:
        """Let the trackers finish."""
        self._sink.close()

    def _version_of(self, model: Any) -> Version:
        from mlpipeline.domain.words import did_you_mean
        from mlpipeline.worker.describing import parameters_of

        script, name = self.spec.script, self.spec.version
        versions: dict[str, Version] = {version.name: version for version in model.versions.in_order()}
        if name not in versions:
            hint = did_you_mean(name, list(versions))
            raise ScriptError(script, f'has no version "{name}" any more.{hint}')
        found = parameters_of(versions[name])
        described = self.spec.parameters
        if described is not None and to_comparable(found) != to_comparable(described):
            changed = sorted(key for key in {*found, *described} if _differ(found, described, key))
            raise ScriptError(
                script,
                f'version "{name}" has other parameters than when it was described: {", ".join(changed)}. '
                "A script must build the same versions every time it is imported.",
            )
        return versions[name]


class Sink:
    """Where what user code reports goes."""

    def __init__(self, spec: Spec, run_dir: RunDir, attempt: AttemptDir) -> None:
        self._spec = spec
        self._run_dir = run_dir
        self._attempt = attempt
        self._worker = os.getpid()
        self._metrics = MetricsFile(run_dir.metrics)
        self._progress: ProgressFile | None = None
        self._tracker: Tracker | None = None
        self._log: HostLog | None = None
        self._complaints: set[str] = set()

    def metrics(self, values: Mapping[str, int | float], step: int | None) -> None:
        """Write the metrics down at once, and let the trackers have them later."""
        at = time.time()
        try:
            self._metrics.write(values, step, at)
        except OSError as error:
            self._complain(f"metrics are not in {self._run_dir.metrics}: {error.strerror}")
        if not self._spec.tensorboard or os.getpid() != self._worker:
            return
        if self._tracker is None:
            from mlpipeline.trackers.tensorboard import TensorBoard

            self._tracker = TensorBoard(self._run_dir.path)
        self._tracker.metrics(values, step, at)

    def log(self, message: str, *, to_file: bool) -> None:
        """Print the message, and write it to the host's log if wanted and kept."""
        _print(message)
        if to_file and self._spec.log and self._spec.log_lock:
            if self._log is None:
                self._log = _host_log(self._spec.log, self._spec.log_lock)
            try:
                self._log.write(message, run=self._spec.run)
            except OSError as error:
                self._complain(f"messages are not in {self._spec.log}: {error.strerror}")

    def progress(self, loop: int, done: int, total: int) -> None:
        """Note how far a loop came."""
        if self._progress is None:
            return
        try:
            self._progress.write(loop, done, total)
        except OSError as error:
            self._complain(f"progress is not in {self._attempt.progress}: {error.strerror}")

    def _complain(self, what: str) -> None:
        # A store that takes nothing must not end a training, nor fill its output.
        if what not in self._complaints:
            self._complaints.add(what)
            _print(what)

    def open_progress(self) -> None:
        """Begin to note progress."""
        from mlpipeline.project.progress import ProgressFile

        self._progress = ProgressFile(self._attempt.progress)

    def close(self) -> None:
        """Wait until the trackers have everything."""
        if self._tracker is not None:
            self._tracker.close()


def _print(message: str) -> None:
    # User code may have closed the stream or its descriptor, or put anything in its place.
    with suppress(Exception):
        print(message, flush=True)


def is_clean_start(spec: Spec) -> bool:
    """Return whether the run begins from nothing."""
    return spec.start is Start.CLEAN


def to_comparable(parameters: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal parameters, NaN included."""
    import json

    return json.dumps(parameters, sort_keys=True)


def _differ(found: Mapping[str, Any], described: Mapping[str, Any], key: str) -> bool:
    return to_comparable({"": found.get(key)}) != to_comparable({"": described.get(key)})


def _host_log(log: str, lock: str) -> HostLog:
    from mlpipeline.history.host_log import HostLog
    from mlpipeline.project.clock import log_time

    return HostLog(Path(log), Path(lock), log_time)

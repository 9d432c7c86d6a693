"""Where what user code reports goes: metrics, messages and progress."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlpipeline.domain.spec import Spec
from mlpipeline.errors import Diverged
from mlpipeline.project.paths import AttemptDir, RunDir
from mlpipeline.worker.record import MetricsFile, file_id

if TYPE_CHECKING:
    from mlpipeline.history.host_log import HostLog
    from mlpipeline.project.progress import ProgressFile
    from mlpipeline.trackers.tracker import Tracker


class _Thread(threading.local):
    #: What a thread that is writing to the log does after that; None in one that is not.
    later: list[Callable[[], None]] | None = None


class Sink:
    """Where what user code reports goes."""

    def __init__(self, spec: Spec, run_dir: RunDir, attempt: AttemptDir) -> None:
        self._spec = spec
        self._run_dir = run_dir
        self._attempt = attempt
        self._worker = os.getpid()
        self._metrics = MetricsFile(run_dir.metrics)
        self._progress: ProgressFile | None = None
        self._epochs: ProgressFile | None = None
        self._stages: ProgressFile | None = None
        self._tracker: Tracker | None = None
        self._log: HostLog | None = None
        self._thread = _Thread()
        self._complaints: set[str] = set()
        self._stdout = file_id(1)
        #: What was told of a metric that ends the run; the script may have caught that.
        self.diverged: str | None = None

    def metrics(self, values: Mapping[str, int | float], step: int | None) -> None:
        """Write the metrics down at once, and let the trackers have them later.

        Raises:
            Diverged: one is NaN or infinite, and the version is to stop then.
        """
        at = time.time()
        try:
            self._metrics.write(values, step, at)
        except OSError as error:
            self._complain(f"metrics are not in {self._run_dir.metrics}: {error.strerror}")
        self._track(values, step, at)
        if self._spec.conditions.stop_if_diverged:
            self._refuse_diverged(values, step)

    def _refuse_diverged(self, values: Mapping[str, int | float], step: int | None) -> None:
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                where = "" if step is None else f" at step {step}"
                self.diverged = f"{name} is {value}{where}, and stop_if_diverged is set"
                raise Diverged(self.diverged)

    def _track(self, values: Mapping[str, int | float], step: int | None, at: float) -> None:
        if not self._spec.tensorboard or os.getpid() != self._worker:
            return
        if self._tracker is None:
            from mlpipeline.trackers.tensorboard import TensorBoard

            self._tracker = TensorBoard(self._run_dir.path)
        self._tracker.metrics(values, step, at)

    def log(self, message: str, *, to_file: bool) -> None:
        """Print the message, and write it to the host's log if wanted and kept."""
        self._print(message)
        if to_file and self._spec.log:
            self.when_free(partial(self._write, self._spec.log, message))

    def when_free(self, call: Callable[[], None]) -> None:
        """Make a call at once, or as soon as this thread, which a signal interrupted, has let go of the log's lock."""
        if self._thread.later is None:
            call()
        else:
            self._thread.later.append(call)

    def _write(self, log: str, message: str) -> None:
        later: list[Callable[[], None]] = []
        self._thread.later = later
        try:
            if self._log is None:
                self._log = _host_log(log)
            self._log.write(message, run=self._spec.run)
        except OSError as error:
            self._complain(f"messages are not in {log}: {error.strerror}")
        finally:
            self._thread.later = None
            for call in later:
                call()

    def progress(self, loop: int, done: int, total: int) -> None:
        """Note how far a loop came."""
        if self._progress is None:
            return
        try:
            self._progress.write(loop, done, total)
        except OSError as error:
            self._complain(f"progress is not in {self._attempt.progress}: {error.strerror}")

    def epochs(self, ended: int) -> None:
        """Note how many epochs have ended."""
        if self._progress is None:
            return
        try:
            if self._epochs is None:
                from mlpipeline.project.progress import ProgressFile

                self._epochs = ProgressFile(self._attempt.epochs)
            self._epochs.write(0, ended, None)
        except OSError as error:
            self._complain(f"epochs are not in {self._attempt.epochs}: {error.strerror}")

    def stages(self, done: int, total: int) -> None:
        """Note how many stages are done."""
        if self._progress is None:
            return
        try:
            if self._stages is None:
                from mlpipeline.project.progress import ProgressFile

                self._stages = ProgressFile(self._attempt.stages)
            self._stages.write(0, done, total)
        except OSError as error:
            self._complain(f"stages are not in {self._attempt.stages}: {error.strerror}")

    def _complain(self, what: str) -> None:
        # A store that takes nothing must not end a training, nor fill its output.
        if what not in self._complaints:
            self._complaints.add(what)
            self._print(what)

    def _print(self, message: str) -> None:
        # User code may have closed the stream, put anything in its place, or opened a file of its own under our number.
        with suppress(Exception):
            if sys.stdout.fileno() != 1 or file_id(1) == self._stdout:
                print(message, flush=True)

    def open_progress(self) -> None:
        """Begin to note progress."""
        from mlpipeline.project.progress import ProgressFile

        self._progress = ProgressFile(self._attempt.progress)

    def close(self) -> None:
        """Wait until the trackers have everything."""
        if self._tracker is not None:
            self._tracker.close()


def _host_log(log: str) -> HostLog:
    from mlpipeline.history.host_log import HostLog
    from mlpipeline.project.clock import log_time

    return HostLog(Path(log), log_time)

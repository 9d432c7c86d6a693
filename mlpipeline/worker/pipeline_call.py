"""Carrying out a version of a `Pipeline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.versions import Version
from mlpipeline.domain.quantities import duration_in_words, size_in_words
from mlpipeline.errors import PipelineStopped
from mlpipeline.pipelines.pipeline import Pipeline
from mlpipeline.pipelines.records import Made
from mlpipeline.pipelines.wiring import StageCall
from mlpipeline.worker.failures import one_line
from mlpipeline.worker.model_dirs import make_ready
from mlpipeline.worker.stopping import StopSignal
from mlpipeline.worker.work import Work


def perform(model: Pipeline, version: Version, work: Work, _stop: StopSignal) -> None:
    """Go through all stages of the pipeline; the artifacts that are numbers are the results.

    When the run is told to stop, no further stage begins.
    """
    make_ready(work)
    cache = None if work.spec.cache is None else Path(work.spec.cache)
    try:
        with work.record.timed("train"):
            model.execute(
                inputs={}, parameters=version.own_parameters(), cache=cache, watcher=_Reporter(work), run=work.run
            )
    except PipelineStopped as stopped:
        if work.run.stop_noticed:  # Otherwise this is a process that a stage forked: it leaves, see `attempt`.
            work.run.log(f"{work.spec.model}:{work.spec.version} {stopped}")
    work.record.is_trained = not work.run.stop_noticed


class _Reporter:
    """Tells the log, the record and whoever looks on how the stages go."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._key = f"{work.spec.model}:{work.spec.version}"
        #: The names of those that are done: one whose artifacts were damaged is done twice.
        self._done: set[str] = set()
        self._total = 0

    def plans(self, calls: Sequence[StageCall]) -> None:
        self._total = len(calls)
        self._work.run.note_stages(0, self._total)

    def found(self, call: StageCall, made: Made) -> None:  # noqa: ARG002
        self._say(f"stage {call.name} cached")
        self._note_done(call)

    def waits(self, call: StageCall, maker: str | None) -> None:
        self._say(f"stage {call.name}: being made by {maker or 'another process'}")

    def begins(self, call: StageCall) -> None:
        # The last line of the output tells where a run is that does not go on; somebody looks on where it is a test.
        if self._work.run.mode is not ExecutionModeKeys.TEST:
            self._work.run.log(f"{self._key} stage {call.name} begins", log_to_file=False)

    def ran(self, call: StageCall, seconds: float, size_bytes: int | None) -> None:
        size = "" if size_bytes is None else f", {size_in_words(size_bytes)}"
        self._say(f"stage {call.name} ran in {duration_in_words(seconds)}{size}")
        self._note_done(call)

    def numbers(self, call: StageCall, numbers: Mapping[str, int | float]) -> None:  # noqa: ARG002
        self._work.record.results |= numbers

    def fails(self, call: StageCall, error: BaseException) -> None:
        self._say(f"stage {call.name} failed: {one_line(error)}")

    def warns(self, message: str) -> None:
        self._say(message)

    def _say(self, message: str) -> None:
        self._work.run.log(f"{self._key} {message}")

    def _note_done(self, call: StageCall) -> None:
        self._done.add(call.name)
        self._work.run.note_stages(len(self._done), self._total)

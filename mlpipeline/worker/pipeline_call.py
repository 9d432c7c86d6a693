"""Carrying out a version of a `Pipeline`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlpipeline.authoring.run import Run
from mlpipeline.authoring.versions import Version
from mlpipeline.domain.values import as_number
from mlpipeline.errors import NotJson
from mlpipeline.pipelines.pipeline import Pipeline
from mlpipeline.pipelines.records import Made
from mlpipeline.pipelines.wiring import Step
from mlpipeline.worker.job import Job
from mlpipeline.worker.model_dirs import make_ready
from mlpipeline.worker.stopping import StopSignal


class _Reporter:
    """Tells the log how the steps went."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def found(self, step: Step, made: Made) -> None:  # noqa: ARG002
        self._run.log(f"stage {step.name}: cached")

    def waits(self, step: Step, maker: str | None) -> None:
        self._run.log(f"stage {step.name}: waits for {maker or 'another process'}, which makes it")

    def begins(self, step: Step) -> None:
        pass

    def ran(self, step: Step, seconds: float, size_bytes: int | None) -> None:
        size = "" if size_bytes is None else f", {size_bytes / 1e6:.1f} MB"
        self._run.log(f"stage {step.name}: {seconds:.1f} s{size}")

    def warns(self, message: str) -> None:
        self._run.log(message)


def perform(model: Pipeline, version: Version, job: Job, _stop: StopSignal) -> None:
    """Run all stages of the pipeline; the artifacts that are numbers are the results."""
    make_ready(job)
    with job.record.timed("train"), _cache_folder(model, job) as cache:
        execution, _ = model.execute(
            inputs={}, parameters=version.own_parameters(), cache=cache, watcher=_Reporter(job.run), run=job.run
        )
        for name, held in execution.held.items():
            job.record.results |= _numbers(name, held.value())
    job.record.is_trained = not job.run.stop_noticed


@contextmanager
def _cache_folder(model: Pipeline, job: Job) -> Iterator[Path]:
    if not job.is_test:
        yield model.cache_folder
        return
    with tempfile.TemporaryDirectory(prefix="mlpipeline-cache-") as folder:
        yield Path(folder)


def _numbers(name: str, value: Any) -> dict[str, int | float]:
    """Return the results in an artifact: a number, or the numbers of a dict of nothing else."""
    found = {f"{name}.{key}": item for key, item in value.items()} if isinstance(value, Mapping) else {name: value}
    try:
        return {key: as_number(item, key) for key, item in found.items()}
    except NotJson:
        return {}

"""Carrying out a version of a `FunctionModel`."""

from __future__ import annotations

from collections.abc import Mapping

from mlpipeline.authoring.function_model import FunctionModel
from mlpipeline.authoring.versions import Version
from mlpipeline.domain.values import as_json
from mlpipeline.errors import NotJson
from mlpipeline.worker.model_dirs import make_ready
from mlpipeline.worker.stopping import StopSignal
from mlpipeline.worker.work import Work


def perform(model: FunctionModel, version: Version, work: Work, _stop: StopSignal) -> None:
    """Call the function; what it returns is the results.

    Raises:
        NotJson: a result cannot be recorded.
    """
    make_ready(work)
    arguments = model.arguments(version, model_dir=work.model_dir, run=work.run, seed=work.spec.seed)
    with work.record.timed("train"):
        returned = model.train(**arguments)
    work.record.is_trained = not work.run.stop_noticed
    if returned is None:
        return
    if not isinstance(returned, Mapping):
        raise NotJson("results", f"the function returned a {type(returned).__name__}; return a dict of results.")
    for name, value in returned.items():
        if not isinstance(name, str):
            raise NotJson(repr(name), "the name of a result must be a text.")
        work.record.results[name] = as_json(value, name)

"""What somebody asks of a pipeline by its methods: checked, and sorted out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mlpipeline.domain.words import did_you_mean, named
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.wiring import Wiring


def sorted_out(
    inputs: Mapping[str, Any] | str | Sequence[str] | None, outputs: str | Sequence[str] | None
) -> tuple[Mapping[str, Any] | None, str | Sequence[str] | None]:
    """Return inputs and outputs where those that came first may be outputs.

    Raises:
        PipelineError: they are of types that nobody can mean.
    """
    if not _are_names(outputs):
        raise PipelineError(f"outputs: {outputs!r} is no name of a stage or an artifact, and no list of such names.")
    if inputs is None or isinstance(inputs, Mapping):
        return inputs, outputs
    names = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise PipelineError(f'inputs: it is {type(inputs).__name__}. Hand in what it is by its name: {{"<input>": …}}.')
    if outputs is not None:
        raise PipelineError("the names of outputs come first or as `outputs`, not both; inputs are a dict by name.")
    return None, inputs


def _are_names(outputs: object) -> bool:
    if outputs is None or isinstance(outputs, str):
        return True
    return isinstance(outputs, Collection) and all(isinstance(name, str) for name in outputs)


def forced_stages(wiring: Wiring, force: str | Collection[str]) -> tuple[str, ...]:
    """The stages that are to run though they are cached, be it one that is named or several.

    Raises:
        PipelineError: one is none of the pipeline.
    """
    names = (force,) if isinstance(force, str) else tuple(force)
    for name in names:
        if name not in wiring.stages:
            told = did_you_mean(str(name), wiring.stages) or f" There are {named(list(wiring.stages), None)}."
            raise PipelineError(f'force: there is no stage "{name}".{told}')
    return names

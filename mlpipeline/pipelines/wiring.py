"""The stages of a pipeline wired up: which steps there are for a purpose, and what each takes from where."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlpipeline.domain.graph import Graph, Node, Source
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import FROM_RUN, SEPARATOR, Argument, StageDefinition

#: What an edge of a stage may be: a parent, parents in the order of the arguments, or parents by argument.
Edge = str | Sequence[str] | Mapping[str, str]
#: What the artifact is called, after its stage, that is a fitted state, and the step that makes it.
STATE, FIT = "state", "fit"


class Purpose(StrEnum):
    """What a pipeline is run for."""

    #: To learn: primary stages take their training parent, and states are made.
    TRAINING = "training"
    #: To use what was learned: primary stages take their test parent, and states are there.
    INFERENCE = "inference"


class Action(StrEnum):
    """What a step does with its stage."""

    #: Calls the function, or `run`.
    RUN = "run"
    #: Calls `fit`; the state is what it makes.
    FIT = "fit"


@dataclass(frozen=True, kw_only=True)
class Step(Node):
    """One call of a stage."""

    stage: StageDefinition
    action: Action
    #: What its constructor, or its function, gets of parameters.
    parameters: Mapping[str, Any]
    #: The artifact that is its fitted state; None where it needs none.
    state: str | None = None


class Wiring:
    """The stages of a pipeline, wired up by the names of arguments or by edges.

    Args:
        stages: of the pipeline.
        edges: stage -> its parents; a stage without an edge goes by its signature.
        parameters: values by the name of a parameter, or `<stage>.<parameter>`.

    Raises:
        PipelineError: the stages do not fit together, or a parameter fits none.
    """

    def __init__(
        self, stages: Sequence[StageDefinition], edges: Mapping[str, Edge], parameters: Mapping[str, Any]
    ) -> None:
        self.stages = {stage.name: stage for stage in stages}
        if len(self.stages) < len(stages):
            names = [stage.name for stage in stages]
            twice = next(name for name in names if names.count(name) > 1)
            raise PipelineError(f'two stages are called "{twice}". Rename one.')
        #: Stage -> its parents, as the script says.
        self.edges = edges
        for name in edges:
            if name not in self.stages:
                raise PipelineError(f'edges: there is no stage "{name}".{did_you_mean(name, self.stages)}')
        #: Stage -> the artifacts that it makes.
        self.makes = {name: stage.outputs(by_edges=bool(edges)) for name, stage in self.stages.items()}
        self._artifacts = {artifact for names in self.makes.values() for artifact in names}
        #: The artifacts that are handed in, or not there.
        self.inputs = tuple(
            artifact for name, stage in self.stages.items() if stage.is_input for artifact in self.makes[name]
        )
        #: Stage that learns -> the artifact that is its fitted state.
        self.states = {name: f"{name}{SEPARATOR}{STATE}" for name, stage in self.stages.items() if stage.can_fit}
        self.parameters = self._assigned(parameters)

    def graph(self, purpose: Purpose, handed_in: Collection[str] = ()) -> Graph:
        """The steps for a purpose, in order; what is handed in is not made.

        An input that is not handed in is no argument where that has a default.

        Raises:
            PipelineError: they do not fit together.
        """
        steps: list[Node] = []
        for name, stage in self.stages.items():
            if stage.is_input:
                continue
            state = self.states.get(name)
            if state is not None and purpose is Purpose.TRAINING:
                steps.append(self._step(stage, Action.FIT, purpose, handed_in))
            steps.append(self._step(stage, Action.RUN, purpose, handed_in))
        return Graph(steps, {*handed_in, *self.inputs})

    def artifacts_of(self, name: str) -> tuple[str, ...]:
        """The artifacts that a name stands for: those of the stage, or the artifact itself.

        Raises:
            PipelineError: it is neither.
        """
        if name in self.makes:
            return self.makes[name]
        if name in self._artifacts:
            return (name,)
        known = [*self.makes, *self._artifacts]
        raise PipelineError(f'there is no stage or artifact "{name}".{did_you_mean(name, known)}')

    def _step(self, stage: StageDefinition, action: Action, purpose: Purpose, handed_in: Collection[str]) -> Step:
        fits = action is Action.FIT
        arguments = stage.fit_arguments if fits else stage.run_arguments
        takes = self._takes(stage, arguments, purpose)
        for argument in arguments:
            source = takes.get(argument.name)
            if argument.has_default and source is not None and self._is_lacking(source, handed_in):
                del takes[argument.name]
        state = self.states.get(stage.name)
        if state is not None and not fits:
            takes[state] = Source(artifacts=(state,))
        return Step(
            name=f"{stage.name}{SEPARATOR}{FIT}" if fits else stage.name,
            makes=(self.states[stage.name],) if fits else self.makes[stage.name],
            takes=takes,
            stage=stage,
            action=action,
            parameters=self.parameters[stage.name],
            state=None if fits else state,
        )

    def _is_lacking(self, source: Source, handed_in: Collection[str]) -> bool:
        return any(artifact in self.inputs and artifact not in handed_in for artifact in source.artifacts)

    def _takes(self, stage: StageDefinition, arguments: Sequence[Argument], purpose: Purpose) -> dict[str, Source]:
        edge = self.edges.get(stage.name)
        names = [argument for argument in arguments if argument.name != FROM_RUN]
        if edge is None:
            return {
                argument.name: Source(artifacts=(argument.artifact,))
                for argument in names
                if argument.artifact in self._artifacts
                or not (argument.has_default or argument.name in self.parameters[stage.name])
            }
        if stage.is_primary and isinstance(edge, Mapping):
            parent = edge["train" if purpose is Purpose.TRAINING else "test"]
            return {names[0].name: self._source(parent, stage.name)}
        if isinstance(edge, str):
            edge = [edge]
        if isinstance(edge, Mapping):
            by_name = {argument.name for argument in names}
            return {name: self._source(parent, stage.name) for name, parent in edge.items() if name in by_name}
        return {argument.name: self._source(parent, stage.name) for argument, parent in zip(names, edge, strict=False)}

    def _source(self, parent: str, stage: str) -> Source:
        if parent in self._artifacts:
            return Source(artifacts=(parent,))
        if parent in self.makes:
            return Source(artifacts=self.makes[parent], is_dict=True)
        known = [*self.makes, *self._artifacts]
        raise PipelineError(f'edges: {stage} takes "{parent}", which no stage makes.{did_you_mean(parent, known)}')

    def _assigned(self, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        takers = {name: list(self._parameter_names(stage)) for name, stage in self.stages.items()}
        assigned: dict[str, dict[str, Any]] = {name: dict(stage.given) for name, stage in self.stages.items()}
        for key, value in parameters.items():
            stage, _, parameter = key.rpartition(SEPARATOR)
            found = [name for name, names in takers.items() if parameter in names and stage in ("", name)]
            if not found:
                known = {parameter for names in takers.values() for parameter in names}
                known |= {f"{name}{SEPARATOR}{parameter}" for name, names in takers.items() for parameter in names}
                raise PipelineError(f'no stage takes the parameter "{key}".{did_you_mean(key, known)}')
            if len(found) > 1:
                which = " or ".join(f"{name}{SEPARATOR}{parameter}" for name in found)
                raise PipelineError(f'"{key}" is a parameter of {len(found)} stages. Say {which}.')
            assigned[found[0]][parameter] = value
        return assigned

    def _parameter_names(self, stage: StageDefinition) -> Iterable[str]:
        if not stage.is_function:
            return stage.constructor
        return [
            argument.name
            for argument in stage.run_arguments
            if argument.artifact not in self._artifacts and argument.name != FROM_RUN
        ]

"""The stages of a pipeline wired up: how they are called for a purpose, and what each takes from where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlpipeline.authoring.stages import Artifact
from mlpipeline.domain.changes import Further
from mlpipeline.domain.graph import Call, Graph, Source
from mlpipeline.domain.words import did_you_mean, named
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import FROM_RUN, SEPARATOR, Outputs, StageDefinition
from mlpipeline.pipelines.edges import Edge, Parents
from mlpipeline.pipelines.markers import storing_markers
from mlpipeline.pipelines.parameters import Parameters
from mlpipeline.pipelines.signatures import Argument

#: After the name of a stage: what its fitted state is called, and the call that makes it.
STATE, FIT = "state", "fit"
#: How many stages and artifacts are listed to who asks for none of them.
_MOST_NAMED = 30


class Purpose(StrEnum):
    """What a pipeline is run for."""

    #: To learn: primary stages take their training parent, and states are made.
    TRAINING = "training"
    #: To use what was learned: primary stages take their test parent, and states are there.
    INFERENCE = "inference"


class Action(StrEnum):
    """What a call does with its stage."""

    #: Calls the function, or `run`.
    RUN = "run"
    #: Calls `fit`; the state is what it makes.
    FIT = "fit"


@dataclass(frozen=True, kw_only=True)
class StageCall(Call):
    """One call of a stage: of one with `fit` there are two while the pipeline trains, `imputer.fit` and `imputer`."""

    stage: StageDefinition
    action: Action
    #: What its constructor, or its function, gets of parameters.
    parameters: Mapping[str, Any]
    #: The artifact that is its fitted state; None where it needs none.
    state: str | None = None
    #: Those of the artifacts that it makes which a marker class stores, with that class.
    markers: Mapping[str, type[Artifact]] = field(default_factory=dict)
    #: Whether it returns a dict of what it makes by name, or the value of the only one; otherwise whatever it returns
    #: is its one artifact.
    is_named: bool = False

    @property
    def title(self) -> str:
        """How errors call it: `stage train (net.py:12)`."""
        return f"`fit` of {self.stage.title}" if self.action is Action.FIT else self.stage.title

    @property
    def values(self) -> dict[str, Any]:
        """Its parameters by name, with those that nobody gave and that have a default."""
        taken = self.takes if self.stage.is_function else {}
        defaults = {name: value for name, value in self.stage.defaults.items() if name not in taken}
        return {**defaults, **self.parameters}

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What it calls takes: the function, `run` or `fit`."""
        return self.stage.fit_arguments if self.action is Action.FIT else self.stage.run_arguments

    @property
    def takes_run(self) -> bool:
        """Whether what it calls has an argument `run`."""
        return any(argument.name == FROM_RUN for argument in self.arguments)


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
        self.stages: dict[str, StageDefinition] = {}
        for stage in stages:
            other = self.stages.setdefault(stage.name, stage)
            if other is not stage:
                raise PipelineError(
                    f'two stages are called "{stage.name}": {other.title} and {stage.title}. Rename one.'
                )
        for name in edges:
            if name not in self.stages:
                raise PipelineError(f'edges: there is no stage "{name}".{did_you_mean(str(name), self.stages)}')
        self._outputs = _made(self.stages, by_edges=bool(edges))
        #: Stage -> the artifacts that it makes.
        self.makes = {name: outputs.names for name, outputs in self._outputs.items()}
        self._artifacts = {artifact for names in self.makes.values() for artifact in names}
        #: The artifacts that are handed in, or not there.
        self.inputs = tuple(one for name, stage in self.stages.items() if stage.is_input for one in self.makes[name])
        #: Stage that learns -> the artifact that is its fitted state.
        self.states = {name: f"{name}{SEPARATOR}{STATE}" for name, stage in self.stages.items() if stage.can_fit}
        #: Stage -> its parents, as the script says.
        self.edges = edges
        self._markers = storing_markers(self.stages.values())
        self._parents = {name: Parents(self.stages[name], edge) for name, edge in edges.items()}
        for name, parents in self._parents.items():
            for parent in parents.all():
                self._source(parent, self.stages[name])
        taken = {name: self._taken_by_function(stage) for name, stage in self.stages.items() if stage.is_function}
        self._parameters = Parameters(self.stages, taken, self._artifacts)
        #: Stage -> the values of its parameters, by name.
        self.parameters = self._parameters.assigned(parameters)

    def with_parameters(self, parameters: Mapping[str, Any]) -> Wiring:
        """The same stages, wired up likewise, with other parameters.

        Raises:
            PipelineError: one fits none.
        """
        made = copy(self)
        made.parameters = self._parameters.assigned(parameters)
        return made

    def require_parameter(self, key: str) -> None:
        """See that a stage takes a parameter, if it is said to be that stage's: `<stage>.<parameter>`.

        Raises:
            PipelineError: it does not; what it takes instead is said.
        """
        self._parameters.require(key)

    def further_parameters(self, own: Collection[str]) -> Further:
        """What the queue may change in a version beside the parameters that are named."""
        return self._parameters.further(own, self.parameters)

    def graph(self, purpose: Purpose, handed_in: Iterable[str] = ()) -> Graph:
        """The calls for a purpose, in order; what is handed in is not made.

        An input that is not handed in is no argument where that has a default.

        Raises:
            PipelineError: they do not fit together, or something is handed in that nothing takes.
        """
        given = set(handed_in)
        self._check_handed_in(given)
        calls: list[Call] = []
        for name, stage in self.stages.items():
            if stage.is_input:
                continue
            state = self.states.get(name)
            outputs = self._outputs[name]
            if state is not None and purpose is Purpose.TRAINING:
                learnt = Outputs(names=(state,), is_named=False)
                calls.append(self._call(stage, Action.FIT, stage.fit_arguments, learnt, purpose, given))
            calls.append(self._call(stage, Action.RUN, stage.run_arguments, outputs, purpose, given, state))
        awaited = self.states.values() if purpose is Purpose.INFERENCE else ()
        return Graph(calls, {*given, *self.inputs, *awaited})

    def artifacts_of(self, name: str) -> tuple[str, ...]:
        """The artifacts that a name stands for: those of the stage, the artifact itself, or a state by who makes it.

        Raises:
            PipelineError: it is neither, or could be both.
        """
        self._check_means_one_thing(name, "")
        if name in self.makes:
            return self.makes[name]
        for stage, state in self.states.items():
            if name in (state, f"{stage}{SEPARATOR}{FIT}"):
                return (state,)
        if name in self._artifacts:
            return (name,)
        artifacts = [artifact for names in self.makes.values() for artifact in names]
        known = list(dict.fromkeys([*self.makes, *artifacts, *self.states.values()]))
        told = did_you_mean(name, known) or f" There are {named(known, _MOST_NAMED)}."
        raise PipelineError(f'there is no stage or artifact "{name}".{told}')

    def _check_means_one_thing(self, name: str, where: str) -> None:
        if name in self.makes and name in self._artifacts and self.makes[name] != (name,):
            maker = next(stage for stage, names in self.makes.items() if name in names)
            raise PipelineError(
                f'{where}"{name}" is the name of {self.stages[name].title}, and of an artifact that '
                f"{'it' if maker == name else self.stages[maker].title} makes. Rename one."
            )

    def _call(
        self,
        stage: StageDefinition,
        action: Action,
        arguments: Sequence[Argument],
        outputs: Outputs,
        purpose: Purpose,
        handed_in: set[str],
        state: str | None = None,
    ) -> StageCall:
        takes = self._takes(stage, action, arguments, purpose, handed_in)
        absent = set(self.inputs) - handed_in
        for argument in arguments:
            if argument.has_default and argument.name in takes and absent.intersection(takes[argument.name].artifacts):
                del takes[argument.name]
        if state is not None:
            takes[state] = Source(artifacts=(state,))
        # Of a class, `run` and the constructor may each have an argument of the same name.
        taken = takes if stage.is_function else {}
        parameters = {name: value for name, value in self.parameters[stage.name].items() if name not in taken}
        lacks = self._not_handed_in(stage, takes, purpose, handed_in)
        return StageCall(
            name=f"{stage.name}{SEPARATOR}{FIT}" if action is Action.FIT else stage.name,
            makes=outputs.names,
            takes=takes,
            lacks=lacks or self._parameters.lacking(stage, arguments, taken, parameters),
            stage=stage,
            action=action,
            parameters=parameters,
            state=state,
            markers={name: self._markers[name] for name in outputs.names if name in self._markers},
            is_named=outputs.is_named,
        )

    def _takes(
        self,
        stage: StageDefinition,
        action: Action,
        arguments: Sequence[Argument],
        purpose: Purpose,
        handed_in: set[str],
    ) -> dict[str, Source]:
        there = self._artifacts | handed_in
        parents = self._parents.get(stage.name)
        if parents is not None:
            given = parents.of(arguments, is_training=purpose is Purpose.TRAINING)
            for argument in arguments:
                if argument.name not in given and not stage.is_function and _is_needed(argument):
                    raise PipelineError(
                        f'edges: {stage.title}: its `{action}` takes "{argument.name}", for which its edge has no '
                        f"parent. Give it one, or the argument a default."
                    )
            return {name: self._source(parent, stage) for name, parent in given.items()}
        if stage.is_primary:
            raise PipelineError(
                f'{stage.title} is a Primary, so its parents are to be said: edges={{"{stage.name}": '
                '{"train": …, "test": …}}.'
            )
        for argument in arguments:
            if argument.is_rest and not stage.is_function:
                raise PipelineError(
                    f"{stage.title}: its `{action}` takes **{argument.name}, which no signature can fill. Name what it "
                    f'takes, or say its parents: edges={{"{stage.name}": […]}}.'
                )
            several = self.makes.get(argument.artifact, ())
            if len(several) > 1 and argument.artifact not in there and _is_needed(argument):
                raise PipelineError(
                    f'{stage.title}: its `{action}` takes "{argument.artifact}", a stage that makes '
                    f"{', '.join(several)}. Take these, each by its name."
                )
        return {
            argument.name: Source(artifacts=(argument.artifact,))
            for argument in arguments
            if argument.name != FROM_RUN
            and not argument.is_rest
            # What no stage makes is a parameter of a function; of a class it is an error of which the graph tells.
            and (argument.artifact in there or not (stage.is_function or argument.has_default))
        }

    def _source(self, parent: str, stage: StageDefinition) -> Source:
        self._check_means_one_thing(parent, f"edges: {stage.title}: ")
        if parent in self._artifacts:
            return Source(artifacts=(parent,))
        if parent in self.makes:
            return Source(artifacts=self.makes[parent], is_dict=len(self.makes[parent]) > 1)
        known = [*self.makes, *self._artifacts]
        raise PipelineError(
            f'edges: {stage.title} takes "{parent}", which no stage makes.{did_you_mean(parent, known)}'
        )

    def _taken_by_function(self, stage: StageDefinition) -> set[str]:
        """The arguments of a function that are no parameters."""
        parents = self._parents.get(stage.name)
        if parents is not None:
            return {FROM_RUN, *parents.of(stage.run_arguments, is_training=True)}
        return {FROM_RUN} | {argument.name for argument in stage.run_arguments if argument.artifact in self._artifacts}

    def _check_handed_in(self, names: set[str]) -> None:
        known = set(self._artifacts)
        for stage in self.stages.values():
            known |= {argument.artifact for argument in (*stage.run_arguments, *stage.fit_arguments)}
        known.update(self.states.values())
        known.discard(FROM_RUN)
        for name in sorted(names - known):
            if len(self.makes.get(name, ())) > 1:
                raise PipelineError(f'"{name}" makes {", ".join(self.makes[name])}: hand in these.')
            raise PipelineError(f'"{name}" is handed in, and no stage takes it.{did_you_mean(name, sorted(known))}')

    def _not_handed_in(
        self, stage: StageDefinition, takes: Mapping[str, Source], purpose: Purpose, handed_in: set[str]
    ) -> str | None:
        """What is wrong where a call takes something that has to be handed in, and is not."""
        for artifact in dict.fromkeys(artifact for source in takes.values() for artifact in source.artifacts):
            if artifact in handed_in:
                continue
            if artifact in self.inputs:
                return f'{stage.title} takes "{artifact}", which is to be handed in: inputs={{"{artifact}": …}}.'
            if purpose is Purpose.INFERENCE and artifact == self.states.get(stage.name):
                return f"{stage.title} has learned nothing yet: call `fit` of the pipeline first."
        return None


def _is_needed(argument: Argument) -> bool:
    return not (argument.has_default or argument.is_rest or argument.name == FROM_RUN)


def _made(stages: Mapping[str, StageDefinition], *, by_edges: bool) -> dict[str, Outputs]:
    """What each stage makes."""
    found = {name: stage.outputs(by_edges=by_edges) for name, stage in stages.items()}
    makers = Counter(artifact for outputs in found.values() for artifact in outputs.names)
    for name, outputs in found.items():
        stage = stages[name]
        is_shared = any(makers[artifact] > 1 for artifact in outputs.names)
        if by_edges and is_shared and len(outputs.names) > 1 and stage.mark.outputs is None:
            # Nobody gave these names: they are the keys of a dict, and it is the dict that children get by the name of
            # the stage in either case. So one class may be two stages.
            found[name] = stage.only_itself
    handed_in = {artifact: stage for name, stage in stages.items() if stage.is_input for artifact in found[name].names}
    for name, outputs in found.items():
        for artifact in outputs.names:
            place = handed_in.get(artifact, stages[name])
            if place is not stages[name]:
                raise PipelineError(
                    f'"{artifact}" is handed in, as {place.title} says, and made by {stages[name].title}. Rename one.'
                )
    return found

"""What of a pipeline has to run: for what it is run for, with what is handed in, for what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

from mlpipeline.domain.graph import Graph
from mlpipeline.domain.words import named
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.wiring import Purpose, StageCall, Wiring


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The calls that have to run, in order, and what is asked of them."""

    calls: tuple[StageCall, ...]
    #: The artifacts that are asked for.
    outputs: tuple[str, ...]
    #: The names of the calls whose artifacts depend on what is handed in.
    dependent: frozenset[str]

    @classmethod
    def of(
        cls,
        wiring: Wiring,
        purpose: Purpose,
        handed_in: Collection[str] = (),
        outputs: Sequence[str] | None = None,
        *,
        only_states: bool = False,
    ) -> Plan:
        """The plan for what is asked for.

        Args:
            wiring: of the pipeline.
            purpose: what it is run for.
            handed_in: the artifacts that are.
            outputs: names of stages or artifacts; None for all that no stage takes and that can be had.
            only_states: whether nothing but the states of what is needed for these is asked for.

        Raises:
            PipelineError: something that is needed is not handed in, or there is no such output.
        """
        states = wiring.states.values()
        given = {*handed_in, *(states if purpose is Purpose.INFERENCE else ())}
        graph = wiring.graph(purpose, given)
        lacking = _lacking(graph, given, wiring.inputs)
        if outputs is not None:
            names = list(dict.fromkeys(name for one in outputs for name in wiring.artifacts_of(one)))
            wanted = names
        else:
            other = wiring.graph(_OTHER[purpose], {*handed_in, *states})
            names = _leaves(graph, other, given, lacking)
            # Who trains and asks for nothing in particular wants all that can be learned.
            wanted = [*names, *(states if purpose is Purpose.TRAINING else ())]
        if only_states:
            needed = {artifact for call in graph.upstream(wanted) for artifact in call.makes}
            names = wanted = [state for state in states if state in needed]
        missing = _each_once(lacking.get(name, []) for name in wanted)
        if missing or not (wanted or only_states):
            raise _not_handed_in(missing or _each_once(lacking.values()), purpose, only_states=only_states)
        return cls(
            calls=tuple(cast("list[StageCall]", graph.needed(wanted))),
            outputs=tuple(names),
            dependent=frozenset(_dependent(graph, set(handed_in))),
        )


_OTHER = {Purpose.TRAINING: Purpose.INFERENCE, Purpose.INFERENCE: Purpose.TRAINING}


def artifact_handed_in(wiring: Wiring, name: str) -> str:
    """The artifact that something is handed in as by a name: that of a stage, if it is its only one, or its own."""
    makes = wiring.makes.get(name, ())
    return makes[0] if len(makes) == 1 else name


def _lacking(graph: Graph, given: Collection[str], inputs: Collection[str]) -> dict[str, list[str]]:
    """Return, for each artifact that cannot be had, the inputs that it is made of and that are not handed in."""
    lacking = {name: [name] for name in inputs if name not in given}
    for call in graph.calls.values():
        missing = list(dict.fromkeys(name for need in call.needs() for name in lacking.get(need, ())))
        if missing:
            lacking |= {artifact: missing for artifact in call.makes if artifact not in given}
    return lacking


def _leaves(graph: Graph, other: Graph, given: Collection[str], lacking: Mapping[str, list[str]]) -> list[str]:
    """Return the artifacts that can be had and that no stage takes.

    What a stage takes when the pipeline is run for the other purpose, such as the data to train with, or labels that
    only `fit` takes, is nothing that its user asks for either.
    """
    leaves: list[str] = []
    takers_here, takers_there = _takers(graph), _takers(other)
    for call in graph.calls.values():
        takers = {name for artifact in call.makes for name in takers_here.get(artifact, ())}
        others = {name for artifact in call.makes for name in takers_there.get(artifact, ())}
        gone = {taker for taker in takers if graph.calls[taker].makes[0] in lacking}
        is_had = not any(artifact in lacking for artifact in call.makes)
        if is_had and not set(call.makes) <= set(given) and takers | others == gone:
            leaves += call.makes
    return leaves


def _each_once(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(lists)))


def _takers(graph: Graph) -> dict[str, list[str]]:
    """Return artifact -> the names of the calls that take it."""
    takers: dict[str, list[str]] = {}
    for call in graph.calls.values():
        for need in call.needs():
            takers.setdefault(need, []).append(call.name)
    return takers


def _dependent(graph: Graph, handed_in: set[str]) -> set[str]:
    dependent: set[str] = set()
    artifacts = set(handed_in)
    for call in graph.calls.values():
        if any(need in artifacts for need in call.needs()):
            dependent.add(call.name)
            artifacts.update(call.makes)
    return dependent


def _not_handed_in(missing: list[str], purpose: Purpose, *, only_states: bool) -> PipelineError:
    method = "run" if purpose is Purpose.INFERENCE else "fit" if only_states else "fit_run"
    if not missing:
        return PipelineError("nothing is left to be made: all that no other stage takes is handed in. Say `outputs`.")
    example = ", ".join(f'"{name}": …' for name in missing)
    return PipelineError(
        f"{named(missing, None)} {'is' if len(missing) == 1 else 'are'} not handed in. "
        f"Say pipeline.{method}({{{example}}}), or ask for `outputs` that need less."
    )

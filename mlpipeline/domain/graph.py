"""A pipeline as a graph: what makes which artifacts of which, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import CallLacks, PipelineError


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an argument comes from."""

    artifacts: tuple[str, ...]
    #: Whether they come as a dict by name; otherwise it is the value of the one.
    is_dict: bool = False


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a stage, as the graph sees it."""

    name: str
    #: The artifacts that it makes.
    makes: tuple[str, ...]
    #: Argument -> where it comes from.
    takes: Mapping[str, Source]
    #: What it cannot run without, such as a value that nobody gave, and what to do, in a sentence; None if it has all.
    lacks: str | None = None

    @property
    def title(self) -> str:
        """How errors call it."""
        return self.name

    def needs(self) -> Iterable[str]:
        """The artifacts that it is made of."""
        return dict.fromkeys(artifact for source in self.takes.values() for artifact in source.artifacts)


class Graph:
    """The calls of the stages of a pipeline, each after those that it needs.

    Args:
        calls: in any order; those that come first stay first as far as may be.
        handed_in: artifacts that no call has to make, because they are given, or will be.

    Raises:
        PipelineError: two make one artifact, something is needed that nothing makes, or there is a cycle.
    """

    def __init__(self, calls: Sequence[Call], handed_in: Iterable[str] = ()) -> None:
        #: Artifact -> the name of the call that makes it.
        self.maker: dict[str, str] = {}
        self._handed_in = frozenset(handed_in)
        by_name = {call.name: call for call in calls}
        for call in calls:
            for artifact in call.makes:
                other = self.maker.setdefault(artifact, call.name)
                if other != call.name:
                    raise PipelineError(_two_makers(artifact, by_name[other], call))
        for call in calls:
            self._check_needs(call)
        depends = {call.name: [self.maker[need] for need in call.needs() if self._is_made(need)] for call in calls}
        try:
            order = list(TopologicalSorter(depends).static_order())
        except CycleError as error:
            # graphlib names a call before those that need it.
            raise PipelineError(_circle([by_name[name] for name in error.args[1]])) from error
        #: In the order of running.
        self.calls: dict[str, Call] = {name: by_name[name] for name in order}

    def needed(self, artifacts: Iterable[str]) -> list[Call]:
        """The calls that have to run, or to be found in a cache, for these artifacts, in order.

        Raises:
            CallLacks: one of them lacks something.
        """
        found = self.upstream(artifacts)
        for call in found:
            if call.lacks is not None:
                raise CallLacks(call.name, call.lacks)
        return found

    def upstream(self, artifacts: Iterable[str]) -> list[Call]:
        """The calls that these artifacts are made by, directly or not, in order, whatever they lack."""
        names: set[str] = set()
        pending = [self.maker[artifact] for artifact in artifacts if self._is_made(artifact)]
        while pending:
            name = pending.pop()
            if name not in names:
                names.add(name)
                pending += [self.maker[need] for need in self.calls[name].needs() if self._is_made(need)]
        return [call for name, call in self.calls.items() if name in names]

    def _is_made(self, artifact: str) -> bool:
        return artifact in self.maker and artifact not in self._handed_in

    def _check_needs(self, call: Call) -> None:
        for argument, source in call.takes.items():
            for artifact in source.artifacts:
                if artifact not in self.maker and artifact not in self._handed_in:
                    known = [*self.maker, *self._handed_in]
                    advice = did_you_mean(artifact, known) or (
                        " Add a stage that makes it, or an Input of that name; a parameter belongs to the constructor."
                    )
                    raise PipelineError(
                        f'{call.title} takes "{artifact}"{"" if artifact == argument else f" as {argument}"}, '
                        f"which no stage makes.{advice}"
                    )


def _two_makers(artifact: str, one: Call, other: Call) -> str:
    both = f'"{artifact}" is made by two stages, {one.title} and {other.title}.'
    for maker in (one, other):
        if artifact in maker.needs():
            return f"{both} {maker.name} takes it as well: give what it makes of it another name."
    return f"{both} Rename one."


def _circle(calls: Sequence[Call]) -> str:
    """What is wrong with calls that need each other; the last one is the first one again."""
    if len(calls) == 2:
        call = calls[0]
        own = next(need for need in call.needs() if need in call.makes)
        return f'{call.title} takes "{own}" and makes it. Give what it makes another name.'
    parts = [calls[0].title]
    for maker, taker in pairwise(calls):
        handed_on = ", ".join(need for need in taker.needs() if need in maker.makes)
        parts.append(f" -({handed_on})-> {taker.title}")
    return f"the stages need each other in a circle: {''.join(parts)}. One of them is to take something else."

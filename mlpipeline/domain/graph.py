"""A pipeline as a graph: what makes which artifacts of which, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import PipelineError


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an argument comes from."""

    artifacts: tuple[str, ...]
    #: Whether they come as a dict by name; otherwise it is the value of the one.
    is_dict: bool = False


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step of a pipeline, as the graph sees it."""

    name: str
    #: The artifacts that it makes.
    makes: tuple[str, ...]
    #: Argument -> where it comes from.
    takes: Mapping[str, Source]

    def needs(self) -> Iterable[str]:
        """The artifacts that it is made of."""
        return dict.fromkeys(artifact for source in self.takes.values() for artifact in source.artifacts)


class Graph:
    """The nodes of a pipeline, each after those that it needs.

    Args:
        nodes: in any order; those that come first stay first as far as may be.
        handed_in: artifacts that no node makes, because they are given.

    Raises:
        PipelineError: two make one artifact, something is needed that nothing makes, or there is a cycle.
    """

    def __init__(self, nodes: Sequence[Node], handed_in: Iterable[str] = ()) -> None:
        #: Artifact -> the name of the node that makes it.
        self.maker: dict[str, str] = {}
        self._handed_in = frozenset(handed_in)
        by_name = {node.name: node for node in nodes}
        for node in nodes:
            for artifact in node.makes:
                other = self.maker.setdefault(artifact, node.name)
                if other != node.name:
                    raise PipelineError(f'"{artifact}" is made by two stages, {other} and {node.name}. Rename one.')
        for node in nodes:
            self._check_needs(node)
        depends = {node.name: [self.maker[need] for need in node.needs() if self._is_made(need)] for node in nodes}
        try:
            order = list(TopologicalSorter(depends).static_order())
        except CycleError as error:
            # graphlib names a node before those that need it.
            raise PipelineError(f"the stages need each other in a circle: {' -> '.join(error.args[1])}.") from error
        #: In the order of running.
        self.nodes: dict[str, Node] = {name: by_name[name] for name in order}

    def needed(self, artifacts: Iterable[str]) -> list[Node]:
        """The nodes that have to run, or to be found in a cache, for these artifacts, in order."""
        names: set[str] = set()
        pending = [self.maker[artifact] for artifact in artifacts if self._is_made(artifact)]
        while pending:
            name = pending.pop()
            if name not in names:
                names.add(name)
                pending += [self.maker[need] for need in self.nodes[name].needs() if self._is_made(need)]
        return [node for name, node in self.nodes.items() if name in names]

    def leaves(self) -> list[str]:
        """The artifacts of those nodes of which no other node needs anything, in order."""
        needed = {self.maker[need] for node in self.nodes.values() for need in node.needs() if self._is_made(need)}
        return [artifact for node in self.nodes.values() if node.name not in needed for artifact in node.makes]

    def _is_made(self, artifact: str) -> bool:
        return artifact in self.maker and artifact not in self._handed_in

    def _check_needs(self, node: Node) -> None:
        for argument, source in node.takes.items():
            for artifact in source.artifacts:
                if artifact not in self.maker and artifact not in self._handed_in:
                    known = [*self.maker, *self._handed_in]
                    raise PipelineError(
                        f'{node.name} takes "{artifact}"{"" if artifact == argument else f" as {argument}"}, '
                        f"which no stage makes.{did_you_mean(artifact, known)}"
                    )

"""The edges of a pipeline: which parents a script gives to which arguments of a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import FROM_RUN, StageDefinition
from mlpipeline.pipelines.signatures import Argument

#: What a script says of a stage's parents: one, several in the order of the arguments, or each by its argument; of a
#: primary stage its `train` and its `test` parent.
Edge = str | Sequence[str] | Mapping[str, str]
#: The parents of a primary stage.
TRAIN, TEST = "train", "test"


class Parents:
    """The parents of one stage, by the arguments that take them.

    Args:
        stage: whose edge it is.
        edge: as the script gives it.

    Raises:
        PipelineError: the edge does not fit the arguments.
    """

    def __init__(self, stage: StageDefinition, edge: Edge) -> None:
        self._stage = stage
        #: Without what comes from the run.
        self._taken = [_without_run(stage.run_arguments)]
        if stage.can_fit:
            self._taken.append(_without_run(stage.fit_arguments))
        if stage.is_input:
            raise PipelineError(f"edges: {self._stage.title} is an Input, whose value is handed in: it has no parents.")
        self._by_purpose = self._primary(edge) if stage.is_primary else None
        #: By argument, or in the order of the arguments.
        self._edge = None if stage.is_primary else self._checked(edge)

    def all(self) -> list[str]:
        """The names of all parents."""
        if self._by_purpose is not None:
            return list(self._by_purpose.values())
        return list(self._edge.values() if isinstance(self._edge, dict) else self._edge or ())

    def of(self, arguments: Sequence[Argument], *, is_training: bool) -> dict[str, str]:
        """Return argument -> parent, for the arguments of its `run`, its `fit` or its function."""
        if self._by_purpose is not None:
            return {arguments[0].name: self._by_purpose[TRAIN if is_training else TEST]}
        names = [argument.name for argument in arguments if not argument.is_rest and argument.name != FROM_RUN]
        has_rest = any(argument.is_rest for argument in arguments)
        if isinstance(self._edge, dict):
            return {name: parent for name, parent in self._edge.items() if has_rest or name in names}
        parents = self._edge or []
        found = dict(zip(names, parents, strict=False))
        if has_rest:
            found |= {parent: parent for parent in parents[len(names) :]}
        return found

    def _checked(self, edge: Any) -> dict[str, str] | list[str]:
        if isinstance(edge, str):
            edge = [edge]
        if isinstance(edge, Mapping):
            self._check_names(edge)
            return {argument: self._parent(parent) for argument, parent in edge.items()}
        if not isinstance(edge, list | tuple):
            raise self._wrong_type(edge)
        most = max(len(arguments) for arguments in self._taken)
        if len(edge) > most and not self._takes_any():
            raise PipelineError(
                f"edges: {self._stage.title} has {len(edge)} parents, and takes {self._signatures()}. "
                "Leave some out, or give it more arguments."
            )
        return [self._parent(parent) for parent in edge]

    def _primary(self, edge: Any) -> dict[str, str]:
        if isinstance(edge, str):
            edge = {TRAIN: edge, TEST: edge}
        if not isinstance(edge, Mapping) or set(edge) != {TRAIN, TEST}:
            wrong = [str(key) for key in edge if key not in (TRAIN, TEST)] if isinstance(edge, Mapping) else []
            raise PipelineError(
                f"edges: {self._stage.title} is a Primary: its parents are to be "
                f'{{"{TRAIN}": …, "{TEST}": …}}, not {edge!r}.{did_you_mean(wrong[0], (TRAIN, TEST)) if wrong else ""}'
            )
        if len(self._taken[0]) != 1:
            raise PipelineError(
                f"edges: {self._stage.title} is a Primary: its `run` is to take one argument, the data."
            )
        return {key: self._parent(edge[key]) for key in (TRAIN, TEST)}

    def _check_names(self, edge: Mapping[Any, Any]) -> None:
        known = list(dict.fromkeys(argument.name for arguments in self._taken for argument in arguments))
        for name in edge:
            if not isinstance(name, str):
                raise self._wrong_type(edge)
            if name not in known and not self._takes_any():
                advice = did_you_mean(name, known)
                raise PipelineError(f'edges: {self._stage.title} takes no "{name}", but {self._signatures()}.{advice}')

    def _parent(self, parent: Any) -> str:
        if not isinstance(parent, str):
            raise self._wrong_type(parent)
        return parent

    def _wrong_type(self, edge: Any) -> PipelineError:
        return PipelineError(
            f"edges: {self._stage.title}: {edge!r} is no edge. An edge is the name of a parent, a list of names, or a "
            "dict of names by argument."
        )

    def _takes_any(self) -> bool:
        return any(argument.is_rest for arguments in self._taken for argument in arguments)

    def _signatures(self) -> str:
        """What it takes: `X in run and X, y in fit`."""
        texts = [", ".join(argument.name for argument in arguments) or "nothing" for arguments in self._taken]
        return texts[0] if len(texts) == 1 else f"{texts[0]} in `run` and {texts[1]} in `fit`"


def _without_run(arguments: Sequence[Argument]) -> list[Argument]:
    return [argument for argument in arguments if argument.name != FROM_RUN]

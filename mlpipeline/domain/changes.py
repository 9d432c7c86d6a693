"""What an entry of the queue changes in the parameters of its versions, and what these are then called."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mlpipeline.domain.conditions import KEYS as CONDITIONS
from mlpipeline.domain.names import name_from_values
from mlpipeline.domain.values import value_text
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NoSuchParameter


@dataclass(frozen=True, kw_only=True)
class Further:
    """What of a version may be changed beside its own parameters: in a pipeline, what its stages take."""

    #: Parameter -> the value that it has where the version gives it none.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: How a parameter may be written -> what it is called: `train_model.epochs` -> `epochs`.
    names: Mapping[str, str] = field(default_factory=dict)


NOTHING_FURTHER = Further()


@dataclass(frozen=True, kw_only=True, eq=False)
class Changes:
    """Values that versions have in place of their own.

    A table changes, of a parameter that is a table itself, the keys that it names; any other value is replaced whole.
    A text that replaces a path is a path, too.
    """

    #: Parameter -> its value, JSON, in the order in which they were written.
    values: Mapping[str, Any]

    @cached_property
    def name(self) -> str:
        """What they add to the name of a version: `lr=0.1,optimizer.momentum=0.9`."""
        return name_from_values((key, _written(value)) for key, value in _leaves(self.values))

    def name_of(self, version: str) -> str:
        """Return what a version is called that has them: `small@lr=0.1`."""
        return f"{version}@{self.name}"

    def in_place(self, parameters: Mapping[str, Any], further: Further = NOTHING_FURTHER) -> dict[str, Any]:
        """Return all these parameters, changed.

        Args:
            parameters: of the version.
            further: what else may be changed.

        Raises:
            NoSuchParameter: one is to be changed that is not there.
        """
        values = self.called(parameters, further)
        return {**parameters, **_merged(values, {**further.defaults, **parameters}, "", further.names)}

    def called(self, parameters: Mapping[str, Any], further: Further) -> dict[str, Any]:
        """Return the values by what the parameters are called; those of a stage may be written as a table.

        Raises:
            NoSuchParameter: two are given for one parameter.
        """
        called: dict[str, Any] = {}
        first: dict[str, str] = {}
        for written, value in self._written_out(parameters, further):
            name = written if written in parameters else further.names.get(written, written)
            if first.setdefault(name, written) != written:
                raise NoSuchParameter(written, f' "{first[name]}" stands for it already. Keep one of them.')
            called[name] = value
        return called

    def _written_out(self, parameters: Mapping[str, Any], further: Further) -> Iterator[tuple[str, Any]]:
        known = {*map(str, parameters), *further.names}
        for key, value in self.values.items():
            inner = f"{key}."
            if key not in known and isinstance(value, dict) and any(name.startswith(inner) for name in known):
                yield from ((f"{inner}{name}", item) for name, item in value.items())
            else:
                yield key, value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Changes) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    @cached_property
    def _text(self) -> str:
        # 1, 1.0 and true are equal in Python, as dicts are in any order; here they are called otherwise, and do other
        # things.
        return json.dumps(self.values)


def _leaves(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _written(value: Any) -> str:
    """Return a value as it stands in the name: as in that of a grid's version, but for what TOML writes otherwise."""
    return json.dumps(value) if isinstance(value, bool) else value_text(value)


def _merged(
    values: Mapping[str, Any], own: Mapping[Any, Any], before: str, others: Iterable[str] = ()
) -> dict[Any, Any]:
    """Return the values by the keys of `own`, tables with all that they hold; `others` may be written as well."""
    by_name = {str(key): key for key in own}
    merged = {}
    for name, given in values.items():
        if name not in by_name:
            # By the whole name, as it is typed at a prompt.
            whole, _ = next(_leaves({name: given}, before))
            inner = [leaf for leaf, _ in _leaves({str(key): value for key, value in own.items()}, before)]
            raise _no_such(whole, [f"{before}{known}" for known in dict.fromkeys([*by_name, *others])], inner)
        key = by_name[name]
        merged[key] = _in_kind(given, own[key])
        if isinstance(given, dict) and given and isinstance(own[key], dict):
            merged[key] = copy.copy(own[key])  # A script may have a dict of a kind of its own.
            merged[key].update(_merged(given, own[key], f"{before}{name}."))
    return merged


def _in_kind(given: Any, present: Any) -> Any:
    """Return a value as what it replaces is where TOML has no such kind: whoever reads a file at a path needs one."""
    if isinstance(given, str) and isinstance(present, Path):
        return Path(given)
    if isinstance(given, list) and isinstance(present, list | tuple) and present:
        return [_in_kind(item, present[0]) for item in given]
    return given


def _no_such(key: str, known: list[str], inner: list[str]) -> NoSuchParameter:
    """What says that there is no such parameter; `inner` are the keys of tables as well."""
    hint = did_you_mean(key, [*known, *inner])
    if not hint and key in CONDITIONS:
        hint = f" It is a condition: say it beside `set`, {{ {key} = …, set = … }}."
    return NoSuchParameter(key, hint or f" It has {', '.join(known) or 'none'}.")

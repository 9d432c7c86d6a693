"""Runs side by side: what differs between them, and what does not."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.facts import flat
from mlpipeline.domain.measures import Measure


class Missing:
    """Stands where a run has no such value: None is one."""

    def __str__(self) -> str:
        """Return what a table shows in its place."""
        return "–"


MISSING = Missing()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One parameter, result or package of several runs."""

    name: str
    #: One for each run, `MISSING` where it has none.
    values: Sequence[Any]

    @property
    def is_same(self) -> bool:
        """Whether all runs have the same."""
        # As they are written: NaN is NaN, and 1 is not 1.0.
        return len({repr(value) for value in self.values}) == 1

    def best(self) -> list[int]:
        """Return which of the values are the best, by their index; none where the name does not say what is."""
        is_lower_better = Measure.parse(self.name).is_lower_better
        numbers = [value for value in self.values if is_number(value)]
        if is_lower_better is None or len(numbers) < 2 or min(numbers) == max(numbers):
            return []
        best = min(numbers) if is_lower_better else max(numbers)
        return [index for index, value in enumerate(self.values) if is_number(value) and value == best]


def is_number(value: object) -> bool:
    """Return whether a value is a number that others can be greater or less than."""
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def rows(things: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return what runs have, by name, in the order in which they name it: a table of a table has a dotted name."""
    had = [flat(values) for values in things]
    names = dict.fromkeys(name for values in had for name in values)
    return [Row(name=name, values=[values.get(name, MISSING) for values in had]) for name in names]


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file that is not the same in all of several versions of some code."""

    path: str
    #: Which versions have the same content, as numbers from 0 on; None where one has no such file.
    contents: Sequence[int | None]


def file_changes(codes: Sequence[Mapping[str, str]]) -> list[FileChange]:
    """Return which files differ; `codes` are texts by path."""
    changes = []
    for path in sorted({path for code in codes for path in code}):
        texts = [code.get(path) for code in codes]
        if len(set(texts)) > 1:
            kinds = list(dict.fromkeys(text for text in texts if text is not None))
            contents = [None if text is None else kinds.index(text) for text in texts]
            changes.append(FileChange(path=path, contents=contents))
    return changes


def code_diff(before: Mapping[str, str], after: Mapping[str, str], names: tuple[str, str]) -> list[str]:
    """Return the lines of a unified diff, as `git diff` shows one; `names` are what the two are called in it."""
    lines: list[str] = []
    for change in file_changes([before, after]):
        old, new = (code.get(change.path, "").splitlines() for code in (before, after))
        before_path, after_path = (f"{name}/{change.path.lstrip('/')}" for name in names)
        lines += difflib.unified_diff(old, new, before_path, after_path, lineterm="")
    return lines

"""What the code of a stage is, for the key of what it makes: everything of the project that it reaches."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code_facts import KeptFacts
from mlpipeline.pipelines.code_places import reach_of
from mlpipeline.pipelines.code_reach import Place, Reach
from mlpipeline.pipelines.code_sources import Sources
from mlpipeline.pipelines.code_values import Values
from mlpipeline.pipelines.content import text_digest


@dataclass(frozen=True, kw_only=True)
class Part:
    """One function, class, constant or module that counts as code of a stage."""

    #: Where it is from, and what it is called there: `features.normalize`.
    name: str
    digest: str
    #: Where it stands: `features.py`, below the project's folder where it lies there; None where that is not known.
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Code:
    """What counts as code of a stage."""

    parts: tuple[Part, ...]
    #: Installed package -> its version.
    packages: Mapping[str, str]
    #: The paths that it holds: what lies there may be read.
    paths: frozenset[Path] = frozenset()


class Codes:
    """The code of several stages, as it is when it is first asked for: what they share is read once."""

    def __init__(self, kept: KeptFacts | None = None) -> None:
        """Take what is known of sources already; None for nothing."""
        self._sources = Sources(kept)
        self._reaches: dict[Place, tuple[Reach, tuple[Part, ...]]] = {}

    def of(self, target: Any) -> Code:
        """The code of a class, a function, or of any value that refers to some.

        Raises:
            CodeUnknown: it cannot be said what it is.
        """
        try:
            return self._of(target)
        except RecursionError as error:
            raise CodeUnknown(type(target).__qualname__, "what it reads is nested too deep") from error

    def keep(self) -> None:
        """Keep what was found out of sources, for the next process."""
        self._sources.keep()

    def _of(self, target: Any) -> Code:
        first = Reach(self._sources)
        text = Values(first).text(target)
        parts: list[Part] = []
        if first.without_value:
            # Such as a closure of somebody's: no statement is known that made them.
            text += Values(first, takes_apart=True).text(list(first.without_value))
        if first.without_value or not isinstance(target, type | types.FunctionType):
            name = str(getattr(target, "__qualname__", type(target).__qualname__))
            parts.append(Part(name=name, digest=text_digest(text)))
        packages = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
        paths: set[Path] = set()
        seen: set[Place] = set()
        pending = [first]
        for reach in pending:
            packages |= reach.packages
            paths |= reach.paths
            for place in reach.leads_to:
                if place not in seen:
                    seen.add(place)
                    inner, found = self._at(place)
                    parts += found
                    pending.append(inner)
        return Code(parts=tuple(_by_name(parts)), packages=packages, paths=frozenset(paths))

    def _at(self, place: Place) -> tuple[Reach, tuple[Part, ...]]:
        known = self._reaches.get(place)
        if known is None:
            reach = reach_of(place, self._sources)
            parts = tuple(
                Part(
                    name=one.name,
                    digest=text_digest(one.text),
                    file=None if one.file is None else one.file.shown_path,
                    line=one.line,
                )
                for one in reach.texts
            )
            known = self._reaches[place] = reach, parts
        return known


def _by_name(parts: Iterable[Part]) -> Iterator[Part]:
    """One part for each name: a function and what wraps it, or closures of one function, are told apart by no name."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.name, []).append(part)
    for same in found.values():
        digests = sorted({part.digest for part in same})
        yield same[0] if len(digests) == 1 else replace(same[0], digest=text_digest(" ".join(digests)))

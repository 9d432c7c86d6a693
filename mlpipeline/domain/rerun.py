"""Why a stage of a pipeline runs again: what it is made of now, beside what something was made of before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

#: Stands for the value of a parameter that is too long to be shown.
NOT_SHOWN = "…"


class Why(StrEnum):
    """What makes a stage run."""

    #: It never ran, as far as the cache knows.
    NEVER_MADE = "never_made"
    #: Its script says that it is not to be kept: `cache=False`.
    NOT_CACHED = "not_cached"
    #: Its code, or a parameter, cannot be told from another, so nobody knows whether that changed; a sentence says why.
    UNKNOWN = "unknown"
    #: What it made is not in the cache any more.
    ARTIFACT_GONE = "artifact_gone"
    #: What it made is not as it was stored.
    ARTIFACT_DAMAGED = "artifact_damaged"
    #: It lacks something, and does not run: what, and what to do, is a sentence.
    LACKS = "lacks"
    #: What it takes is made by a stage that runs itself.
    INPUT_MADE_ANEW = "input_made_anew"
    #: A part of its code is another.
    CODE_CHANGED = "code_changed"
    #: A part of its code was not part of it.
    CODE_NEW = "code_new"
    #: Something is not part of its code any more.
    CODE_GONE = "code_gone"
    #: What its script gives as the version of its code is another.
    VERSION = "version"
    #: A parameter has another value, is new, or is gone.
    PARAMETER = "parameter"
    #: What an argument takes is another.
    INPUT_CHANGED = "input_changed"
    #: An argument takes something that it did not take.
    INPUT_NEW = "input_new"
    #: Something is not taken any more.
    INPUT_GONE = "input_gone"
    #: What it takes in an order has another one.
    ORDER = "order"
    #: A package that its code imports is installed in another version.
    PACKAGE = "package"
    #: It makes artifacts of other names.
    OUTPUTS = "outputs"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that makes a stage run."""

    why: Why
    #: The part of the code, parameter, argument, package or artifact; else the stage.
    what: str
    #: Where that stands, or stood: `features.py:12`.
    place: str | None = None
    #: What was, and what is now, where that can be shown.
    was: str | None = None
    now: str | None = None
    #: The stage that makes what is taken.
    maker: str | None = None


class CodePart(Protocol):
    """A function, class, constant or module that counts as code of a stage."""

    @property
    def name(self) -> str:
        """What it is called: `features.normalize`."""

    @property
    def digest(self) -> str:
        """Of its content."""

    @property
    def file(self) -> str | None:
        """Where it stands."""

    @property
    def line(self) -> int | None:
        """At which line of that."""


class Ingredients(Protocol):
    """What a stage is made of; digests are equal where contents are."""

    @property
    def makes(self) -> Sequence[str]:
        """The artifacts."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Name -> digest."""

    @property
    def shown(self) -> Mapping[str, str]:
        """Name of a parameter -> its value, where that is short."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """Argument -> digest."""

    @property
    def orders(self) -> Mapping[str, Sequence[str]]:
        """What the stage sees in an order -> the names in that."""

    @property
    def parts(self) -> Sequence[CodePart]:
        """The code."""

    @property
    def version(self) -> str | None:
        """What stands for the code."""

    @property
    def packages(self) -> Mapping[str, str]:
        """Installed package -> version."""


class MadeBefore(Protocol):
    """What a stage once made."""

    @property
    def basis(self) -> Ingredients:
        """Of what."""

    @property
    def made_at(self) -> str:
        """When, ISO 8601."""


M = TypeVar("M", bound=MadeBefore)


def differences(was: Ingredients, now: Ingredients, unknown: Collection[str] = ()) -> list[Reason]:
    """Return what is not as it was: the code first, then what is given.

    Args:
        was: what something was made of.
        now: what it would be made of.
        unknown: arguments of which nobody knows yet what they take.
    """
    given = [*_parameters(was, now), *_inputs(was, now, unknown)]
    return [
        *_code(was, now),
        *given,
        *_orders(was, now, {reason.what for reason in given}),
        *_packages(was, now),
        *_outputs(was, now),
    ]


def nearest(made: Iterable[M], now: Ingredients, unknown: Collection[str] = ()) -> tuple[M, list[Reason]] | None:
    """Return what was made of nearly the same, the newest of several, and what differs; None where nothing was made."""
    newest_first = sorted(made, key=lambda one: datetime.fromisoformat(one.made_at), reverse=True)
    compared = [(one, differences(one.basis, now, unknown)) for one in newest_first]
    return min(compared, key=lambda pair: len(pair[1]), default=None)


def _code(was: Ingredients, now: Ingredients) -> Iterator[Reason]:
    if was.version != now.version:
        # It stands for all of the code, and for the packages that this imports.
        yield Reason(why=Why.VERSION, what="version", was=was.version, now=now.version)
        return
    before, after = ({part.name: part for part in one.parts} for one in (was, now))
    for name in _unequal(
        {name: part.digest for name, part in before.items()}, {name: part.digest for name, part in after.items()}
    ):
        why = Why.CODE_GONE if name not in after else Why.CODE_NEW if name not in before else Why.CODE_CHANGED
        yield Reason(why=why, what=name, place=_place(after.get(name) or before[name]))


def _inputs(was: Ingredients, now: Ingredients, unknown: Collection[str]) -> Iterator[Reason]:
    for name in _unequal(was.inputs, {**now.inputs, **dict.fromkeys(unknown, "")}):
        if name not in was.inputs:
            yield Reason(why=Why.INPUT_NEW, what=name)
        elif name not in unknown:
            yield Reason(why=Why.INPUT_CHANGED if name in now.inputs else Why.INPUT_GONE, what=name)


def _orders(was: Ingredients, now: Ingredients, told: Collection[str]) -> Iterator[Reason]:
    for name in dict.fromkeys((*now.orders, *was.orders)):
        before, after = (tuple(one.orders.get(name, ())) for one in (was, now))
        came_or_went = {*before} ^ {*after}
        # What is new or gone is mostly told already. Not so where only the arguments are others: a version hides that.
        if before != after and not (came_or_went and {name, *came_or_went} & {*told}):
            yield Reason(why=Why.ORDER, what=name, was=", ".join(before) or "none", now=", ".join(after) or "none")


def _packages(was: Ingredients, now: Ingredients) -> Iterator[Reason]:
    if was.version == now.version:
        for name in _unequal(was.packages, now.packages):
            yield Reason(why=Why.PACKAGE, what=name, was=was.packages.get(name), now=now.packages.get(name))


def _place(part: CodePart) -> str | None:
    return part.file if part.file is None or part.line is None else f"{part.file}:{part.line}"


def _parameters(was: Ingredients, now: Ingredients) -> Iterator[Reason]:
    for name in _unequal(was.parameters, now.parameters):
        # None stands for one that is not there; a value of None is shown as the text.
        yield Reason(why=Why.PARAMETER, what=name, was=_shown(was, name), now=_shown(now, name))


def _shown(one: Ingredients, parameter: str) -> str | None:
    return one.shown.get(parameter, NOT_SHOWN) if parameter in one.parameters else None


def _outputs(was: Ingredients, now: Ingredients) -> Iterator[Reason]:
    if tuple(was.makes) != tuple(now.makes):
        yield Reason(why=Why.OUTPUTS, what="outputs", was=", ".join(was.makes), now=", ".join(now.makes))


def _unequal(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names of what differs, those first that are there now."""
    return [name for name in dict.fromkeys((*now, *was)) if was.get(name) != now.get(name)]

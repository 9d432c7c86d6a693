"""Which of the versions that wait may start, by what they ask for and what is free: a pure decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

from mlpipeline.domain.quantities import size_in_words
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.waits import Wait

#: What may be missing because fractions do not add up exactly.
_TOLERANCE = 1e-9


class Kind(StrEnum):
    """What a version may ask for."""

    #: Whole GPUs.
    GPUS = "gpus"
    #: CPUs, and fractions of one.
    CPUS = "cpus"
    #: Bytes of memory.
    MEMORY = "memory"


#: So much of each kind; of a kind that is not in it there is no end.
Amounts = Mapping[Kind, float]


def asked(resources: Resources) -> dict[Kind, float]:
    """Return how much of each kind a version asks for, without those that it asks nothing of."""
    amounts = {Kind.GPUS: resources.gpus, Kind.CPUS: resources.cpus, Kind.MEMORY: resources.memory_bytes}
    return {kind: amount for kind, amount in amounts.items() if amount}


def beyond(resources: Resources, total: Amounts, host: str) -> Wait | None:
    """Return that a version is held because it asks for more than `host` has at all, or None."""
    for kind, amount in asked(resources).items():
        if _is_more(amount, total.get(kind, math.inf)):
            return Wait(why=f"asks for {_named(kind, amount)}; {host} has {_plain(kind, total[kind])}", is_held=True)
    return None


class Round:
    """Says who may start now, asked about one version after the other, in the order of the queue.

    The first that lacks something keeps what is free of all that it asks for: what comes after it passes only with what
    it does not need. Without that, small versions would take what becomes free, one by one, and a large one would wait
    for ever.
    """

    def __init__(self, free: Amounts, total: Amounts, notes: Mapping[Kind, str]) -> None:
        """Begin with what is `free` of `total`; `notes` say why not more of a kind is."""
        self._free = free
        self._total = total
        self._notes = notes
        self._left = dict(free)
        self._first: str | None = None
        #: What was said to those after the first: from then on, all that ask for the same wait for the same.
        self._said: dict[Resources, Wait | None] = {}

    def wait(self, key: str, resources: Resources) -> Wait | None:
        """Return what a version waits for, or None when it may start."""
        if resources in self._said:
            return self._said[resources]
        wait = self._wait(key, resources)
        if self._first is not None and self._first != key:
            self._said[resources] = wait
        return wait

    def _wait(self, key: str, resources: Resources) -> Wait | None:
        wanted = asked(resources)
        lacking = [kind for kind, amount in wanted.items() if _is_more(amount, self._left.get(kind, math.inf))]
        if not lacking:
            return None
        why = f"waits for {', and for '.join(self._why(kind, wanted[kind]) for kind in lacking)}"
        if self._first is None:
            self._first = key
            for kind in wanted.keys() & self._left.keys():
                self._left[kind] = max(0, self._left[kind] - wanted[kind])
        return Wait(why=why)

    def _why(self, kind: Kind, amount: float) -> str:
        what, free = _named(kind, amount), self._free[kind]
        if not _is_more(amount, free):
            return f"{what}: what is free is kept for {self._first}"
        note = self._notes.get(kind)
        if kind not in self._total:
            return f"{what}: {note}"
        verb = "is" if free == 1 and kind is not Kind.MEMORY else "are"
        shown = f"{_plain(kind, free)} of {_plain(kind, self._total[kind])} {verb} free"
        return f"{what}: {shown} ({note})" if note else f"{what}: {shown}"


def _is_more(amount: float, than: float) -> bool:
    return amount > than + _TOLERANCE


def _named(kind: Kind, amount: float) -> str:
    if kind is Kind.MEMORY:
        return f"{size_in_words(amount)} of memory"
    return f"{amount:g} {kind[:-1].upper()}{'' if amount == 1 else 's'}"


def _plain(kind: Kind, amount: float) -> str:
    return size_in_words(amount) if kind is Kind.MEMORY else f"{amount:g}"

"""What pickling would take of an object: all that can be said of one whose inside nobody else knows."""

from __future__ import annotations

import copyreg
from typing import Any, NamedTuple


class Reduction(NamedTuple):
    """What an object is made again of, in the order in which pickle does so."""

    maker: Any
    arguments: Any
    state: Any
    items: list[Any]
    pairs: list[Any]


def reduction(value: Any) -> Reduction | str:
    """What pickling would take of an object: a text where that is a name that it is found by.

    Raises:
        Exception: any, by which the class says that there is no such.
    """
    reducer = copyreg.dispatch_table.get(type(value))
    reduced = value.__reduce_ex__(4) if reducer is None else reducer(value)
    if isinstance(reduced, str):
        return reduced
    maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    return Reduction(maker, arguments, state, list(items or ()), list(pairs or ()))

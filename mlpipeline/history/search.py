"""The runs that a filter lets through, found in the index: what was never asked for is not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mlpipeline.domain.facts import RESULT, encodable
from mlpipeline.domain.filters import Comparison, Filter, Names, Order, Sign
from mlpipeline.domain.runs import Run
from mlpipeline.history.ledger import Ledger

#: A part of a clause, and what stands for its question marks. What a person wrote is only ever one of those.
_Part = tuple[str, Sequence[object]]

_NEWEST_FIRST = "runs.selected_at DESC, runs.number DESC"
#: How a version is compared with `model:version`, as lists show it, or with a version that has a colon itself.
_VERSION_IS = "(version = ? OR model || ':' || version = ?)"
_KEY_HOLDS = {
    sign: f"number IN (SELECT number FROM runs WHERE {holds})"
    for sign, holds in {
        Sign.IS: _VERSION_IS,
        Sign.IS_NOT: f"NOT {_VERSION_IS}",
        Sign.HOLDS: "instr(lower(version), lower(?)) OR instr(lower(model || ':' || version), lower(?))",
    }.items()
}
#: What these achieved is not what they would have.
_DID_NOT_SUCCEED = "number NOT IN (SELECT number FROM facts WHERE name = 'outcome' AND value = 'succeeded')"
_IS_NUMBER = "typeof(value) IN ('integer', 'real')"


def search(ledger: Ledger, wanted: Filter) -> list[Run]:
    """Return the runs that are wanted, in the order in which they are."""
    most = -1 if wanted.most is None else wanted.most
    parts = list(_parts(wanted))
    if wanted.order is None:
        return list(ledger.runs(*_newest_first(parts, most)))
    found = list(ledger.runs(*_with_fact(wanted.order, parts, most)))
    if len(found) != most:
        found += ledger.runs(*_newest_first([*parts, _lacks(wanted.order.name)], max(-1, most - len(found))))
    return found


def count(ledger: Ledger, wanted: Filter) -> int:
    """Return how many runs are wanted, whatever the most of them is."""
    where, values = _all(("NOT is_withdrawn", ()), *_parts(wanted))
    ((found,),) = ledger.rows(f"SELECT count(*) FROM runs WHERE {where}", *values)
    return int(found)


def names(ledger: Ledger) -> Names:
    """Return the names of the facts of all runs."""

    def is_known(name: str) -> bool:
        return bool(ledger.rows("SELECT 1 FROM facts WHERE name = ? LIMIT 1", encodable(name)))

    def every() -> list[str]:
        return [name for (name,) in ledger.rows("SELECT DISTINCT name FROM facts WHERE instr(name, '.')")]

    return Names(is_known, every)


def models(ledger: Ledger) -> list[str]:
    """Return the models of all runs."""
    return [model for (model,) in ledger.rows("SELECT DISTINCT value FROM facts WHERE name = 'model'")]


def extent(ledger: Ledger, name: str) -> tuple[int, Any, Any]:
    """Return how many runs have a fact, and the lowest and the highest there is."""
    ((count, least, most),) = ledger.rows(
        "SELECT count(*), min(value), max(value) FROM facts WHERE name = ? AND value IS NOT NULL", encodable(name)
    )
    return count, least, most


def _newest_first(parts: Sequence[_Part], most: int) -> tuple[Any, ...]:
    where, values = _all(("NOT is_withdrawn", ()), *parts)
    return f"WHERE {where} ORDER BY selected_at DESC, number DESC LIMIT ?", *values, most


def _with_fact(order: Order, parts: Sequence[_Part], most: int) -> tuple[Any, ...]:
    where, values = _all(("name = ? AND value IS NOT NULL", [order.name]), *parts)
    # Numbers come before texts either way: NaN is one of those.
    by = f"typeof(value) = 'text', value {'ASC' if order.is_lowest_first else 'DESC'}, number DESC"
    if order.name.startswith(RESULT):
        by = f"{_DID_NOT_SUCCEED}, {by}"
    # Of those that are not wanted, only their facts are read.
    join = f"JOIN (SELECT number, value FROM facts WHERE {where} ORDER BY {by} LIMIT ?) AS found USING (number)"
    return f"{join} ORDER BY {by}", *values, most


def _lacks(name: str) -> _Part:
    return "number NOT IN (SELECT number FROM facts WHERE name = ? AND value IS NOT NULL)", [name]


def _parts(wanted: Filter) -> Iterator[_Part]:
    if wanted.models:
        alternatives = [_of_model(model) for model in wanted.models]
        text, values = zip(*alternatives, strict=True)
        yield f"({' OR '.join(text)})", [value for part in values for value in part]
    if wanted.is_failed:
        yield "number IN (SELECT number FROM runs JOIN latest USING (id) WHERE latest.is_trouble)", ()
    if wanted.since is not None:
        ended = "SELECT number FROM facts WHERE name = 'ended' AND value >= ?"
        yield f"(number IN (SELECT number FROM runs WHERE is_open) OR number IN ({ended}))", [wanted.since]
    yield from map(_compared, wanted.comparisons)


def _of_model(pattern: str) -> _Part:
    model, colon, version = encodable(pattern).partition(":")
    text, values = _like("model", model.removesuffix(".py"))
    if not colon:
        return text, values
    and_text, and_values = _like("version", version)
    return f"({text} AND {and_text})", [*values, *and_values]


def _like(name: str, pattern: str) -> _Part:
    same = "SELECT number FROM facts WHERE name = ? AND (value = ? OR value GLOB ?)"
    return f"number IN ({same})", [name, pattern, pattern]


def _compared(comparison: Comparison) -> _Part:
    where, values = _holds(comparison)
    is_in = "NOT IN" if comparison.sign is Sign.IS and comparison.value is None else "IN"
    if comparison.name == "version" and ":" in comparison.text and comparison.sign in _KEY_HOLDS:
        return _KEY_HOLDS[comparison.sign], [encodable(comparison.text)] * 2
    return f"number {is_in} (SELECT number FROM facts WHERE name = ? AND {where})", [comparison.name, *values]


def _holds(comparison: Comparison) -> _Part:
    value, text = comparison.value, encodable(comparison.text)
    if value is None:
        return "value IS NOT NULL", ()
    match comparison.sign:
        case Sign.IS:
            return "value IN (?, ?)", [value, text]
        case Sign.IS_NOT:
            return "value NOT IN (?, ?)", [value, text]
        case Sign.HOLDS:
            return "instr(lower(value), lower(?))", [text]
        case sign if isinstance(value, str):
            return f"typeof(value) = 'text' AND value {sign} ?", [value]
        case sign:
            return f"{_IS_NUMBER} AND value {sign} ?", [value]


def _all(*parts: _Part) -> _Part:
    return " AND ".join(text for text, _ in parts), [value for _, values in parts for value in values]

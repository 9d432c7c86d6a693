"""Which runs are wanted, in which order, and what is shown of them, as it is said on a command line.

A name is a parameter or a result (`lr`, `test.accuracy`), or else a field of every run (`seconds`). Where more than one
has the same name, `parameters.loss`, `results.loss` and `run.seconds` tell them apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from mlpipeline.domain.facts import FIELDS, OTHER_NAMES, PARAMETER, RESULT, USUAL_COLUMNS, Fact, Kind, as_fact
from mlpipeline.domain.quantities import seconds
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import FilterError

#: What a comparison looks like, for those whose own cannot be read.
_LOOKS = "Comparisons look like 'lr<0.1', 'test.accuracy>=0.9', 'optimizer=adam', 'version~wide' or 'seconds>1h'"
_COMPARISON = re.compile(r"\s*(?P<name>[^=!<>~]*?)\s*(?P<sign>==|!=|<=|>=|=|<|>|~)\s*(?P<value>.*?)\s*", re.DOTALL)
#: What may stand before a field's name; what a script calls so itself comes first otherwise.
_FIELD = "run."
#: What people write between two comparisons; a comma may also be part of a text: versions are called `a=1,b=2`.
_BETWEEN = r"(\sand\s|\sor\s|&&|\|\|).*[=<>~]"
_COMMA = r",.*[=<>~]"


class Sign(StrEnum):
    """How a fact is compared with a value."""

    #: Is the same.
    IS = "="
    #: Is another; a run that has no such fact is not meant.
    IS_NOT = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    #: Holds the text, in any case.
    HOLDS = "~"


# Not dataclasses, here and below: to make those takes longer than to find runs by them.
class Comparison(NamedTuple):
    """One `--where`."""

    #: Of a fact, see `domain.facts`.
    name: str
    sign: Sign
    value: Fact
    #: The value as it was written: a version may be called `3`.
    text: str


class Order(NamedTuple):
    """One `--sort`."""

    #: Of a fact; runs without it come last.
    name: str
    is_lowest_first: bool


class Filter(NamedTuple):
    """Which runs are wanted: those for which all of it holds."""

    #: Models, or `model:version`, or patterns of either; any model where there are none.
    models: Sequence[str] = ()
    comparisons: Sequence[Comparison] = ()
    #: Those alone that failed or were lost, and were not run since.
    is_failed: bool = False
    #: Those alone that were at work since then, in seconds since the epoch.
    since: float | None = None
    #: The newest first where there is none.
    order: Order | None = None
    most: int | None = None


class Names:
    """The names of the facts of a project's runs."""

    def __init__(self, is_known: Callable[[str], bool], every: Callable[[], Sequence[str]]) -> None:
        """Ask `is_known` whether any run has a parameter or result, and `every` for all there are."""
        self._is_known = is_known
        self._every = every

    def find(self, said: str) -> str:
        """Return the name of the fact that a person calls so.

        Raises:
            FilterError: no run has it, or it may be a parameter or a result.
        """
        field = said.removeprefix(_FIELD)
        field = OTHER_NAMES.get(field, field)
        if said.startswith(_FIELD) and field in FIELDS:
            return field
        found = [name for name in (f"{PARAMETER}{said}", f"{RESULT}{said}") if self._is_known(name)]
        if said.startswith((PARAMETER, RESULT)) and self._is_known(said):
            found.append(said)
        if not found and field in FIELDS:
            return field
        if len(found) == 1:
            return found[0]
        if found:
            raise FilterError(f'"{said}" may be any of {", ".join(found)}: say which.')
        every = self._every()
        known = [*FIELDS, *OTHER_NAMES, *every, *(name.removeprefix(PARAMETER).removeprefix(RESULT) for name in every)]
        raise FilterError(
            f'no run has a parameter, a result or a field "{said}".{did_you_mean(said, known)} '
            f"Fields are {', '.join(FIELDS)}."
        )


def comparison(text: str, names: Names, moment: Callable[[str], float]) -> Comparison:
    """Return what a `--where` says.

    Args:
        text: such as `lr<0.1`.
        names: of the facts there are.
        moment: the time that a text says, in seconds since the epoch.

    Raises:
        FilterError: it cannot be read, or names what no run has.
    """
    found = _COMPARISON.fullmatch(text)
    # What begins like one more sign is none of the values that people mean: those stand in quotes.
    if found is None or not found["name"] or not found["value"] or found["value"][0] in "=!<>~":
        raise FilterError(f'--where "{text}" is no comparison. {_LOOKS}.')
    name, said = names.find(found["name"]), found["value"]
    sign = Sign("=" if found["sign"] == "==" else found["sign"])
    if _is_quoted(said):
        return Comparison(name=name, sign=sign, value=as_fact(said[1:-1]), text=said[1:-1])
    number = _number(said)
    if number is None and re.search(_BETWEEN if sign not in _ORDERED else f"{_BETWEEN}|{_COMMA}", said, re.IGNORECASE):
        raise FilterError(f'--where "{text}" says more than one thing: give --where once for each; all must hold.')
    if sign is Sign.HOLDS or (FIELDS.get(name) is Kind.TEXT and said != "null"):
        value = as_fact(said)
    else:
        value = _value(name, said, moment) if number is None else as_fact(number)
    if sign in _ORDERED and (value is None or _is_wrong(name, value)):
        raise FilterError(f'--where "{text}": {name} cannot be compared with {said} in this way. {_LOOKS}.')
    return Comparison(name=name, sign=sign, value=value, text=said)


def order(text: str, names: Names) -> Order:
    """Return what a `--sort` says: `NAME`, `NAME:min` or `NAME:max`.

    A result is sorted from the best to the worst, and from the highest to the lowest where its name does not say what
    is best; a parameter from the lowest to the highest, and a field as `domain.facts` says.

    Raises:
        FilterError: it names what no run has.
    """
    from mlpipeline.domain.measures import Measure

    measure = Measure.parse(text)
    name = names.find(measure.name)
    is_said = measure.name != text
    if is_said or name.startswith(RESULT):
        return Order(name=name, is_lowest_first=bool(measure.is_lower_better))
    return Order(name=name, is_lowest_first=FIELDS.get(name, Kind.TEXT) is Kind.TEXT)


def columns(texts: Sequence[str], names: Names) -> list[tuple[str, str]]:
    """Return which columns are wanted: `lr,accuracy` in place of the usual ones, `+lr` beside them.

    Each is a name as it was said, and that of the fact which it means; a usual column means itself.

    Raises:
        FilterError: one names what no run has.
    """
    said = [name.strip().removeprefix("+") for text in texts for name in text.split(",")]
    found = {name: name if name in USUAL_COLUMNS else names.find(name) for name in said if name}
    if found and not any(text.startswith("+") for text in texts):
        return list(found.items())
    # What is asked for comes before the results: that column is the widest.
    usual = [(name, name) for name in USUAL_COLUMNS if name not in found]
    return [*usual[:-1], *found.items(), *usual[-1:]]


_ORDERED = (Sign.LESS, Sign.AT_MOST, Sign.MORE, Sign.AT_LEAST)


def _is_wrong(name: str, value: Fact) -> bool:
    return FIELDS.get(name, Kind.TEXT) is not Kind.TEXT and isinstance(value, str)


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""


def _number(text: str) -> int | float | None:
    # Python takes 1_000 for a number; nobody else does.
    for kind in (int, float) if "_" not in text else ():
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _value(name: str, text: str, moment: Callable[[str], float]) -> Fact:
    kind = FIELDS.get(name)
    if kind is Kind.TIME and text != "null":
        return moment(text)
    if kind is Kind.DURATION and text != "null":
        return seconds(text, name, FilterError)
    try:
        # Of lists and the like, spaces do not matter.
        value = json.loads(text)
    except ValueError:
        return as_fact({"True": True, "False": False}.get(text, text))
    return None if value is None or text == "None" else as_fact(value)

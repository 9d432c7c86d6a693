"""The right word for a wrong one, things named and counted, and what may stand in file names and log lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

# Control characters, lone surrogates (file names that are not UTF-8), line and paragraph separators.
_UNFIT = {"Cc", "Cs", "Zl", "Zp"}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word of `known` that `word` most likely meant, in any case; None when none is close."""
    return next(iter(nearest_of(word, known, 1)), None)


def nearest_of(word: str, known: Iterable[str], most: int) -> list[str]:
    """Return the words of `known`, no more than `most`, that `word` may have meant, in any case; the nearest first."""
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in known}
    return [by_folded[close] for close in difflib.get_close_matches(word.casefold(), by_folded, n=most)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "slurm"?`, ready to end a message, or nothing when no known word is close."""
    found = nearest(word, known)
    return "" if found is None else f' Did you mean "{found}"?'


def named(names: Sequence[str], most: int | None) -> str:
    """Return names in one line, of more than `most` the first: `a, b and 3 more`; None for all of them."""
    shown = names[:most]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{', '.join(shown)}{more}"


def counted(count: int, noun: str) -> str:
    """Return a number of things: `1 run`, `2 runs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def is_fit(character: str) -> bool:
    """Whether a character may stand in a file name and in one line of a log; spaces and emoji may."""
    return unicodedata.category(character) not in _UNFIT

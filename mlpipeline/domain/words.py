"""The right word for a wrong one, and whether a text may stand in file names and log lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Control characters, lone surrogates (file names that are not UTF-8), line and paragraph separators.
_UNFIT = {"Cc", "Cs", "Zl", "Zp"}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word of `known` that `word` most likely meant, in any case; None when none is close."""
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "slurm"?`, ready to end a message, or nothing when no known word is close."""
    found = nearest(word, known)
    return "" if found is None else f' Did you mean "{found}"?'


def is_fit(character: str) -> bool:
    """Whether a character may stand in a file name and in one line of a log; spaces and emoji may."""
    return unicodedata.category(character) not in _UNFIT

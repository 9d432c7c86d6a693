"""Sizes and durations as people write them: `"8GB"`, `"1.5 GiB"`, `"30min"`, `90`."""

from __future__ import annotations

import re

from mlpipeline.domain.complaints import Complain, shown, wrong_value

_YEAR_S = 365 * 24 * 3600
#: How long ago anything may have been.
LONG_AGO_S = 100 * _YEAR_S

#: More than any disk holds; what is beyond it was mistyped.
_MOST_BYTES = 10**18

_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}

_NUMBER = r"(\d+(?:\.\d+)?)"
_SIZE = re.compile(rf"{_NUMBER}\s*([a-z]+)", re.ASCII)
#: One part of a duration: `1h` and `30min` of `1h 30min`.
_PART = re.compile(rf"{_NUMBER}\s*([a-z]+)\s*", re.ASCII)


def size_bytes(value: object, where: str, complain: Complain) -> int:
    """Return a size in bytes, written as a number of bytes or as a text with a unit; GB is 10⁹, GiB 2³⁰ bytes.

    Raises:
        MlpipelineError: made by `complain`; it is no size. `where` says which key it stands at.
    """
    size: float | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (found := _SIZE.fullmatch(value.strip().lower())):
        unit = _BYTES.get(found[2])
        size = float(found[1]) * unit if unit else None
    if size is None or not 0 <= size <= _MOST_BYTES:
        raise complain(wrong_value(where, value, 'a size, such as "8GB", "500MB" or "1.5GiB", or a number of bytes'))
    return round(size)


def seconds(value: object, where: str, complain: Complain, *, least: float = 0, most: float = _YEAR_S) -> float:
    """Return a duration in seconds, written as a number of seconds or as a text with units, such as `"1h 30min"`.

    Args:
        value: what was written.
        where: which key it stands at.
        complain: makes the error.
        least: what it must be at least, in seconds.
        most: and at most, a number of years.

    Raises:
        MlpipelineError: made by `complain`; it is no duration, or one outside these bounds.
    """
    duration: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        duration = value
    elif isinstance(value, str):
        duration = _sum_of_parts(value.strip().lower())
    # Written so that nan is refused. Without the upper bound, waiting for so long overflows much later.
    if duration is None or not least <= duration <= most:
        longest = "a year" if most == _YEAR_S else f"{most / _YEAR_S:.0f} years"
        bounds = f"from {least:g} s to {longest}" if least else f"of at most {longest}"
        expected = f'a duration {bounds}, such as "8h", "30min" or "90s", or a number of seconds'
        if duration is None or not isinstance(value, str):
            raise complain(wrong_value(where, value, expected))
        wrong = "longer" if duration > most else "shorter"
        raise complain(f"{where} = {shown(value)} is {wrong} than that may be; expected {expected}.")
    return float(duration)


def _sum_of_parts(text: str) -> float | None:
    """Return the seconds in `1h 30min`; None when that is not what the text is."""
    total, position = 0.0, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or part[2] not in _SECONDS:
            return None
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    return total if text else None


def size_in_words(bytes_: float) -> str:
    """Return a size as people read it, to about three digits: `8 GB`, `1.54 GB`, `312 MB`."""
    for unit in ("TB", "GB", "MB", "kB"):
        factor = _BYTES[unit.lower()]
        if bytes_ >= factor:
            number = bytes_ / factor
            return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
    return "1 byte" if round(bytes_) == 1 else f"{bytes_:.0f} bytes"


def duration_in_words(seconds: float) -> str:
    """Return a duration as people read it: `under 1 ms`, `12 ms`, `41.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 0.001:
        return "under 1 ms"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"

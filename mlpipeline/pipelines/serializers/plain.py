"""Plain data: text, bytes and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlpipeline.pipelines.serializers.serializer import Unsuited

#: Python neither writes nor reads longer ones as text, however low somebody has set that limit.
_LARGEST_INT_BITS = 2000


class Text:
    """Stores text as UTF-8."""

    name, suffix, is_pickle = "text", ".txt", False

    def takes(self, value: Any) -> bool:
        """Whether it is text."""
        return type(value) is str

    def save(self, value: str, path: Path) -> None:
        """Write it as it is, line ends too."""
        path.write_bytes(_utf8(value))

    def load(self, path: Path) -> str:
        """Read it."""
        return path.read_bytes().decode()


class Bytes:
    """Stores bytes."""

    name, suffix, is_pickle = "bytes", ".bin", False

    def takes(self, value: Any) -> bool:
        """Whether it is bytes."""
        return type(value) is bytes

    def save(self, value: bytes, path: Path) -> None:
        """Write them."""
        path.write_bytes(value)

    def load(self, path: Path) -> bytes:
        """Read them."""
        return path.read_bytes()


class Json:
    """Stores what JSON has a word for; NaN and infinities as Python writes them."""

    name, suffix, is_pickle = "json", ".json", False

    def takes(self, value: Any) -> bool:
        """Whether JSON has all of its types: no tuples, no keys that are no text, no subclasses."""
        return is_plain(value)

    def save(self, value: Any, path: Path) -> None:
        """Write it in one line."""
        path.write_bytes(json_bytes(value))

    def load(self, path: Path) -> Any:
        """Read it."""
        return json.loads(path.read_bytes())


def is_plain(value: Any) -> bool:
    """Whether JSON has all types of a value, and it comes back as it was.

    Raises:
        RecursionError: it holds itself.
    """
    return _is_plain(value, set())


def _is_plain(value: Any, found: set[int]) -> bool:
    """Whether a value is; the ids of containers that are it are found once, however often they are in it."""
    kind = type(value)
    if kind is dict or kind is list:
        if id(value) not in found:
            if kind is list:
                is_it = all(_is_plain(item, found) for item in value)
            else:
                is_it = all(type(key) is str and _is_plain(item, found) for key, item in value.items())
            if not is_it:
                return False
            found.add(id(value))
        return True
    if kind is int:
        return bool(value.bit_length() <= _LARGEST_INT_BITS)
    return value is None or kind in (str, float, bool)


def json_bytes(value: Any) -> bytes:
    """A value as one line of JSON.

    Raises:
        Unsuited: it holds text that is no Unicode.
    """
    return _utf8(json.dumps(value, ensure_ascii=False))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # Half a surrogate pair, as in names of files that are no UTF-8.
        raise Unsuited from error

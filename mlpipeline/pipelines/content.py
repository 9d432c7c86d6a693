"""Digests of content: BLAKE3, in hexadecimal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def text_digest(text: str) -> str:
    """The digest of a text."""
    return bytes_digest(text.encode("utf-8", "surrogatepass"))


def bytes_digest(data: bytes) -> str:
    """The digest of bytes."""
    from blake3 import blake3

    return str(blake3(data).hexdigest())


def json_digest(value: Any) -> str:
    """The digest of a value that is JSON, whatever the order of its keys."""
    return text_digest(json.dumps(value, sort_keys=True))


def file_digest(path: Path) -> str:
    """The digest of what a file holds.

    Raises:
        OSError: it cannot be read.
    """
    from blake3 import blake3

    hasher = blake3(max_threads=blake3.AUTO)
    hasher.update_mmap(path)
    return str(hasher.hexdigest())

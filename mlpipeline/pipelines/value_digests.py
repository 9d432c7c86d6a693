"""Digests of values that are in memory: parameters, and what is handed in."""

from __future__ import annotations

from typing import Any

from mlpipeline.pipelines.content import bytes_digest


def value_digest(value: Any) -> str:
    """The digest of any value: of what it is, not of where it lies.

    Raises:
        Exception: it cannot be pickled.
    """
    import cloudpickle

    return bytes_digest(cloudpickle.dumps(value, protocol=5))

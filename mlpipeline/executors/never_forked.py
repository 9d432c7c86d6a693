"""Packages that forbid to fork whoever imported them."""

from __future__ import annotations

from collections.abc import Iterable

#: Packages that do not survive a fork once they are imported, found by trying each.
NEVER_FORKED = ("jax", "jaxlib", "tensorflow", "ray", "pyspark", "py4j", "jpype", "grpc")


def why_never_forked(modules: Iterable[str], never: Iterable[str]) -> str | None:
    """Return which of the modules forbids to fork a process that imported them, or None.

    Args:
        modules: by their full names.
        never: packages that do not survive a fork, besides the known ones.
    """
    found = {*NEVER_FORKED, *never} & {name.partition(".")[0] for name in modules}
    return f"{min(found)} does not survive a fork" if found else None

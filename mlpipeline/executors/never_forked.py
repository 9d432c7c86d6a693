"""Packages that forbid to fork whoever imported them."""

from __future__ import annotations

from collections.abc import Iterable

#: Packages that do not survive a fork once they are imported, found by trying each.
NEVER_FORKED = ("jax", "jaxlib", "tensorflow", "ray", "pyspark", "py4j", "jpype", "grpc")


def why_never_forked(modules: Iterable[str], never: Iterable[str]) -> str | None:
    """Return which of the modules forbids to fork a process that imported them, or None.

    Args:
        modules: by their full names.
        never: further packages, by the user's word.
    """
    packages = {name.partition(".")[0] for name in modules}
    for found in sorted(packages.intersection(NEVER_FORKED)):
        return f"{found} does not survive a fork"
    for found in sorted(packages.intersection(never)):
        return f"{found} is in never_warm"
    return None

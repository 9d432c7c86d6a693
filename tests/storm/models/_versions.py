"""The versions that each script of the storm has."""

from __future__ import annotations

import os

from mlpipeline import Versions

#: How many steps each version trains.
STEPS = int(os.environ["STORM_STEPS"])


def versions() -> Versions:
    """As many as the storm asks for: `v0`, `v1`, …."""
    made = Versions(steps=STEPS)
    for number in range(int(os.environ["STORM_VERSIONS"])):
        made.add_version(f"v{number}")
    return made

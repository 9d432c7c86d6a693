"""On what conditions versions run, as people read it."""

from __future__ import annotations

from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.quantities import size_in_words
from mlpipeline.views.words import duration, values


def conditions_in_words(conditions: Conditions) -> str:
    """Return them in one line: `gpus=1 memory=8 GB; timeout 2 h 0 min; retries lost=2`; empty where there are none."""
    asked = {name: amount for name, amount in conditions.resources.to_json().items() if amount is not None}
    if "memory_bytes" in asked:
        asked["memory"] = size_in_words(asked.pop("memory_bytes"))
    limits = {"timeout": conditions.timeout_s, "silence": conditions.silence_s}
    parts = [
        values(asked),
        *(f"{name} {duration(limit)}" for name, limit in limits.items() if limit),
        f"retries {values(conditions.retries)}" if conditions.retries else "",
        "stop_if_diverged" if conditions.stop_if_diverged else "",
    ]
    return "; ".join(filter(None, parts))

"""A run as history tells it, for tests to change."""

from __future__ import annotations

from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Start

AT = "2026-11-20T21:34:55.123+00:00"

#: `digits:deep`, just selected.
RUN = Run(
    id="7k2m9q",
    name="digits-deep-7k2m9q",
    model="digits",
    version="deep",
    host="box1",
    launch="l",
    identity="i",
    start=Start.CLEAN,
    seed=7,
    model_dir="digits-deep",
    parameters={"lr": 0.1},
    previous=None,
    selected_at=AT,
)

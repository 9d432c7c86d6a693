"""Runs as history tells them, and a daemon, for tests to change."""

from __future__ import annotations

from dataclasses import replace

from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, Start, State
from mlpipeline.views.observed import ObservedDaemon

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

#: The same, as it runs, when it had succeeded, and another that failed.
RUNNING = replace(RUN, state=State.RUNNING, pid=4711, started_at=AT)
SUCCEEDED = replace(
    RUN,
    state=State.ENDED,
    outcome=Outcome.SUCCEEDED,
    started_at=AT,
    ended_at=AT,
    seconds=41.2,
    results={"accuracy": 0.97},
)
FAILED = replace(
    SUCCEEDED,
    id="3x3x3x",
    name="digits-wide-3x3x3x",
    version="wide",
    outcome=Outcome.FAILED,
    failure=Failure.EXCEPTION,
    error="ValueError: no",
    results={},
)
DAEMON = ObservedDaemon(
    host="box1", pid=99, since=AT, command="mlpipeline -r", is_alive=True, heard_at=0.0, silent_s=0.0
)

from dataclasses import replace
from datetime import datetime

import pytest
from runs import AT, DAEMON, RUN

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.states import State
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import observe_runs

#: A day later than the run was selected, in seconds since the epoch.
NOW = datetime.fromisoformat(AT).timestamp() + 86_400


def _why(run, tmp_path, host="box1"):
    (observed,) = observe_runs([run], Outputs(path=tmp_path, host=host), [DAEMON], NOW)
    return observed.why


@pytest.mark.parametrize(
    ("retry_at", "error", "told"),
    [
        ("2026-11-20T21:34:55.123+00:00", None, "attempt 2 begins when there is a place; attempt 1 stopped"),
        (None, "no", "attempt 2 begins when there is a place; attempt 1 stopped: no"),
    ],
)
def test_an_attempt_whose_time_has_come_waits_for_a_place(tmp_path, retry_at, error, told):
    past = [AttemptEnd(attempt=1, outcome="stopped", error=error)]
    assert _why(replace(RUN, attempt=2, past=past, retry_at=retry_at), tmp_path) == told
    later = _why(replace(RUN, attempt=2, past=past, retry_at="2999-01-01T12:00:00.000+00:00"), tmp_path)
    assert later.startswith("attempt 2 begins at 299")


def test_a_run_that_was_told_to_stop_is_said_to_be(tmp_path):
    running = replace(RUN, state=State.RUNNING, pid=4711, started_at=AT)
    elsewhere = "on box1, last heard "
    assert _why(running, tmp_path, "box2").startswith(elsewhere)
    assert _why(replace(running, is_stop_asked=True), tmp_path, "box2").startswith(f"told to stop; {elsewhere}")
    timed_out = replace(running, timeout="ran for longer than 2 s")
    assert _why(timed_out, tmp_path, "box2").startswith(f"told to stop: ran for longer than 2 s; {elsewhere}")

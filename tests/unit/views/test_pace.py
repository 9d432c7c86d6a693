from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest
from runs import AT, RUNNING

from mlpipeline.domain.pace import Pace, Unit
from mlpipeline.project.paths import Outputs
from mlpipeline.views.pace import observe_pace, pace_in_words, rate_in_words

#: When the worker began, by the clock of its host, and since the boot of that.
BEGAN, BOOT = datetime.fromisoformat(AT).timestamp(), 5000.0


@pytest.fixture
def outputs(tmp_path) -> Outputs:
    outputs = Outputs(path=tmp_path, host="box1")
    attempt = outputs.run_dir(RUNNING.name).attempt(1)
    attempt.path.mkdir(parents=True)
    attempt.worker.write_text(json.dumps({"started_at": AT, "since_boot": BOOT}))
    return outputs


def write_loop(path, done, of, first, began, at):
    path.write_text(json.dumps({"done": done, "at": BOOT + at, "of": of, "from": first, "began": BOOT + began}) + "\n")


def test_steps_tell_how_far_a_run_is_before_epochs_and_those_before_metrics(outputs):
    run_dir = outputs.run_dir(RUNNING.name)
    attempt = run_dir.attempt(1)
    assert observe_pace(RUNNING, outputs, BEGAN + 60) == (None, 60.0)

    lines = [{"step": step, "time": BEGAN + at, "metrics": {}} for step, at in ((900, -5), (10, 5), (30, 15))]
    run_dir.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    of_metrics = Pace(done=30, of=None, unit=Unit.STEP, rate=2.0, left_s=None)
    assert observe_pace(RUNNING, outputs, BEGAN + 60)[0] == of_metrics
    assert observe_pace(replace(RUNNING, paused_s=1.0), outputs, BEGAN + 60)[0] == replace(of_metrics, rate=None)

    write_loop(attempt.epochs, 3, None, 1, 10, 30)
    assert observe_pace(RUNNING, outputs, BEGAN + 60)[0] == Pace(
        done=3, of=None, unit=Unit.EPOCHS, rate=0.1, left_s=None
    )

    write_loop(attempt.progress, 50, 100, 40, 10, 30)
    # 10 steps in 20 s; the other 50 take 100 s from the last one on, which was done 1 s ago.
    assert observe_pace(RUNNING, outputs, BEGAN + 31)[0] == Pace(
        done=50, of=100, unit=Unit.STEPS, rate=0.5, left_s=99.0
    )


def test_what_a_run_was_paused_for_is_no_time_of_its_work(outputs):
    assert observe_pace(replace(RUNNING, paused_s=20.0), outputs, BEGAN + 60)[1] == 40.0
    standing = replace(RUNNING, paused_s=20.0, is_paused=True, paused_since=BOOT + 50)
    assert observe_pace(standing, outputs, BEGAN + 60)[1] == 30.0
    assert observe_pace(standing, outputs, BEGAN + 6000)[1] == 30.0


def test_a_clock_that_is_behind_makes_no_negative_time_and_without_a_beginning_there_is_none(outputs):
    assert observe_pace(RUNNING, outputs, BEGAN - 60)[1] == 0.0
    outputs.run_dir(RUNNING.name).attempt(1).worker.write_text("{}")
    assert observe_pace(RUNNING, outputs, BEGAN + 60) == (None, None)


def test_progress_and_rates_in_words():
    pace = Pace(done=1, of=None, unit=Unit.EPOCHS, rate=None, left_s=None)
    assert pace_in_words(None) == ""
    assert pace_in_words(pace) == "1 epoch"
    assert pace_in_words(replace(pace, done=7)) == "7 epochs"
    assert pace_in_words(replace(pace, unit=Unit.STEP, done=300)) == "step 300"
    assert pace_in_words(replace(pace, unit=Unit.STEPS, done=3, of=9)) == "3 of 9"
    rates = (None, 1234.5, 35.25, 0.2, 0.001)
    assert [rate_in_words(rate) for rate in rates] == ["", "1234/s", "35.2/s", "12/min", "3.6/h"]

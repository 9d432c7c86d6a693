from dataclasses import replace

import pytest
from runs import FAILED, RUN, RUNNING, SUCCEEDED

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.comparing import rows
from mlpipeline.domain.curves import Row, curves
from mlpipeline.domain.pace import Loop, Pace, Unit
from mlpipeline.domain.states import Outcome
from mlpipeline.history.environments import Environment
from mlpipeline.project.paths import Outputs
from mlpipeline.views.details import AttemptTold, Changes, Details
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.show import show_for_programs, show_screen
from mlpipeline.views.tables import display_width

BEFORE = replace(RUN, id="2b2b2b", outcome=Outcome.SUCCEEDED, parameters={"lr": 0.01}, results={"accuracy": 0.9})

CONDITIONS = {"resources": {"memory_bytes": 10**9}, "timeout_s": 60, "retries": {"lost": 2}}


@pytest.fixture
def outputs(tmp_path):
    return Outputs(path=tmp_path / "models" / "outputs", host="box1")


def known(run, **changed):
    attempt = AttemptTold(
        number=1,
        outcome=run.outcome,
        failure=run.failure,
        error=run.error,
        seconds=1.0,
        started_at=None,
        how="fresh: x",
    )
    logged = [Row(float(step), 0.0, {"loss": loss}) for step, loss in enumerate((3.0, 1.0, float("nan")))]
    found = Details(
        observed=ObservedRun(run=run),
        attempts=[attempt],
        environment=Environment(command="mlpipeline -r", commit="c0ffee", is_dirty=True),
        changes=Changes(before=BEFORE, parameters=rows([BEFORE.parameters, run.parameters]), files=["net.py"]),
        success=BEFORE,
        metrics=curves(logged, 0),
        is_sampled=False,
        progress=[Loop(2, 5)],
        spec={"conditions": CONDITIONS, "gpus": {"GPU-1": 3}},
        timings={"train": 0.5},
        has_record=True,
    )
    return replace(found, **changed)


def squeezed(screen):
    return [" ".join(line.split()) for line in screen.splitlines()]


def test_one_screen_tells_what_a_run_was_what_it_achieved_and_what_had_changed(outputs):
    lines = squeezed(show_screen(known(SUCCEEDED), outputs, PLAIN))
    assert lines[:3] == ["version digits:deep", "run 7k2m9q on box1", "state succeeded"]
    for line in (
        "time 41.2 s (train 0.5 s)",
        "progress 2 of 5",
        "began clean, seed 7",
        "process fresh: x",
        "gpus 3",
        "conditions memory=1 GB; timeout 1 min 0 s; retries lost=2",
        "parameters before (2b2b2b)",
        "lr 0.1 0.01",
        "results last success (2b2b2b)",
        "accuracy 0.97 0.9",
        "loss nan 1 3 2 █▁",
        "since before parameters lr; code net.py (since 2b2b2b, succeeded)",
        "commit c0ffee, with changes that were not committed",
        "launched by mlpipeline -r",
    ):
        assert line in lines


def test_why_it_failed_comes_first(outputs):
    run = replace(FAILED, place=f"{outputs.path.parent}/net.py:3")
    lines = show_screen(known(run), outputs, PLAIN).splitlines()
    assert lines[:2] == ["failed (exception): ValueError: no", "  at net.py:3"]


def test_one_that_runs_says_how_far_it_is_and_how_long_the_rest_takes(outputs):
    pace = Pace(done=2, of=5, unit=Unit.STEPS, rate=0.5, left_s=6.0)
    found = known(RUNNING)
    running = replace(found, observed=replace(found.observed, pace=pace, elapsed_s=4.0))
    lines = squeezed(show_screen(running, outputs, PLAIN))
    assert "progress 2 of 5, 30/min, 6 s left" in lines
    assert "time 4.0 s (train 0.5 s)" in lines


def test_each_attempt_is_told_where_there_were_several(outputs):
    attempt = known(FAILED).attempts[0]
    attempts = [attempt, replace(attempt, number=2, outcome=None, failure=None, error=None)]
    run = replace(FAILED, attempt=2, past=[AttemptEnd(attempt=1, outcome="failed")], start="resume")
    lines = squeezed(show_screen(known(run, attempts=attempts), outputs, PLAIN))
    assert "1 failed (exception) 1.0 s fresh: x ValueError: no" in lines
    assert "2 1.0 s fresh: x" in lines
    assert "began resumed after attempt 1, seed 7" in lines


def test_a_run_whose_record_is_gone_is_told_from_history_and_says_so(outputs):
    gone = known(
        SUCCEEDED, has_record=False, spec={}, metrics={}, changes=None, success=None, environment=Environment()
    )
    lines = squeezed(show_screen(gone, outputs, PLAIN))
    assert "record its run dir is gone; this is what history knows" in lines
    assert "accuracy 0.97" in lines
    assert not [line for line in lines if line.startswith(("run dir", "since before", "loss"))]


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits_the_terminal_and_nothing_named_disturbs_it(outputs, width):
    run = replace(FAILED, version="w" * 50, parameters={"\x1b[2J": "\x1b[31m" * 30}, error="e" * 200)
    screen = show_screen(known(run), outputs, Screen(width=width))
    shown = [line for line in screen.split("\n\n", 1)[1].splitlines()]
    assert max(map(display_width, shown)) <= width
    assert "\x1b" not in screen


def test_for_programs_a_curve_that_ends_in_nan_has_no_last_value(outputs):
    told = show_for_programs(known(SUCCEEDED), outputs)
    assert told["metrics"] == {"loss": {"last": None, "step": 2.0, "min": 1.0, "max": 3.0, "count": 3}}
    assert told["changes"] == {"parameters": {"lr": {"before": 0.01, "now": 0.1}}, "files": ["net.py"]}


def test_for_programs_a_parameter_that_was_not_there_before_or_is_gone_was_null(outputs):
    changes = Changes(before=BEFORE, parameters=rows([{"old": 1}, {"new": 2}]), files=None)
    assert show_for_programs(known(SUCCEEDED, changes=changes), outputs)["changes"]["parameters"] == {
        "old": {"before": 1, "now": None},
        "new": {"before": None, "now": 2},
    }


def test_how_a_process_began_is_told_unless_it_began_as_every_first_one_does(outputs):
    found = known(SUCCEEDED)
    (attempt,) = found.attempts
    assert "process fresh: x" in squeezed(show_screen(found, outputs, PLAIN))
    first = replace(attempt, how="fresh: what its script imports is not known yet")
    assert "\nprocess" not in show_screen(replace(found, attempts=[first]), outputs, PLAIN)
    assert "not known yet" not in show_screen(
        replace(found, attempts=[first, replace(first, number=2)]), outputs, PLAIN
    )
    assert show_for_programs(replace(found, attempts=[first]), outputs)["attempts"][0]["how"] == first.how

from dataclasses import replace
from datetime import datetime

import pytest
from runs import AT, FAILED, RUNNING, SUCCEEDED

from mlpipeline.views.listing import runs_table
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.tables import display_width
from mlpipeline.views.words import moment


def test_the_table_of_runs_shows_results_or_the_error():
    lines = runs_table(
        [ObservedRun(run=SUCCEEDED), ObservedRun(run=FAILED), ObservedRun(run=RUNNING)], PLAIN
    ).splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["7k2m9q", "digits:deep", "succeeded"],
        ["3x3x3x", "digits:wide", "failed"],
        ["7k2m9q", "digits:deep", "running"],
    ]
    assert lines[2].endswith("41.2 s   accuracy=0.97")
    assert lines[3].endswith("ValueError: no")
    assert runs_table([], PLAIN) == "no runs yet"


def test_the_table_of_runs_says_which_attempt_it_was_and_shows_the_error_of_one_that_failed():
    run = replace(FAILED, attempt=3, results={"accuracy": 0.5})
    (line,) = runs_table([ObservedRun(run=run)], PLAIN).splitlines()[2:]
    assert "failed (exception), attempt 3" in line
    assert line.endswith("ValueError: no")
    assert "attempt" not in runs_table([ObservedRun(run=SUCCEEDED)], PLAIN)


def test_how_a_run_ended_has_its_colour_on_a_screen_that_has_colours():
    failed, succeeded = (ObservedRun(run=run) for run in (FAILED, SUCCEEDED))
    lines = runs_table([failed, succeeded], Screen(is_colored=True)).splitlines()[2:]
    assert "\x1b[31mfailed (exception)\x1b[0m" in lines[0]
    assert "\x1b[32msucceeded\x1b[0m" in lines[1]
    assert "\x1b" not in runs_table([failed, succeeded], PLAIN)


@pytest.fixture
def now() -> float:
    return datetime.fromisoformat(AT).timestamp() + 60


def test_at_a_terminal_each_run_has_one_line_and_in_a_pipe_all_of_it(now):
    long = replace(FAILED, error="ValueError: " + "x" * 200)
    runs = [ObservedRun(run=replace(run, version="linear-large")) for run in (SUCCEEDED, long, RUNNING)]
    lines = runs_table(runs, Screen(width=80), now=now).splitlines()
    assert len(lines) == 5
    assert max(map(display_width, lines)) <= 80
    assert lines[2].split()[3] == moment(AT)[11:16]
    assert lines[3].split()[:3] == ["3x3x3x", "digits:linear-large", "failed"]
    assert "ValueError: x" in lines[3]
    assert lines[3].endswith("x…")
    assert "failed (exception)" in runs_table(runs, Screen(width=120), now=now).splitlines()[3]
    whole = runs_table(runs, PLAIN, now=now).splitlines()
    assert whole[3].endswith("x" * 200)
    assert moment(AT) in whole[2]


def test_a_terminal_without_room_for_one_line_shows_all_of_it(now):
    text = runs_table([ObservedRun(run=FAILED)], Screen(width=30), now=now)
    assert "failed (exception)" in text
    assert "ValueError: no" in text


def test_a_terminal_is_told_how_many_more_there_are(now):
    runs = [ObservedRun(run=SUCCEEDED)]
    assert runs_table(runs, Screen(width=80), now=now, more=34).endswith("\n\nand 34 more: -n 35 shows all")
    assert "more" not in runs_table(runs, Screen(width=80), now=now)
    assert "more" not in runs_table(runs, PLAIN, now=now, more=34)

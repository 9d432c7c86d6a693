from dataclasses import replace

from runs import FAILED, RUNNING, SUCCEEDED

from mlpipeline.views.listing import runs_table
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.screens import PLAIN, Screen


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

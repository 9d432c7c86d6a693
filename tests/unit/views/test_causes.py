from dataclasses import replace

import pytest
from runs import FAILED

from mlpipeline.domain.causes import Cause
from mlpipeline.project.paths import Outputs
from mlpipeline.views.causes import cause_text
from mlpipeline.views.screens import PLAIN


@pytest.fixture
def outputs(tmp_path):
    return Outputs(path=tmp_path / "outputs", host="box1")


def test_a_cause_is_the_word_the_line_of_code_who_failed_and_what_was_printed_last(outputs, tmp_path):
    run = replace(FAILED, place=f"{tmp_path}/cnn/net.py:12")
    output = outputs.run_dir(run.name).attempt(1).output
    output.parent.mkdir(parents=True)
    output.write_text("one\ntwo\x1b[31m\nthree\n")
    assert cause_text(Cause(runs=[run]), outputs, PLAIN, output_lines=2).splitlines() == [
        "failed (exception): ValueError: no",
        "  at cnn/net.py:12",
        "  digits:wide (3x3x3x)",
        "  │ two",
        "  │ three",
        f"  {output}",
    ]


def test_marks_are_not_shown_without_the_line_of_code_above_them(outputs):
    output = outputs.run_dir(FAILED.name).attempt(1).output
    output.parent.mkdir(parents=True)
    output.write_text("    raise ValueError(x)\n    ^^^^^^^~~~\nValueError: no\nin stage train (net.py:15)\n")
    shown = cause_text(Cause(runs=[FAILED]), outputs, PLAIN, output_lines=3).splitlines()
    assert [line.strip() for line in shown if "│" in line] == [
        "│     raise ValueError(x)",
        "│     ^^^^^^^~~~",
        "│ ValueError: no",
        "│ in stage train (net.py:15)",
    ]


def test_a_cause_of_many_runs_is_counted_and_names_the_first(outputs):
    runs = [replace(FAILED, id=str(number)) for number in range(7)]
    heading, named, gone = cause_text(Cause(runs=runs), outputs, PLAIN, output_lines=0).splitlines()
    assert heading == "7 failed (exception): ValueError: no"
    assert named.endswith("digits:wide (4) and 2 more")
    assert gone == "  what it printed is gone with its run dir"

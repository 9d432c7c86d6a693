from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlpipeline.daemon.catalogue import Problem
from mlpipeline.domain.notices import Notice
from mlpipeline.domain.result import Result
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Failure, Outcome, Start, State
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.paths import Outputs
from mlpipeline.views.reports import Reports
from mlpipeline.views.screens import PLAIN
from mlpipeline.views.words import moment

OUTPUTS = Outputs(path=Path("/p/models/outputs"), host="box1")
ENDED_AT = "2026-11-20T21:34:55.123+00:00"


def _run(**changed):
    return Run(
        **{
            "id": "7k2m9q",
            "name": "digits-deep-7k2m9q",
            "model": "digits",
            "version": "deep",
            "host": "box1",
            "launch": "l",
            "identity": "i",
            "start": Start.CLEAN,
            "seed": 7,
            "model_dir": "digits-deep",
            "parameters": {"learning_rate": 0.003, "layers": [64, 64]},
            "previous": None,
            "selected_at": ENDED_AT,
            "ended_at": ENDED_AT,
            "seconds": 41.23,
            "state": State.ENDED,
            "outcome": Outcome.SUCCEEDED,
            "results": {"train.accuracy": 0.9512345, "test.accuracy": 0.94},
            **changed,
        }
    )


def _block(run, result):
    return Reports(OUTPUTS, lambda: PLAIN).results_block(run, result)


def test_the_block_of_a_success_has_everything_its_author_asks_for():
    result = Result(
        outcome=Outcome.SUCCEEDED,
        timings={"import": 1.5, "train": 38, "evaluate on test": 0.012},
        texts={
            "train evaluation": "loss: 0.1",
            "test evaluation": "loss: 0.2",
            "model summary": "\x1b[31mthree layers\x1b[0m\n  of 64\n",
            "dataloader summary": "\t\t1347 digits\n\t\t450 to test on\n",
        },
    )
    assert _block(_run(), result) == (
        "==============================================================================\n"
        f"digits:deep  succeeded  {moment(ENDED_AT)}\n"
        "    run        7k2m9q on box1, 41.2 s, seed 7\n"
        "    time       import 1.5 s, train 38.0 s, evaluate on test 12 ms\n"
        "    model dir  /p/models/outputs/model_ckpts/digits-deep\n"
        "    run dir    /p/models/outputs/runs/digits-deep-7k2m9q\n"
        "    results:\n"
        "        train.accuracy  0.9512345\n"
        "        test.accuracy   0.94\n"
        "    train evaluation:\n"
        "        loss: 0.1\n"
        "    test evaluation:\n"
        "        loss: 0.2\n"
        "    parameters:\n"
        "        learning_rate  0.003\n"
        "        layers         [64, 64]\n"
        "    model summary:\n"
        "        three layers\n"
        "          of 64\n"
        "    dataloader summary:\n"
        "        1347 digits\n"
        "        450 to test on\n"
        "\n"
    )


def test_what_is_nested_has_a_line_for_each_dotted_name():
    lines = _block(_run(results={"val": {"loss": 0.2581882575977444, "note": "a,b"}}), None).splitlines()
    assert lines[lines.index("    results:") + 1 :][:2] == [
        "        val.loss  0.2581882575977444",
        "        val.note  a,b",
    ]


def test_the_block_of_a_failure_says_why_and_where_to_look():
    run = _run(
        outcome=Outcome.FAILED, failure=Failure.EXCEPTION, error="ValueError: no", results={}, parameters={}, attempt=2
    )
    block = _block(run, None)
    assert block.splitlines()[1].startswith("digits:deep  failed (exception)  ")
    assert "    error      ValueError: no\n" in block
    assert "    output     /p/models/outputs/runs/digits-deep-7k2m9q/2/output.log\n" in block
    assert "results" not in block
    assert "parameters" not in block


def test_a_run_of_which_nothing_is_known_has_a_block_too():
    run = _run(outcome=Outcome.LOST, seconds=None, ended_at=None, results={})
    assert "    run        7k2m9q on box1, of unknown length, seed 7\n" in _block(run, None)


def test_the_summary_names_results_or_the_error_and_where_to_look():
    failed = _run(version="wide", outcome=Outcome.FAILED, failure=Failure.KILLED, error="was killed by SIGKILL")
    problem = Problem(what="broken.py", why="sets no MODEL")
    lines = Reports(OUTPUTS, lambda: PLAIN).summary([_run(), failed], [problem]).splitlines()
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines if line and "─" not in line]
    assert cells == [
        ["version", "outcome", "time", "results", "where to look"],
        [
            "digits:deep",
            "succeeded",
            "41.2 s",
            "train.accuracy=0.9512 test.accuracy=0.94",
            "outputs/model_ckpts/digits-deep",
        ],
        [
            "digits:wide",
            "failed (killed)",
            "41.2 s",
            "was killed by SIGKILL",
            "outputs/runs/digits-deep-7k2m9q/1/output.log",
        ],
        ["broken.py", "cannot be used", "sets no MODEL", "log-box1"],
    ]


def test_a_launch_that_did_nothing_has_no_summary():
    assert Reports(OUTPUTS, lambda: PLAIN).summary([], []) == ""


def test_a_notice_has_the_report_and_what_is_held_each_reason_once(tmp_path):
    outputs = Outputs(path=tmp_path / "night" / "models" / "outputs", host="box1")
    outputs.path.mkdir(parents=True)
    ledger = Ledger.read(outputs, {"XDG_CACHE_HOME": str(tmp_path)}, warn=pytest.fail)
    held = [Problem(what=f"net:v{number}", why="3 in a row \x1bfailed") for number in range(3)]
    waits = [Problem(what=f"net:w{number}", why=f"after v{number}") for number in range(12)]
    since = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    text = Reports(outputs, lambda: PLAIN).notice(
        Notice.HELD, ledger, held, waits, since=since, now=since.timestamp() + 3600
    )
    assert text.startswith("night on box1: something is held\n\n1 h since 2026-11-20 20:00: nothing ran\n\n")
    assert "\n\nheld:\n  net:v0 and 2 more: 3 in a row  failed\n\nwaiting:\n  net:w0: after v0\n" in text
    assert text.endswith("  net:w9: after v9\n  and 2 more: mlpipeline status\n")

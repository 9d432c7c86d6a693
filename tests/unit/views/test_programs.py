from dataclasses import replace

import pytest
from runs import AT, DAEMON, FAILED, RUNNING

from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.programs import run_for_programs, status_for_programs


@pytest.fixture
def outputs(tmp_path):
    return Outputs(path=tmp_path / "outputs", host="box1")


def test_a_run_for_programs_has_every_key_that_is_promised(outputs):
    assert run_for_programs(ObservedRun(run=RUNNING, why="its daemon is not running"), outputs) == {
        "run": "digits-deep-7k2m9q",
        "id": "7k2m9q",
        "model": "digits",
        "version": "deep",
        "state": "running",
        "outcome": None,
        "failure": None,
        "error": None,
        "mark": None,
        "why": "its daemon is not running",
        "host": "box1",
        "pid": 4711,
        "attempt": 1,
        "started_at": AT,
        "ended_at": None,
        "seconds": None,
        "parameters": {"lr": 0.1},
        "results": {},
        "model_dir": str(outputs.path / "model_ckpts/digits-deep"),
        "run_dir": str(outputs.path / "runs/digits-deep-7k2m9q"),
        "gpus": None,
    }
    ended = run_for_programs(ObservedRun(run=replace(FAILED, pid=4711)), outputs)
    assert (ended["outcome"], ended["failure"], ended["pid"]) == ("failed", "exception", None)


def test_status_for_programs_has_the_own_daemon_and_the_runs_that_matter_newest_first(outputs):
    other = replace(DAEMON, host="box2", is_alive=None)
    runs = [ObservedRun(run=run) for run in (RUNNING, FAILED)]
    status = status_for_programs([DAEMON, other], runs, outputs)
    assert status["daemon"]["pid"] == 99
    assert [daemon["host"] for daemon in status["other_daemons"]] == ["box2"]
    assert [run["id"] for run in status["runs"]] == ["7k2m9q", "3x3x3x"]
    nothing = {"host": "box1", "daemon": None, "other_daemons": [], "runs": [], "failed_tests": []}
    assert status_for_programs([], [], outputs) == nothing

from dataclasses import replace
from datetime import datetime

import pytest
from runs import AT, DAEMON, FAILED, RUNNING
from schemas import complaints

from mlpipeline.domain.estimates import Range
from mlpipeline.domain.pace import Pace, Unit
from mlpipeline.domain.states import Outcome
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.outlook import QueueOutlook
from mlpipeline.views.overview import Overview
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
        "progress": None,
        "rate": None,
        "elapsed_s": None,
        "eta": None,
    }
    pace = Pace(done=3, of=10, unit=Unit.STEPS, rate=0.5, left_s=14.0)
    running = run_for_programs(ObservedRun(run=RUNNING, pace=pace, elapsed_s=6.0, ends_at=1795262400.0), outputs)
    assert running["progress"] == {"done": 3, "of": 10, "unit": "steps"}
    assert (running["rate"], running["elapsed_s"]) == (0.5, 6.0)
    assert datetime.fromisoformat(running["eta"]).timestamp() == 1795262400.0
    assert complaints("run", running) == []
    ended = run_for_programs(ObservedRun(run=replace(FAILED, pid=4711)), outputs)
    assert (ended["outcome"], ended["failure"], ended["pid"]) == ("failed", "exception", None)


def test_status_for_programs_has_the_own_daemon_and_the_runs_that_matter_newest_first(outputs):
    other = replace(DAEMON, host="box2", is_alive=None)
    runs = [ObservedRun(run=run) for run in (RUNNING, FAILED)]
    status = status_for_programs(Overview(now=0.0, outputs=outputs, daemons=[DAEMON, other], runs=runs))
    assert status["daemon"]["pid"] == 99
    assert [daemon["host"] for daemon in status["other_daemons"]] == ["box2"]
    assert [run["id"] for run in status["runs"]] == ["7k2m9q", "3x3x3x"]
    assert complaints("status", status) == []
    assert status_for_programs(Overview(now=0.0, outputs=outputs)) == {
        "host": "box1",
        "daemon": None,
        "other_daemons": [],
        "runs": [],
        "failed_tests": [],
        "causes": [],
        "waits": [],
        "held": [],
        "stopped": [],
        "done_today": {"succeeded": 0, "failed": 0, "stopped": 0, "lost": 0},
        "left": None,
        "left_unknown": None,
        "ends_at": None,
    }


def test_status_for_programs_groups_causes_and_obstacles_and_tells_the_end_as_times(outputs):
    alike = [{"what": f"net:{version}", "why": "1 GPU is asked for"} for version in "ab"]
    held = {"what": "bad.py", "why": "SyntaxError", "traceback": "there"}
    to_start = ({"model": "net", "start": "clean", "count": 2},)
    daemon = replace(DAEMON, waits=tuple(alike), held=(held,), at_once=2, to_start=to_start)
    failed = [replace(FAILED, id=name, error=f"ValueError: {name}", place="/p/net.py:3") for name in ("a", "b")]
    overview = Overview(
        now=1795262400.0,
        outputs=outputs,
        daemons=[daemon],
        runs=[ObservedRun(run=run) for run in failed],
        stopped=["net:x"],
        done_today={Outcome.FAILED: 2},
        outlook=QueueOutlook(ends=Range(least_s=10, most_s=90), left=3, unknown=1),
    )
    status = status_for_programs(overview)
    assert complaints("status", status) == []
    assert status["causes"] == [
        {
            "outcome": "failed",
            "failure": "exception",
            "error": "ValueError: a",
            "place": "/p/net.py:3",
            "runs": ["a", "b"],
        }
    ]
    assert status["waits"] == [{"what": ["net:a", "net:b"], "why": "1 GPU is asked for", "host": "box1"}]
    assert status["held"] == [{"what": ["bad.py"], "why": "SyntaxError", "host": "box1"}]
    assert status["done_today"] == {"succeeded": 0, "failed": 2, "stopped": 0, "lost": 0}
    assert (status["stopped"], status["left"], status["left_unknown"]) == (["net:x"], 3, 1)
    assert [datetime.fromisoformat(at).timestamp() for at in status["ends_at"]] == [1795262410.0, 1795262490.0]
    assert (status["daemon"]["at_once"], status["daemon"]["to_start"]) == (2, list(to_start))
    assert status["daemon"]["held"] == [held]


def test_what_is_held_without_a_traceback_has_none(outputs):
    daemon = replace(DAEMON, held=({"what": "net:a", "why": "held in models.toml"},))
    status = status_for_programs(Overview(now=0.0, outputs=outputs, daemons=[daemon]))
    assert complaints("status", status) == []
    assert status["daemon"]["held"][0]["traceback"] is None

"""What ends a run that its user does not want to wait for: time limits, silence, and metrics that diverged."""

from __future__ import annotations

import json
import time

import pytest
from support import Project, wait_until

SCRIPT = """
import math, time
from mlpipeline import CommandModel, FunctionModel, MetricContainer, Versions

def train(what, *, model_dir, run):
    if what == "deaf":
        while True:
            time.sleep(0.1)
    for step in run.steps(10**6):
        time.sleep(0.05)
        if what == "silent" and step == 3:
            while not run.should_stop:
                time.sleep(0.05)
        if what in ("diverges", "swallows") and step == 3:
            try:
                run.log_metrics({"loss": math.nan}, step=step)
            except Exception:
                if what == "diverges":
                    raise
            return {"loss": 0.0}
        if what == "short" and step == 60:
            break
    return {"steps": step}

versions = Versions()
versions.add_version(%s)
MODEL = FunctionModel(train, versions)
"""


def outcome_of(project: Project) -> tuple[str, str | None, str | None]:
    run = json.loads(project.run("runs", "--json").stdout)[0]
    return run["outcome"], run["failure"], run["error"]


@pytest.fixture
def carried_out(make_project, tmp_path):
    def carry_out(version: str, settings: str = "") -> Project:
        project = make_project(tmp_path, {"net.py": SCRIPT % version}, settings=settings)
        project.run("-r")
        return project

    return carry_out


def test_a_run_that_takes_longer_than_it_may_is_told_to_stop_and_has_failed(carried_out):
    project = carried_out('"v", what="endless", timeout=1')
    assert outcome_of(project) == ("failed", "timeout", "ran for longer than its timeout, 1.0 s")
    assert "net:v ran for longer than its timeout, 1.0 s: it is told to stop" in project.log


def test_one_that_does_not_heed_that_is_killed_and_has_failed_for_the_same_reason(carried_out):
    project = carried_out('"v", what="deaf", timeout="1s"', "[worker]\nstop_grace = 0.2\n")
    assert outcome_of(project)[:2] == ("failed", "timeout")


def test_silence_is_a_timeout_too_and_progress_is_none(carried_out):
    project = carried_out('"v", what="silent", silence=1')
    assert outcome_of(project)[:2] == ("failed", "timeout")
    assert "was silent for longer than 1.0 s: no output, metrics or progress" in project.log


def test_a_run_that_makes_progress_is_not_silent(carried_out):
    assert outcome_of(carried_out('"v", what="short", silence=1'))[0] == "succeeded"


def test_the_queue_and_the_settings_say_how_long_it_may_take_where_the_version_does_not(make_project, tmp_path):
    project = make_project(
        tmp_path,
        {"net.py": SCRIPT % '"v", what="endless"', "other.py": SCRIPT % '"w", what="endless"'},
        [{"script": "net.py", "timeout": "1s"}, "other.py"],
        settings='[versions]\ntimeout = "1500 ms"\n',
    )
    assert "mlp.toml: [versions] timeout" in project.run("-r").stderr
    (project.root / "mlp.toml").write_text("[versions]\ntimeout = 2\n")
    project.run("-r")
    runs = json.loads(project.run("runs", "--json").stdout)
    assert [(run["model"], run["error"]) for run in runs] == [
        ("other", "ran for longer than its timeout, 2.0 s"),
        ("net", "ran for longer than its timeout, 1.0 s"),
    ]


def test_a_limit_that_was_passed_while_no_daemon_was_there_counts_for_the_next_one(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT % '"v", what="endless", timeout=2'})
    daemon = project.start("-r")
    project.wait_for("running")
    daemon.kill()
    daemon.wait()
    project.run("-r")
    assert [event["failure"] for event in project.history() if event["event"] == "ended"] == ["timeout"]


def test_the_time_for_which_a_run_is_paused_does_not_count(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT % '"v", what="short", timeout=20, silence=1'})
    daemon = project.start("-r")
    progress = project.outputs / "runs"
    wait_until(lambda: any(b"done" in path.read_bytes() for path in progress.rglob("progress.jsonl")))
    assert "is paused" in project.run("pause", "net:v").stdout
    paused = len(project.history())
    # Long enough for the silence to be noticed if it counted.
    for _ in range(3):
        project.run("status")
    assert not [event for event in project.history()[paused:] if event["event"] in ("timeout", "ended")]
    assert "goes on" in project.run("resume", "net:v").stdout
    assert daemon.wait(60) == 0
    assert outcome_of(project)[0] == "succeeded"


def test_it_does_not_count_for_a_later_daemon_either(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT % '"v", what="short", timeout=12'})
    daemon = project.start("-r")
    wait_until(lambda: any(b"done" in path.read_bytes() for path in project.outputs.rglob("progress.jsonl")))
    paused_at = time.monotonic()
    assert "is paused" in project.run("pause", "net:v").stdout
    daemon.kill()
    daemon.wait()
    wait_until(lambda: time.monotonic() - paused_at > 13)
    daemon = project.start("-r", "-u")
    wait_until(lambda: "watched again" in project.log)
    assert "goes on" in project.run("resume", "net:v").stdout
    assert daemon.wait(60) == 0
    assert outcome_of(project)[0] == "succeeded"


@pytest.mark.parametrize("what", ["diverges", "swallows"])
def test_a_metric_that_is_nan_ends_a_run_whose_version_wants_that(carried_out, what):
    project = carried_out(f'"v", what="{what}", stop_if_diverged=True')
    assert outcome_of(project) == ("failed", "diverged", "loss is nan at step 3, and stop_if_diverged is set")


def test_without_that_it_is_a_metric_like_any_other(carried_out):
    assert outcome_of(carried_out('"v", what="diverges"'))[0] == "succeeded"


PROGRAM = """
import json, os, signal, time
def leave(*_):
    open(os.environ["MLP_MODEL_DIR"] + "/told", "w").close()
    raise SystemExit(1)
signal.signal(signal.SIGTERM, leave)
with open(os.environ["MLP_METRICS"], "a") as file:
    print(json.dumps({"step": 1, "loss": 0.5}), file=file)
    print(json.dumps({"step": 2, "loss": float("inf")}), file=file, flush=True)
while True:
    time.sleep(0.05)
"""
COMMAND = """
import sys
from mlpipeline import CommandModel, Versions

versions = Versions(stop_if_diverged=True)
versions.add_version("v")
MODEL = CommandModel([sys.executable, "program.py"], versions)
"""


def test_a_command_whose_metrics_diverge_is_told_to_stop(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": COMMAND})
    (project.root / "program.py").write_text(PROGRAM)
    project.run("-r")
    assert outcome_of(project) == ("failed", "diverged", "loss is inf at step 2, and stop_if_diverged is set")
    assert (project.outputs / "model_ckpts/net-v/told").exists()

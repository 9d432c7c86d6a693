"""Further attempts of a run: by rule, with a delay, and by `mlpipeline retry`."""

from __future__ import annotations

import json
import os
import shutil
import signal
from datetime import datetime

import pytest
from support import HOST, Project, Started, wait_until

from mlpipeline.daemon.presence import HEARTBEAT_INTERVAL_S

#: Fails as often as the number in the file `failures` says, once `saved` is in its model dir.
SCRIPT = """
import os, pathlib, signal
from mlpipeline import FunctionModel, Versions
outside = pathlib.Path({outside!r})

def train(lr, *, model_dir, run):
    for step in run.steps(3):
        (model_dir / f"step-{{step}}").touch()
        with open(outside / "executed", "a") as file:
            file.write(f"{{lr}} {{step}}\\n")
        left = int((outside / "failures").read_text())
        if step == 1 and left:
            (outside / "failures").write_text(str(left - 1))
            if (outside / "how").read_text() == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError(f"{{left}} left")
    return {{"steps": len(list(model_dir.iterdir()))}}

versions = Versions(retries={{"exception": 2, "killed": 1}})
versions.add_version("v", lr=1)
MODEL = FunctionModel(train, versions)
"""


class Failing:
    """A project with one version, `net:v`, that fails a number of times."""

    def __init__(self, make_project, folder, retry_delay: float) -> None:
        self.outside = folder / "outside"
        self.outside.mkdir()
        script = SCRIPT.format(outside=str(self.outside))
        settings = f"[queue]\nretry_delay = {retry_delay}\n"
        self.project: Project = make_project(folder, {"net.py": script}, settings=settings)
        self.fail(0)

    def fail(self, times: int, how: str = "raise") -> None:
        (self.outside / "failures").write_text(str(times))
        (self.outside / "how").write_text(how)

    def start_until_it_waits(self, *options: str) -> Started:
        """Start a daemon, and return when its run has failed once and waits for its second attempt."""
        self.fail(1)
        daemon = self.project.start("-r", *options)
        wait_until(lambda: self.events("retry"), message=lambda: self.project.log)
        return daemon

    @property
    def executed(self) -> list[str]:
        path = self.outside / "executed"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def run(self) -> dict:
        return json.loads(self.project.run("runs", "--json").stdout)[0]

    def events(self, *kinds: str) -> list[dict]:
        return [event for event in self.project.history() if event["event"] in kinds]


def seconds_between(first: dict, second: dict) -> float:
    return (datetime.fromisoformat(second["at"]) - datetime.fromisoformat(first["at"])).total_seconds()


@pytest.fixture
def failing(make_project, tmp_path):
    return lambda retry_delay=0: Failing(make_project, tmp_path, retry_delay)


def test_a_failure_that_is_worth_it_is_tried_again_as_an_attempt_that_resumes(failing):
    failing = failing()
    failing.fail(2)
    assert failing.project.run("-r").returncode == 0
    assert (failing.run["outcome"], failing.run["attempt"], failing.run["results"]) == ("succeeded", 3, {"steps": 3})
    assert failing.executed == ["1 0", "1 1", "1 1", "1 1", "1 2"]
    assert len(failing.events("selected")) == len(failing.events("ended")) == 1
    assert "net:v failed (exception) after" in failing.project.log
    assert "net:v is tried again now, as attempt 2" in failing.project.log
    assert "net:v starts, resuming, attempt 3" in failing.project.log
    assert "mlpipeline ends: 1 succeeded" in failing.project.log


def test_attempts_are_counted_per_failure_and_the_run_ends_as_its_last_one_did(failing):
    failing = failing()
    failing.fail(9, "killed")
    assert failing.project.run("-r").returncode == 1
    assert (failing.run["outcome"], failing.run["failure"], failing.run["attempt"]) == ("failed", "killed", 2)
    failing.fail(9)
    assert failing.project.run("-r").returncode == 1
    assert (failing.run["failure"], failing.run["attempt"]) == ("exception", 3)


def test_status_says_when_the_next_attempt_begins_and_a_killed_daemon_forgets_none(failing):
    failing = failing(retry_delay=3000)
    daemon = failing.start_until_it_waits()
    status = failing.project.run("status").stdout
    assert "attempt 2 begins at" in status
    assert "attempt 1 failed (exception): ValueError: 1 left" in status
    daemon.kill()
    daemon.wait()
    assert "attempt 2 begins with the next launch" in failing.project.run("status").stdout
    daemon = failing.project.start("-r", "-u")
    wait_until(lambda: "net:v is tried again in" in failing.project.log.rpartition("begins: ")[2])
    asked = failing.project.run("retry", "net:v")
    assert "goes on at once, with attempt 3" in asked.stdout
    assert daemon.wait(60) == 0
    assert (failing.run["outcome"], failing.run["attempt"]) == ("succeeded", 3)
    assert failing.executed == ["1 0", "1 1", "1 1", "1 2"]


@pytest.mark.parametrize("how", ["stop", "signal"])
def test_a_run_between_two_attempts_can_be_stopped(failing, how):
    failing = failing(retry_delay=3000)
    daemon = failing.start_until_it_waits()
    if how == "stop":
        assert "stopped, before its next attempt" in failing.project.run("stop", "net:v").stdout
    else:
        daemon.send_signal(signal.SIGINT)
    daemon.wait(60)
    outcome = ("stopped", None) if how == "stop" else ("failed", "exception")
    assert (failing.run["outcome"], failing.run["failure"]) == outcome
    assert failing.run["attempt"] == 1
    assert not list((failing.project.outputs / "claims").rglob("*.json"))
    assert failing.project.run("-r", "-u").returncode == 0
    assert failing.executed == ["1 0", "1 1", "1 1", "1 2"]


def test_a_run_between_two_attempts_can_be_stopped_though_its_daemon_died(failing):
    failing = failing(retry_delay=3000)
    failing.fail(1)
    daemon = failing.project.start("-r")
    wait_until(lambda: failing.events("retry"), message=lambda: failing.project.log)
    daemon.kill()
    daemon.wait()
    run = failing.run["id"]
    assert failing.project.run("stop", "net:v").stdout == f"{run} net:v stopped, before its next attempt\n"
    status = failing.project.run("status").stdout
    assert "\nstopped, to be resumed: net:v\n" in status
    assert "attempt 2 begins" not in status
    failing.project.write_queue([])
    assert failing.project.run("-r").returncode == 0
    assert (failing.run["outcome"], failing.run["attempt"]) == ("stopped", 1)
    assert failing.executed == ["1 0", "1 1"]


def test_an_attempt_is_given_up_for_what_was_edited_meanwhile(failing):
    failing = failing(retry_delay=3000)
    daemon = failing.start_until_it_waits("--watch")
    script = failing.project.models_dir / "net.py"
    script.write_text(script.read_text().replace("lr=1", "lr=2"))
    wait_until(lambda: len(failing.events("ended")) == 2, message=lambda: failing.project.log)
    daemon.send_signal(signal.SIGINT)
    daemon.wait(60)
    assert [event["outcome"] for event in failing.events("ended")] == ["failed", "succeeded"]
    assert "is not tried again: it was edited" in failing.project.log
    assert failing.executed[2:] == ["2 0", "2 1", "2 2"]
    given_up, begun = failing.events("ended")[0], failing.events("selected")[1]
    # At once, not when the daemon next looks up without a cause.
    assert seconds_between(given_up, begun) < HEARTBEAT_INTERVAL_S / 2


def test_a_run_that_is_over_is_tried_again_on_request_with_its_code_as_it_was(failing):
    failing = failing()
    script = failing.project.models_dir / "net.py"
    script.write_text(script.read_text().replace('retries={"exception": 2, "killed": 1}', ""))
    failing.fail(1)
    assert failing.project.run("-r").returncode == 1
    script.write_text(script.read_text().replace("lr=1", "lr=2"))
    failing.project.write_queue([])
    daemon = failing.project.start("-r", "--watch")
    wait_until(lambda: "nothing to run" in failing.project.log)
    asked = failing.project.run("retry", "--failed")
    assert asked.returncode == 0, asked.stderr
    assert "net:v is tried again, as attempt 2" in asked.stdout
    wait_until(lambda: len(failing.events("ended")) == 2, message=lambda: failing.project.log)
    assert (failing.run["outcome"], failing.run["attempt"]) == ("succeeded", 2)
    assert failing.executed == ["1 0", "1 1", "1 1", "1 2"]
    assert "is not tried again: it succeeded" in failing.project.run("retry", "net:v").stdout
    daemon.send_signal(signal.SIGINT)
    daemon.wait(60)


def test_a_retry_that_nobody_answers_is_heeded_by_the_next_launch(failing):
    failing = failing()
    failing.fail(3)
    assert failing.project.run("-r").returncode == 1
    failing.project.write_queue([])
    asked = failing.project.run("retry", "net:v")
    assert asked.returncode == 1
    assert f"no daemon of {HOST} has answered yet: none runs there. The next launch does" in asked.stdout
    assert failing.project.run("-r").returncode == 0
    assert (failing.run["outcome"], failing.run["attempt"]) == ("succeeded", 4)


def test_an_attempt_that_was_stopped_while_no_daemon_was_there_can_be_tried_again(failing):
    failing = failing(retry_delay=3000)
    daemon = failing.start_until_it_waits()
    daemon.kill()
    daemon.wait()
    failing.project.run("stop", "net:v")
    failing.project.run("retry", "net:v")
    assert failing.project.run("-r", "-u").returncode == 0
    # No number is given twice: the one that the dead daemon had scheduled was revoked.
    assert (failing.run["outcome"], failing.run["attempt"]) == ("succeeded", 3)
    assert failing.executed == ["1 0", "1 1", "1 1", "1 2"]


def test_a_record_that_was_deleted_costs_its_own_run_alone(failing):
    failing = failing()
    failing.fail(9)
    failing.project.run("-r")
    shutil.rmtree(failing.project.outputs / "runs")
    failing.project.write_queue([])
    failing.project.run("retry", "net:v")
    assert failing.project.run("-r").returncode == 0
    answers = [event["said"] for event in failing.events("answer")]
    assert len(answers) == 1
    assert answers[0].startswith("is not tried again: its record in ")


def test_an_attempt_whose_record_is_deleted_before_it_begins_is_given_up(failing):
    failing = failing(retry_delay=3000)
    daemon = failing.start_until_it_waits()
    shutil.rmtree(failing.project.outputs / "runs")
    assert "goes on at once" in failing.project.run("retry", "net:v").stdout
    assert daemon.wait(60) == 1
    assert "is not tried again: its record in " in failing.project.log
    assert not list((failing.project.outputs / "claims").rglob("*.json"))


def test_without_recording_an_attempt_of_a_recorded_run_is_left_alone(failing):
    failing = failing(retry_delay=3000)
    daemon = failing.start_until_it_waits()
    daemon.kill()
    daemon.wait()
    failing.project.run("-r", "-n")
    assert list((failing.project.outputs / "claims").rglob("*.json"))
    failing.project.run("retry", "net:v")
    assert failing.project.run("-r", "-u").returncode == 0
    assert failing.run["outcome"] == "succeeded"


def test_a_run_that_another_host_went_on_with_is_not_tried_again(failing):
    failing = failing(retry_delay=3000)
    failing.fail(1)
    daemon = failing.project.start("-r", env={"MLP_HOST": "box9"})
    failing.project.wait_for("retry", host="box9")
    daemon.kill()
    daemon.wait()
    heartbeat = failing.project.outputs / "heartbeat-box9"
    os.utime(heartbeat, (0, heartbeat.stat().st_mtime - 3600))
    assert "its model dir is free" in failing.project.run("release", "net:v").stdout
    assert failing.project.run("-r").returncode == 0
    failing.project.run("retry", next(e["run"] for e in failing.project.history("box9") if e["event"] == "retry"))
    failing.project.write_queue([])
    failing.project.run("-r", env={"MLP_HOST": "box9"})
    ends = [event["outcome"] for event in failing.project.history("box9") if event["event"] == "ended"]
    assert ends == ["failed"]
    assert len(failing.executed) == 4


@pytest.mark.parametrize("is_asked_now", [True, False])
def test_what_a_person_stopped_is_not_tried_again_though_its_script_ends_as_if_it_had_failed(
    make_project, tmp_path, is_asked_now
):
    script = f"""
        import pathlib, signal, sys, time
        from mlpipeline import FunctionModel, Versions
        def train(*, model_dir, run):
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
            pathlib.Path({str(tmp_path / "ready")!r}).touch()
            while True:
                time.sleep(0.05)
        versions = Versions(retries={{"exit": 1, "timeout": 1}}, timeout={0 if is_asked_now else 2})
        versions.add_version("v")
        MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"net.py": script}, settings="[queue]\nretry_delay = 0\n")
    daemon = project.start("-r")
    wait_until((tmp_path / "ready").exists)
    if is_asked_now:
        project.wait_for("running")
        project.run("stop", "net:v")
    daemon.wait(60)
    run = json.loads(project.run("runs", "--json").stdout)[0]
    expected = ("stopped", None, 1) if is_asked_now else ("failed", "timeout", 2)
    assert (run["outcome"], run["failure"], run["attempt"]) == expected


def test_a_name_that_only_asks_for_nothing_begins_no_further_attempt(failing):
    failing = failing()
    failing.fail(9)
    failing.project.run("-r")
    failing.project.run("retry", "net:v")
    before = len(failing.executed)
    assert failing.project.run("-r", "--only", "net:nosuch").returncode == 2
    assert len(failing.executed) == before
    assert failing.project.processes() == []

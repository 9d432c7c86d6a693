"""Model dirs that somebody else holds, and two daemons at once."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from night import Night
from support import HOST, Project, wait_until

from mlpipeline.views.words import moment


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    made = Night(make_project, tmp_path)
    made.project.write_script("other.py", made.source())
    made.project.write_queue(["net.py", "other.py"])
    return made


def claim(night: Night, text: str) -> Path:
    path = night.project.outputs / "claims" / "net-v.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def claimed(host: str, run: str = "abcdef") -> str:
    return json.dumps({"host": host, "run": run, "run_dir": "/nowhere", "at": "2026-01-01T00:00:00+00:00"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (claimed("box2"), "is in use by run abcdef of box2, since 2026-01-01T00:00:00+00:00"),
        ("{torn", "who uses its model dir cannot be read"),
        ("", "who uses its model dir cannot be read"),
    ],
    ids=["of another host", "unreadable", "empty, and younger than the boot"],
)
def test_a_held_version_is_told_once_the_queue_goes_on_and_the_exit_status_says_so(night: Night, text, told):
    path = claim(night, text)
    night.gate.open()
    done = night.project.run("-r", env=night.env)
    assert done.returncode == 1
    assert night.project.log.count(told) == 1
    what_to_do = "mlpipeline release net:v" if "box2" in text else str(path)
    assert what_to_do in night.project.log
    assert "net:v" in done.stdout.splitlines()[-1]
    assert "cannot be used" in done.stdout.splitlines()[-1]
    assert [event["model"] for event in night.project.history() if event["event"] == "selected"] == ["other"]
    assert path.read_text() == text


def test_a_version_whose_holder_leaves_while_the_queue_runs_is_carried_out_after_all(night: Night):
    path = claim(night, claimed("box2"))
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    status = night.project.run("status").stdout
    assert "net:v: its model dir is in use by run abcdef of box2" in status
    path.unlink()
    night.gate.open()
    assert daemon.wait(timeout=30) == 0
    assert [event["model"] for event in night.project.history() if event["event"] == "selected"] == ["other", "net"]


def test_a_claim_that_a_dead_run_of_this_host_left_is_taken_over(night: Night):
    claim(night, claimed(HOST))
    night.gate.open()
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 2
    night.check_nothing_is_left()


def test_a_stale_claim_is_given_back_though_its_version_is_not_in_the_queue(night: Night):
    claim(night, claimed(HOST))
    night.project.write_queue([])
    assert night.project.run("-r", env=night.env).returncode == 0
    night.check_nothing_is_left()


def test_a_claim_that_a_power_cut_left_empty_holds_nothing(night: Night):
    path = claim(night, "")
    os.utime(path, (0, 0))
    night.gate.open()
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 2
    night.check_nothing_is_left()


def test_an_unrecorded_run_that_outlives_its_daemon_holds_its_model_dir_until_it_ends(night: Night):
    daemon = night.project.start("-r", "-n", env=night.env)
    night.gate.wait_reached()
    daemon.kill()
    daemon.wait()
    (worker,) = night.project.processes()
    night.project.write_queue(["net.py"])
    done = night.project.run("-r", env=night.env)
    assert done.returncode == 1
    assert f"in use by run {night.claim_of('net-v')['run']} of {HOST}" in night.project.log
    night.gate.open()
    worker.wait(timeout=30)
    assert night.project.run("-r", env=night.env).returncode == 0
    assert night.executions == 2
    assert list((night.project.outputs / "claims").iterdir()) == []


def test_an_unrecorded_run_whose_daemon_and_worker_died_holds_nothing(night: Night):
    night.project.write_queue(["net.py"])
    daemon = night.project.start("-r", "-n", env=night.env)
    night.gate.wait_reached()
    for process in [daemon, *night.project.processes()]:
        process.kill()
    daemon.wait()
    wait_until(lambda: not night.project.processes())
    night.gate.open()
    assert night.project.run("-r", env=night.env).returncode == 0
    assert list((night.project.outputs / "claims").iterdir()) == []


def test_a_second_daemon_ends_with_2_and_says_who_where_and_since_when(night: Night):
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    second = night.project.run("-r", "-u", env=night.env)
    assert second.returncode == 2
    (launch,) = [event for event in night.project.history() if event["event"] == "launch"]
    since = moment(launch["launch"].removeprefix(f"{HOST}-{daemon.pid}-"))
    assert f"on {HOST}: pid {daemon.pid}, since {since} (mlpipeline -r)" in second.stderr
    assert "Traceback" not in second.stderr
    # Looking and testing need no lock.
    assert night.project.run("runs").returncode == 0
    status = json.loads(night.project.run("status", "--json").stdout)
    assert (status["daemon"]["pid"], status["daemon"]["is_alive"]) == (daemon.pid, True)
    night.gate.open()
    assert night.project.run(env=night.env).returncode == 0
    assert daemon.wait(timeout=30) == 0
    assert len(list((night.project.outputs / "runs").iterdir())) == 2


def test_a_second_daemon_is_told_who_holds_the_queue_though_that_is_still_describing(night: Night):
    held = night.outside / "imported"
    night.project.write_script("net.py", f"from _gate import wait_for\nwait_for({str(held)!r})\n" + night.source())
    daemon = night.project.start("-r", env=night.env)
    wait_until(Path(f"{held}.reached").exists)
    second = night.project.run("-r", env=night.env)
    assert (second.returncode, f"pid {daemon.pid}, since" in second.stderr) == (2, True)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=30) == 143


def test_the_heartbeat_of_a_dead_daemon_hinders_nobody(night: Night):
    night.gate.open()
    night.kill_daemon_at("before the plan")
    assert (night.project.outputs / f"heartbeat-{HOST}").exists()
    status = json.loads(night.project.run("status", "--json").stdout)
    assert status["daemon"]["is_alive"] is False
    assert night.project.run("-r", env=night.env).returncode == 0
    night.check_nothing_is_left()

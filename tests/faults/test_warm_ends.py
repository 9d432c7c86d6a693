"""How runs of warm workers end: stopped, with their daemon dead, leaving processes behind."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import STRAY_SOURCE, Gate, wait_until
from warm import IN_PARENT, Faults, script

from mlpipeline.executors.processes import ProcessId


@pytest.fixture
def warm(make_project: Callable[..., Any], tmp_path: Path) -> Faults:
    return Faults(make_project, tmp_path)


@pytest.mark.parametrize("stops", [1, 2])
def test_a_run_whose_parent_still_imports_is_stopped_at_once(warm: Faults, stops: int):
    warm.install("library", IN_PARENT + "time.sleep(600)")
    warm.write(warm.counting(before="import library"))
    daemon = warm.start()
    wait_until(lambda: "net:v1 starts" in warm.project.log, message=lambda: warm.project.log)
    began = time.monotonic()
    for _ in range(stops):
        daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=20) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 10
    (event,) = [
        event for event in warm.project.history() if event["event"] == "ended" and event["outcome"] != "succeeded"
    ]
    assert event["outcome"] == "stopped"
    assert len(warm.executions) == 1
    assert warm.project.processes() == []
    shutil.rmtree(warm.site / "library")
    warm.install("library")
    warm.run("-u")
    assert len(warm.executions) == 2


def test_a_running_warm_run_is_stopped_by_the_queue_as_a_fresh_one_is(warm: Faults):
    reached = warm.outside / "reached"
    body = f"""
    if number:
        open({str(reached)!r}, "w")
        while not run.should_stop:
            import time; time.sleep(0.01)
        print("told")
    """
    warm.write(script(body))
    daemon = warm.start()
    wait_until(reached.exists)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(timeout=30) == 128 + signal.SIGINT
    assert warm.how("v1") == "warm"
    assert (warm.attempt("v1") / "output.log").read_text() == "told\n"
    assert [event["outcome"] for event in warm.project.history() if event["event"] == "ended"] == [
        "succeeded",
        "stopped",
    ]
    assert warm.project.processes() == []


@pytest.mark.parametrize(
    ("end", "outcome", "told"),
    [
        ("os.kill(os.getpid(), 9)", "failed", "was killed by SIGKILL before it wrote its result"),
        ("os._exit(5)", "failed", "ended with exit status 5 before it wrote its result"),
        ("pass", "succeeded", None),
    ],
)
def test_a_parent_outlives_a_dead_daemon_to_write_down_how_its_last_child_ends(warm: Faults, end, outcome, told):
    gate = Gate(warm.outside / "gate")
    warm.write(script(f"if number: wait_for({str(gate)!r}); {end}", before="import os"))
    daemon = warm.start()
    gate.wait_reached()
    (parent,) = warm.parents()
    attempt = warm.attempt("v1")
    worker = ProcessId.from_json(warm.worker("v1"))
    daemon.kill()
    daemon.wait()
    assert parent.is_running()
    assert worker.is_alive()
    gate.open()
    wait_until(lambda: not warm.project.processes())
    assert json.loads((attempt / "exit.json").read_text()) == {
        "status": {"pass": 0}.get(end, -9 if "kill" in end else 5)
    }
    (seen,) = json.loads(warm.project.run("status", "--json").stdout)["runs"]
    assert (seen["outcome"], seen["error"]) == (outcome, told)
    (warm.project.models_dir / "net.py").write_text(script(before="import os", body="pass"))
    warm.project.write_queue([])
    warm.start().wait(timeout=30)
    event = [event for event in warm.project.history() if event["event"] == "ended"][1]
    assert (event["outcome"], event["failure"], event["error"]) == (seen["outcome"], seen["failure"], told)


def test_how_a_warm_run_ended_is_known_though_that_cannot_be_written_down(warm: Faults):
    body = """
    if number:
        (pathlib.Path(os.environ["MLP_RUN_DIR"]) / "1" / "exit.json").mkdir()  # as on a full disk
        os._exit(5)
    """
    warm.write(script(body, before="import os, pathlib"))
    assert warm.start().wait(timeout=30) == 1
    assert warm.how("v1") == "warm"
    event = [event for event in warm.project.history() if event["event"] == "ended"][1]
    told = "ended with exit status 5 before it wrote its result"
    assert (event["outcome"], event["failure"], event["error"]) == ("failed", "exit", told)


@pytest.mark.parametrize("arguments", [["-u"], ["-u", "-n"]])
def test_a_run_that_died_with_its_parent_and_its_daemon_is_resumed_by_the_next_launch(warm: Faults, arguments):
    gate = Gate(warm.outside / "gate")
    warm.write(warm.counting(f"if number: wait_for({str(gate)!r})"))
    warm.start()
    gate.wait_reached()
    assert warm.how("v1") == "warm"
    warm.project.kill_everything()
    gate.open()
    warm.run(*arguments)
    assert len(warm.executions) == 3
    assert "2 versions: 1 done, 1 to resume" in (warm.outside / "out").read_text()


@pytest.mark.parametrize("killed_daemon", [False, True])
def test_what_a_warm_run_leaves_behind_is_swept(warm: Faults, killed_daemon: bool):
    gate = Gate(warm.outside / "gate")
    body = f"""
if number == 0:
    return
{STRAY_SOURCE}
plain = subprocess.Popen(["sleep", "600"])
session = subprocess.Popen(["sleep", "600"], start_new_session=True)
bare = subprocess.Popen(["sleep", "600"], env={{}})
left = [plain.pid, session.pid, bare.pid, stray]
(model_dir / "left").write_text(" ".join(map(str, left)))
wait_for({str(gate)!r})
"""
    warm.write(script(body, before="import os, subprocess, time"))
    daemon = warm.start()
    gate.wait_reached()
    (path,) = warm.project.outputs.glob("model_ckpts/net-v1/left")
    left = [ProcessId.of(int(pid)) for pid in path.read_text().split()]
    assert all(process.is_alive() for process in left)
    if killed_daemon:
        daemon.kill()
        daemon.wait()
        warm.project.write_queue([])
        daemon = warm.start()
        wait_until(lambda: "watched again" in warm.project.log)
    gate.open()
    assert daemon.wait(timeout=30) == 0
    assert warm.how("v1") == "warm"
    assert [process.is_alive() for process in left] == [False] * 4
    assert warm.project.processes() == []

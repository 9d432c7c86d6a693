"""`mlpipeline status` and `mlpipeline runs`: true with a live daemon, without one, and after whatever died."""

from __future__ import annotations

import json
import os
import re
import shutil

import pytest
from record import model_dir
from schemas import complaints
from support import GATE_SOURCE, HOST, Gate, wait_until

SCRIPT = """
import time
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train(lr, *, run):
    if lr == 0:
        raise ValueError("as told")
    for step in run.steps(5):
        run.log_metrics({{"loss": 1.0}}, step=step)
        time.sleep(0.01)  # what a step takes
        if lr == 2 and step == 2:
            wait_for({gate!r})
    return {{"größe": lr, "best": None}}
versions = Versions()
versions.add_version("good 🎉", lr=1)
versions.add_version("bad", lr=0)
versions.add_version("held", lr=2)
versions.add_version("last", lr=3)
MODEL = FunctionModel(train, versions)
"""
KEYS = [
    *("run", "id", "model", "version", "state", "outcome", "failure", "error", "mark", "why", "host", "pid", "attempt"),
    *("started_at", "ended_at", "seconds", "parameters", "results", "model_dir", "run_dir", "gpus"),
    *("progress", "rate", "elapsed_s", "eta"),
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")


class Night:
    """A queue that stands at a gate in the third of its four versions."""

    def __init__(self, make_project, folder):
        self.gate = Gate(folder / "open")
        scripts = {"_gate.py": GATE_SOURCE, "net.py": SCRIPT.format(gate=str(self.gate))}
        self.project = make_project(folder, scripts)
        self.daemon = self.project.start("-r")
        self.gate.wait_reached()
        self.worker = self.project.wait_for("running", count=3)["pid"]

    def runs(self, *options, env=None):
        # UTF-8, whatever the locale is.
        done = self.project.run("runs", "--json", *options, env={"PYTHONIOENCODING": "latin-1", **(env or {})})
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def status(self, env=None):
        done = self.project.run("status", "--json", env=env)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    def screen(self, env=None):
        done = self.project.run("status", env=env)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture
def night(make_project, tmp_path):
    return Night(make_project, tmp_path)


def test_runs_for_programs_have_exactly_the_promised_keys(night):
    held, bad, good = night.runs()
    outputs = night.project.outputs

    assert [list(run) for run in (held, bad, good)] == [KEYS] * 3
    assert complaints("runs", [held, bad, good]) == []
    assert good == {
        "run": f"net-good 🎉-{good['id']}",
        "id": good["id"],
        "model": "net",
        "version": "good 🎉",
        "state": "ended",
        "outcome": "succeeded",
        "failure": None,
        "error": None,
        "mark": None,
        "why": None,
        "host": HOST,
        "pid": None,
        "attempt": 1,
        "started_at": good["started_at"],
        "ended_at": good["ended_at"],
        "seconds": good["seconds"],
        "parameters": {"lr": 1},
        "results": {"größe": 1, "best": None},
        "model_dir": str(model_dir(night.project, "net-good 🎉")),
        "run_dir": str(outputs / "runs" / good["run"]),
        "gpus": None,
        "progress": None,
        "rate": None,
        "elapsed_s": None,
        "eta": None,
    }
    assert TIME.fullmatch(good["started_at"])
    assert TIME.fullmatch(good["ended_at"])
    assert 0 < good["seconds"] < 60
    assert (bad["state"], bad["outcome"], bad["failure"]) == ("ended", "failed", "exception")
    assert bad["error"] == "ValueError: as told"
    assert bad["results"] == {}
    assert (held["state"], held["outcome"], held["pid"], held["ended_at"]) == ("running", None, night.worker, None)
    assert TIME.fullmatch(held["started_at"])
    assert [run["version"] for run in night.runs("-n", "2")] == ["held", "bad"]


def test_status_shows_what_runs_what_is_next_what_failed_and_where_the_daemon_is(night):
    # What is next is said a moment later, as runs may be shorter than that.
    wait_until(lambda: "next: net:last" in night.screen())
    screen = night.screen()
    assert f"daemon on {HOST}: pid {night.daemon.pid}, since 20" in screen
    running = next(line for line in screen.splitlines() if "net:held" in line)
    assert str(night.worker) in running
    assert "2 of 5" in running
    assert "today: 1 succeeded, 1 failed\n" in screen
    assert screen.index("failed:") < screen.index("net:held") < screen.index("next:")
    # One whole run of the script is all that is known of what is left.
    assert "\nall done " in screen
    assert "next: net:last" in screen
    heading, place, failed, *printed = screen.partition("failed:\n")[2].partition("\n\n")[0].splitlines()
    assert heading == "failed (exception): ValueError: as told"
    assert place == "  at net.py:7"
    assert failed.startswith("  net:bad (")
    assert printed[-2].endswith("│ ValueError: as told")
    assert printed[-1].endswith("/1/output.log")
    assert "net:good" not in screen

    status = night.status()
    assert complaints("status", status) == []
    assert status["host"] == HOST
    assert status["daemon"]["pid"] == night.daemon.pid
    assert status["daemon"]["is_alive"] is True
    assert status["daemon"]["next"] == ["net:last"]
    assert {run["version"]: run["state"] for run in status["runs"]} == {"held": "running", "bad": "ended"}
    assert status["runs"][0]["progress"] == {"done": 2, "of": 5, "unit": "steps"}
    assert status["runs"][0]["rate"] > 0
    assert TIME.fullmatch(status["runs"][0]["eta"])
    assert status["daemon"]["at_once"] == 1
    assert status["daemon"]["to_start"] == [{"model": "net", "start": "clean", "count": 1}]
    assert [len(cause["runs"]) for cause in status["causes"]] == [1]
    assert status["done_today"] == {"succeeded": 1, "failed": 1, "stopped": 0, "lost": 0}
    assert (status["left"], status["left_unknown"]) == (2, 0)
    least, most = status["ends_at"]
    assert least <= most

    elsewhere = night.screen(env={"MLP_HOST": "box2"})
    assert "2 of 5" in elsewhere
    assert "\nall done " in elsewhere


def test_without_a_daemon_it_says_what_a_launch_would_begin_with(night):
    night.gate.open()
    assert night.daemon.wait(30) == 1

    screen = night.screen()
    assert f"no daemon is running on {HOST}" in screen
    assert "next, when it is launched: net.py" in screen
    assert "net:bad" in screen
    assert "net:held" not in screen
    assert night.status()["daemon"] is None
    table = night.project.run("runs").stdout.splitlines()
    assert [line.split()[1] for line in table[2:]] == ["net:last", "net:held", "net:bad", "net:good"]


def test_after_a_killed_daemon_a_live_run_is_running_and_a_dead_one_is_not(night):
    night.daemon.kill()
    night.daemon.wait(10)
    held = night.runs("-n", "1")[0]
    assert (held["state"], held["pid"]) == ("running", night.worker)
    assert held["why"] == "its daemon is not running"
    assert f"no daemon is running on {HOST}; the last one (pid {night.daemon.pid}, since" in night.screen()
    assert night.status()["daemon"]["is_alive"] is False

    # The one that forked it goes first: it would write down how it ended.
    for process in night.project.processes():
        if process.pid != night.worker:
            process.kill()
    night.project.kill_everything()
    held = night.runs("-n", "1")[0]
    assert (held["state"], held["outcome"], held["pid"]) == ("ended", "lost", None)
    assert held["why"] == "not recorded yet; the next launch does that"
    assert "lost" in night.screen()
    assert [run["state"] for run in night.status()["runs"]] == ["ended", "ended"]


def test_what_was_stopped_while_no_daemon_was_there_is_to_be_resumed_at_once(night):
    night.daemon.kill()
    night.daemon.wait(10)
    stopping = night.project.start("stop", "net:held")
    wait_until(lambda: "told to stop" in night.screen(), timeout=15)
    os.kill(night.worker, 9)
    wait_until(lambda: "stopped, to be resumed: net:held\n" in night.screen(), timeout=15, message=night.screen)
    assert night.status()["stopped"] == ["net:held"]
    stopping.wait(30)


def test_a_run_that_ended_while_no_daemon_looked_is_shown_by_its_result(night):
    night.daemon.kill()
    night.daemon.wait(10)
    night.gate.open()
    wait_until(lambda: night.worker not in [process.pid for process in night.project.processes()])

    held = night.runs("-n", "1")[0]
    assert (held["state"], held["outcome"], held["results"]["größe"]) == ("ended", "succeeded", 2)


def test_from_another_host_it_says_when_the_run_was_last_heard_of(night):
    elsewhere = {"MLP_HOST": "box2"}
    held = night.runs("-n", "1", env=elsewhere)[0]
    assert (held["state"], held["host"]) == ("running", HOST)
    assert held["why"] == f"on {HOST}, last heard just now"

    night.daemon.kill()
    night.daemon.wait(10)
    os.kill(night.worker, 9)
    heartbeat = night.project.outputs / f"heartbeat-{HOST}"
    then = heartbeat.stat().st_mtime - 2400
    os.utime(heartbeat, (then, then))
    held = night.runs("-n", "1", env=elsewhere)[0]
    assert (held["state"], held["outcome"]) == ("running", None)  # only its own host can say more
    assert re.fullmatch(f"on {HOST}, last heard 40 min ago; .*release net:held", held["why"])
    screen = night.screen(env=elsewhere)
    assert "no daemon is running on box2" in screen
    assert re.search(rf"daemon on {HOST}: pid {night.daemon.pid}, last heard 40 min", screen)
    status = night.status(env=elsewhere)
    assert (status["daemon"], [daemon["host"] for daemon in status["other_daemons"]]) == (None, [HOST])
    assert status["other_daemons"][0]["is_alive"] is None


def test_what_cannot_be_read_of_a_history_is_skipped_with_a_warning(night):
    night.gate.open()
    assert night.daemon.wait(30) == 1
    path = night.project.outputs / f"history-{HOST}.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    index = next(index for index, line in enumerate(lines) if b'"event":"ended"' in line)
    odd = [b"\xff\x00 no JSON\n", b'["no event"]\n', b'{"event":"running","run":"never1","at":"x"}\n']
    path.write_bytes(b"".join([*lines[:index], lines[index], *odd, *lines[index + 1 :]]) + b'{"event":"sele')
    shutil.rmtree(night.project.cache)

    done = night.project.run("runs", "--json")

    assert done.returncode == 0
    assert [run["version"] for run in json.loads(done.stdout)] == ["last", "held", "bad", "good 🎉"]
    name = path.name
    assert done.stderr.splitlines() == [
        f"mlpipeline: {name}: line {index + 2} is torn or not an event; skipped",
        f"mlpipeline: {name}: line {index + 3} is torn or not an event; skipped",
        f"mlpipeline: {name}: line {len(lines) + 4} is torn or not an event; skipped",
        "mlpipeline: history: run never1 cannot be running before it was selected; skipped",
    ]
    shutil.rmtree(night.project.cache)
    again = night.project.run("-r", "-u")
    assert "4 versions: 3 done, 1 to resume" in again.stdout
    assert f"{name}: line {index + 2} is torn" in night.project.log


def test_a_project_without_history_has_no_runs(make_project, tmp_path):
    project = make_project(tmp_path, {"a.py": "MODEL = None\n"})

    assert project.run("runs").stdout == "no runs yet\n"
    assert json.loads(project.run("runs", "--json").stdout) == []
    status = json.loads(project.run("status", "--json").stdout)
    assert (status["daemon"], status["runs"]) == (None, [])
    assert "next, when it is launched: a.py" in project.run("status").stdout
    assert not project.outputs.exists()


def test_without_a_daemon_what_the_next_launch_would_hold_is_held_here_and_elsewhere(make_project, tmp_path):
    script = """
from mlpipeline import FunctionModel, Versions
def train(n):
    raise ValueError("no")
versions = Versions()
for n in range(5):
    versions.add_version(f"v{n}", n=n)
MODEL = FunctionModel(train, versions)
"""
    project = make_project(tmp_path, {"net.py": script, "fine.py": script})
    project.write_queue(["net.py", {"script": "fine.py", "hold": True}])
    assert project.run("-r", "-u").returncode == 1
    here = project.run("status").stdout
    assert "  net:v3, net:v4: 3 versions in a row failed (exception) at net.py:4: ValueError: no. Held until" in here
    (project.outputs / f"heartbeat-{HOST}").unlink()
    for env in ({}, {"MLP_HOST": "box2"}):
        screen = project.run("status", env=env).stdout
        assert "  net.py: 3 versions in a row failed (exception) at net.py:4: ValueError: no. Held unless" in screen
        assert "  fine.py: held in models.toml" in screen
        assert "next, when it is launched: nothing: all that is listed is held\n" in screen
        held = json.loads(project.run("status", "--json", env=env).stdout)["held"]
        assert [one["what"] for one in held] == [["net.py"], ["fine.py"]]

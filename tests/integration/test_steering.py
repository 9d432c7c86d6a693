"""`mlpipeline stop`, `pause` and `resume`: with a daemon, with one on another host, and with none."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest
from support import HOST, Project, wait_until

SCRIPT = """
import pathlib, subprocess, time
from mlpipeline import FunctionModel, Versions
outside = pathlib.Path({outside!r})

def train(n, *, model_dir, run):
    if (outside / "with child").exists():
        subprocess.Popen(["sh", "-c", f"while true; do echo >> {{outside}}/ticks; sleep 0.02; done"])
    for step in run.steps(2):
        (model_dir / f"step-{{step}}").touch()
        (outside / f"reached-{{n}}").touch()
        while step == 1 and not (outside / "open").exists():
            if run.should_stop and not (outside / "deaf").exists():
                return {{"saved": step}}
            time.sleep(0.01)

versions = Versions()
for n in range(3):
    versions.add_version(f"v{{n}}", n=n)
MODEL = FunctionModel(train, versions)
"""


class Working:
    """A project whose runs go on until they are told to stop, or a gate is opened."""

    def __init__(self, make_project, folder, settings=""):
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.project: Project = make_project(
            folder, {"net.py": SCRIPT.format(outside=str(self.outside))}, settings=settings
        )

    def wait_running(self, *numbers):
        for n in numbers:
            wait_until((self.outside / f"reached-{n}").exists, message=lambda: self.project.log)
            wait_until(lambda n=n: self.state(f"net:v{n}") == "running")

    def state(self, key):
        runs = json.loads(self.project.run("runs", "--json").stdout)
        found = [run for run in runs if f"{run['model']}:{run['version']}" == key]
        return (found[0]["outcome"] or found[0]["state"]) if found else None

    def run_id(self, key):
        return next(
            event["run"]
            for event in reversed(self.project.history())
            if event["event"] == "selected" and f"{event['model']}:{event['version']}" == key
        )

    def stop(self, *names, **keywords):
        return self.project.run("stop", *names, **keywords)

    def open(self):
        (self.outside / "open").touch()

    @property
    def ends(self):
        return [event["outcome"] for event in self.project.history() if event["event"] == "ended"]


@pytest.fixture
def working(make_project, tmp_path):
    return Working(make_project, tmp_path)


def test_a_run_that_is_stopped_saves_and_leaves_and_the_queue_goes_on_and_the_next_launch_resumes_it(working):
    daemon = working.project.start("-r")
    working.wait_running(0)
    run = working.run_id("net:v0")
    stopped = working.stop("net:v0")
    assert stopped.returncode == 0
    assert stopped.stdout == f"{run} net:v0 stopped\n"
    working.wait_running(1)
    assert working.ends == ["stopped"]
    assert f"{run} net:v0 is to stop: mlpipeline stop net:v0\n" in working.project.log
    working.open()
    assert daemon.wait(timeout=30) == 1
    assert working.ends == ["stopped", "succeeded", "succeeded"]
    assert working.project.run("-r", "-u").returncode == 0
    assert working.ends == ["stopped", "succeeded", "succeeded", "succeeded"]
    assert "net:v0 starts, resuming" in working.project.log


def test_all_that_run_are_stopped(working):
    daemon = working.project.start("-r", "-j", "2")
    working.wait_running(0, 1)
    stopped = working.stop("--all")
    assert stopped.returncode == 0
    assert stopped.stdout.count(" stopped\n") == 2
    working.open()
    assert daemon.wait(timeout=30) == 1
    assert sorted(working.ends) == ["stopped", "stopped", "succeeded"]
    assert working.stop("--all").stdout == "nothing runs\n"


def test_a_run_is_meant_by_the_beginning_of_its_id_and_who_is_unclear_is_told(working):
    working.open()
    assert working.project.run("-r").returncode == 0
    run = working.run_id("net:v2")
    ended = working.stop(run[:4])
    assert (ended.returncode, ended.stdout) == (0, f"{run} net:v2 had ended already: succeeded\n")
    unknown = working.stop("net:v7")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith(
        'mlpipeline: there is no run "net:v7"; `mlpipeline runs` lists them. The nearest: '
    )
    for wrong, told in (
        ((), "name the runs that are to stop, or give --all"),
        (("--all", run), "leave one of them out"),
    ):
        refused = working.stop(*wrong)
        assert refused.returncode == 2
        assert told in refused.stderr
    both = working.project.run("retry", "--failed", run)
    assert both.returncode == 2
    assert "leave one of them out" in both.stderr


def test_an_empty_run_means_none(working):
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    for verb in ("stop", "pause", "resume", "retry"):
        for empty in ("", "  "):
            refused = working.project.run(verb, empty)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert "a RUN is empty" in refused.stderr
    working.open()
    assert daemon.wait(timeout=60) == 0
    assert working.ends == ["succeeded"]


def test_a_version_that_has_not_run_yet_is_said_to_wait(working):
    working.project.start("-r")
    working.wait_running(0)

    def told():
        refused = working.project.run("retry", "net:v1")
        assert (refused.returncode, refused.stdout) == (2, "")
        return refused.stderr

    wait_until(
        lambda: told() == f'mlpipeline: "net:v1" has not run yet: it is listed, and waits for its turn on {HOST}.\n'
    )


def test_a_run_whose_daemon_died_is_stopped_all_the_same(working):
    daemon = working.project.start("-r")
    working.wait_running(0)
    daemon.kill()
    daemon.wait()
    run = working.run_id("net:v0")
    stopped = working.stop("net:v0")
    assert (stopped.returncode, stopped.stdout) == (0, f"{run} net:v0 stopped\n")
    assert working.state("net:v0") == "stopped"
    wait_until(lambda: not working.project.processes())
    working.open()
    assert working.project.run("-r", "-u").returncode == 0
    assert working.ends == ["stopped", "succeeded", "succeeded", "succeeded"]


def test_without_a_daemon_a_run_that_does_not_stop_is_killed_after_the_grace(make_project, tmp_path):
    working = Working(make_project, tmp_path, settings="[worker]\nstop_grace = 0.5\n")
    (working.outside / "deaf").touch()
    daemon = working.project.start("-r")
    working.wait_running(0)
    daemon.kill()
    daemon.wait()
    stopped = working.stop("--all")
    assert stopped.stdout == f"{working.run_id('net:v0')} net:v0 killed: it had not stopped within 0.5 s\n"
    wait_until(lambda: not working.project.processes())
    assert working.state("net:v0") == "stopped"


def test_a_run_of_another_host_is_stopped_by_the_daemon_there(working):
    daemon = working.project.start("-r")
    working.wait_running(0)
    stopped = working.stop("net:v0", env={"MLP_HOST": "box2"})
    assert (stopped.returncode, stopped.stdout) == (0, f"{working.run_id('net:v0')} net:v0 stopped\n")
    assert [event["event"] for event in working.project.history("box2")] == ["request"]
    working.open()
    assert daemon.wait(timeout=30) == 1
    assert working.ends == ["stopped", "succeeded", "succeeded"]


def test_what_another_host_asked_of_a_dead_daemon_is_heeded_by_the_next_one(working):
    daemon = working.project.start("-r")
    working.wait_running(0)
    daemon.kill()
    daemon.wait()
    stopped = working.stop("net:v0", env={"MLP_HOST": "box2"})
    assert stopped.returncode == 1
    assert "is asked to stop, and no daemon of " in stopped.stdout
    assert "has answered yet" in stopped.stdout
    screen = working.project.run("status").stdout
    assert f"asked for, and not answered yet:\n  stop net:v0 on {HOST} (mlpipeline stop net:v0)\n" in screen
    daemon = working.project.start("-r", "-u")
    wait_until(lambda: working.ends == ["stopped"], message=lambda: working.project.log)
    working.open()
    assert daemon.wait(timeout=30) == 1
    answers = [event["said"] for event in working.project.history() if event["event"] == "answer"]
    assert answers == ["was told to stop, and is killed if it has not within 30 s"]


def counted(path) -> Callable[[], int]:
    return lambda: path.stat().st_size if path.exists() else 0


def stands_still(count: Callable[[], int]) -> bool:
    before = count()
    time.sleep(0.3)  # What goes on would have ticked many times; what stands still gives no sign.
    return count() == before


def shown(working: Working, key: str) -> tuple[str, str | None]:
    """What `status` says of a run: its state and its mark."""
    runs = json.loads(working.project.run("status", "--json").stdout)["runs"]
    return next((run["state"], run["mark"]) for run in runs if f"{run['model']}:{run['version']}" == key)


@pytest.mark.parametrize("first", [0, 1], ids=["fresh", "forked"])
def test_a_paused_run_stands_still_with_all_that_it_started_and_goes_on_when_it_is_resumed(working, first: int):
    (working.outside / "with child").touch()
    if first:
        working.open()
        assert working.project.run("-r", "--only", "net:v0").returncode == 0
        (working.outside / "open").unlink()
    key, ticks = f"net:v{first}", counted(working.outside / "ticks")
    daemon = working.project.start("-r", "--only", key)
    working.wait_running(first)
    run = working.run_id(key)
    for _ in range(2):
        paused = working.project.run("pause", key)
        expected = f"{run} {key} is paused; it keeps its memory and its place until `mlpipeline resume`\n"
        assert (paused.returncode, paused.stdout) == (0, expected)
    assert stands_still(ticks)
    assert shown(working, key) == ("running", "paused")
    assert [run, key, "paused"] in [line.split()[:3] for line in working.project.run("status").stdout.splitlines()]
    working.open()
    assert stands_still(ticks)
    resumed = working.project.run("resume", run)
    assert (resumed.returncode, resumed.stdout) == (0, f"{run} {key} goes on\n")
    assert daemon.wait(timeout=30) == 0
    assert working.ends[-1] == "succeeded"
    assert working.project.processes() == []


def test_all_that_run_are_paused_and_all_that_are_paused_go_on(working):
    daemon = working.project.start("-r", "-j", "2", "--only", "net:v0", "--only", "net:v1")
    working.wait_running(0, 1)
    assert working.project.run("pause", "net:v0").returncode == 0
    paused = working.project.run("pause", "--all")
    assert (paused.returncode, paused.stdout.count("\n")) == (0, 1)
    assert paused.stdout.startswith(f"{working.run_id('net:v1')} net:v1 is paused")
    assert working.project.run("pause", "--all").stdout == "nothing runs that is not paused\n"
    resumed = working.project.run("resume", "--all")
    assert (resumed.returncode, resumed.stdout.count(" goes on\n")) == (0, 2)
    assert working.project.run("resume", "--all").stdout == "nothing is paused\n"
    working.open()
    assert daemon.wait(timeout=30) == 0
    for verb in ("pause", "resume"):
        assert working.project.run(verb).returncode == working.project.run(verb, "--all", "net:v0").returncode == 2


def test_what_was_asked_of_a_run_that_went_on_elsewhere_since_is_asked_no_more(working):
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    assert working.stop("net:v0").returncode == 0
    daemon.wait(timeout=30)
    assert working.project.run("retry", "net:v0").returncode == 1
    assert "asked for, and not answered yet" in working.project.run("status").stdout
    working.open()
    assert working.project.run("-r", "-u", "--only", "net:v0", env={"MLP_HOST": "box2"}).returncode == 0
    assert "asked for" not in working.project.run("status").stdout


def test_a_run_that_takes_its_time_to_stop_is_said_to_be_told(working):
    (working.outside / "deaf").touch()
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    told = f"{working.run_id('net:v0')} net:v0 was told to stop, and is killed if it has not within 30 s\n"
    assert working.stop("net:v0").stdout == told
    working.open()
    daemon.wait(timeout=30)


def test_a_paused_run_that_is_told_to_stop_saves_first(working):
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    assert working.project.run("pause", "net:v0").returncode == 0
    assert working.stop("net:v0").returncode == 0
    assert daemon.wait(timeout=20) == 1
    assert working.ends == ["stopped"]
    (ended,) = [event for event in working.project.history() if event["event"] == "ended"]
    assert ended["results"] == {"saved": 1}


def test_a_run_stays_paused_while_its_daemon_is_gone_and_the_next_one_can_resume_it(working):
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    assert working.project.run("pause", "net:v0").returncode == 0
    daemon.kill()
    daemon.wait()
    working.open()
    unanswered = working.project.run("resume", "net:v0")
    assert unanswered.returncode == 1
    assert "is asked to resume, and no daemon of " in unanswered.stdout
    assert shown(working, "net:v0") == ("running", "paused")
    daemon = working.project.start("-r", "-u", "--only", "net:v0")
    assert daemon.wait(timeout=30) == 0
    assert working.ends == ["succeeded"]


def test_a_paused_run_whose_daemon_died_saves_before_it_is_stopped(working):
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    assert working.project.run("pause", "net:v0").returncode == 0
    daemon.kill()
    daemon.wait()
    stopped = working.stop("net:v0")
    assert stopped.stdout == f"{working.run_id('net:v0')} net:v0 stopped\n"


def test_only_what_is_paused_is_resumed(working):
    daemon = working.project.start("-r", "--only", "net:v0")
    working.wait_running(0)
    resumed = working.project.run("resume", "net:v0")
    assert (resumed.returncode, resumed.stdout) == (0, f"{working.run_id('net:v0')} net:v0 is not paused\n")
    working.open()
    assert daemon.wait(timeout=30) == 0
    ended = working.project.run("pause", "net:v0")
    assert ended.stdout == f"{working.run_id('net:v0')} net:v0 had ended already: succeeded\n"


def test_while_a_daemon_waits_for_its_runs_to_end_status_says_so_and_what_is_asked_then_waits(working):
    daemon = working.project.start("-r")
    working.wait_running(0)
    assert working.stop("net:v0").returncode == 0
    working.wait_running(1)
    (working.outside / "deaf").touch()
    daemon.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping: it starts nothing more" in working.project.run("status").stdout)
    run = working.run_id("net:v1")
    asked = working.project.run("retry", "net:v0")
    assert asked.returncode == 1
    assert asked.stdout.endswith("has answered yet; it is stopping: the next launch does\n")
    screen = working.project.run("status").stdout
    assert f"\n  {run}: told to stop\n" in screen
    assert "stopped, to be resumed: net:v0\n" in screen
    assert "asked for, and not answered yet:\n  retry net:v0 on testhost (mlpipeline retry net:v0)\n" in screen
    asked = working.project.run("retry", "net:v0", env={"MLP_HOST": "box2"})
    assert asked.stdout.endswith(f"it is stopping: the next launch on {HOST} does\n")
    working.open()
    daemon.wait(timeout=60)

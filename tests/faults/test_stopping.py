"""Ctrl-C or SIGTERM: once stops what runs, twice kills it; nothing more starts, and the next launch goes on."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from night import Night
from support import GATE_SOURCE, HOST, Gate, Project, wait_until


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    return Night(make_project, tmp_path)


def wait_stopping(night: Night) -> None:
    night.project.wait_for("stop")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_early_starts_nothing_more_and_the_next_launch_resumes(night: Night, number, status):
    night.project.write_script("other.py", night.source())
    night.project.write_queue(["net.py", "other.py"])
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    daemon.send_signal(number)
    wait_until(night.told.exists)
    night.gate.open()
    assert daemon.wait(timeout=30) == status
    assert [end["outcome"] for end in night.ends] == ["stopped"]
    assert [event["by"] for event in night.project.history() if event["event"] == "stop"] == [number.name]
    (attempt,) = night.project.outputs.glob("runs/*/1")
    assert json.loads((attempt / "progress.jsonl").read_text())["done"] == 1
    night.check_nothing_is_left()

    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert [end["outcome"] for end in night.ends] == ["stopped", "succeeded", "succeeded"]
    resumed = [event for event in night.project.history() if event["event"] == "selected"][1]
    assert resumed["start"] == "resume"
    spec = json.loads((night.project.outputs / "runs" / resumed["name"] / "spec.json").read_text())
    assert spec["steps_done"] == [1]


def test_a_run_that_finishes_anyway_within_the_grace_succeeded(night: Night):
    night.write_script(after="wait_for(NEVER)")
    night.gate.open()
    daemon = night.project.start("-r", env=night.env)
    wait_until(Path(f"{night.outside / 'never'}.reached").exists)
    daemon.send_signal(signal.SIGINT)
    wait_stopping(night)
    (night.outside / "never").touch()
    assert daemon.wait(timeout=30) == 130
    assert [end["outcome"] for end in night.ends] == ["succeeded"]


def test_a_run_that_does_not_heed_a_stop_is_killed_after_the_grace(make_project, tmp_path):
    night = Night(make_project, tmp_path, stop_grace=0.2)
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=30) == 143
    (end,) = night.ends
    assert (end["outcome"], end["failure"]) == ("stopped", None)
    assert "was killed before it had stopped by itself" in end["error"]
    night.check_nothing_is_left()


def test_a_second_signal_kills_at_once(make_project, tmp_path):
    night = Night(make_project, tmp_path, stop_grace=600)
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    daemon.send_signal(signal.SIGINT)
    wait_stopping(night)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(timeout=30) == 130
    assert [end["outcome"] for end in night.ends] == ["stopped"]
    assert "kills what still runs" in night.project.log
    night.check_nothing_is_left()


CHILDREN_SOURCE = """
    import multiprocessing, os, signal, subprocess, sys, time
    def stand():
        time.sleep(600)
    context = multiprocessing.get_context("fork")
    forked = context.Process(target=stand)
    forked.start()
    program = subprocess.Popen(["sleep", "600"])
    open(CHILDREN, "w").write(f"{forked.pid} {program.pid}")
"""


def test_the_worker_alone_is_told_to_stop_and_its_children_live_until_it_ends_them(night: Night):
    children = night.outside / "children"
    night.write_script(
        before=CHILDREN_SOURCE.replace("CHILDREN", repr(str(children))),
        after="""
    alive = [forked.is_alive(), program.poll() is None]
    forked.terminate()
    forked.join()
    program.terminate()
    open(CHILDREN, "w").write(f"{alive} {forked.exitcode} {program.wait()}")
""".replace("CHILDREN", repr(str(children))),
    )
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    processes = [psutil.Process(int(pid)) for pid in children.read_text().split()]
    daemon.send_signal(signal.SIGTERM)
    wait_until(night.told.exists)
    night.gate.open()
    assert daemon.wait(timeout=30) == 143
    # They had not got the signal; sent to them by the script, it ends them as it ends any process.
    assert children.read_text() == "[True, True] -15 -15"
    assert not any(process.is_running() for process in processes)
    assert [end["outcome"] for end in night.ends] == ["stopped"]


MODEL_SOURCE = """
import threading
from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import Versions
from _gate import wait_for

class Loader(DataLoader):
    def get_train_input(self, **kw): return None
    def get_train_sample_count(self): return 4

class Net(Model):
    def train_model(self, input_fn, steps):
        while not self.run.should_stop:
            wait_for({gate!r})
    def evaluate_model(self, input_fn, steps):
        raise RuntimeError("a stopped model is not evaluated")
    def on_stop(self, model_dir):
        with open({calls!r}, "a") as file:
            file.write(f"{{threading.current_thread() is threading.main_thread()}} {{model_dir}}\\n")

versions = Versions(learning_rate=1, dataloader=Loader(), batch_size=1, epoc_count=1)
versions.addV("v")
MODEL = Net(versions)
"""


def test_a_models_on_stop_is_called_once_in_the_main_thread_however_often_the_signal_comes(make_project, tmp_path):
    gate, calls = Gate(tmp_path / "gate"), tmp_path / "calls"
    scripts = {"_gate.py": GATE_SOURCE, "net.py": MODEL_SOURCE.format(gate=str(gate), calls=str(calls))}
    project = make_project(tmp_path, scripts)
    daemon = project.start("-r")
    gate.wait_reached()
    (running,) = wait_until(lambda: [event for event in project.history() if event["event"] == "running"])
    daemon.send_signal(signal.SIGTERM)
    wait_until(calls.exists)
    for _ in range(3):
        psutil.Process(running["pid"]).terminate()
    gate.open()
    assert daemon.wait(timeout=30) == 143
    assert calls.read_text() == f"True {project.outputs / 'model_ckpts' / 'net-v'}\n"
    assert [event["outcome"] for event in project.history() if event["event"] == "ended"] == ["stopped"]


COMMAND_SOURCE = """
from mlpipeline.authoring.command_model import CommandModel
from mlpipeline.authoring.versions import Versions
versions = Versions()
versions.add_version("v")
MODEL = CommandModel("python3 {program}", versions)
"""
PROGRAM_SOURCE = """
import pathlib, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
pathlib.Path("{folder}/ready").touch()
signal.sigwait({{signal.SIGTERM}})
pathlib.Path("{folder}/told").touch()
"""


def test_the_program_of_a_command_model_gets_sigterm_and_the_run_is_stopped(make_project, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM_SOURCE.format(folder=tmp_path))
    source = COMMAND_SOURCE.format(program=program)
    project = make_project(tmp_path, {"net.py": source})
    daemon = project.start("-r")
    wait_until((tmp_path / "ready").exists)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(timeout=30) == 130
    assert (tmp_path / "told").exists()
    assert [event["outcome"] for event in project.history() if event["event"] == "ended"] == ["stopped"]
    assert project.processes() == []


def test_a_stop_while_the_script_is_imported_trains_nothing(night: Night):
    imported = Gate(night.outside / "imported")
    # A worker imports it, not the daemon's question what it offers.
    wait = f"import os\nfrom _gate import wait_for\nif 'MLP_RUN_DIR' in os.environ: wait_for({str(imported)!r})\n"
    night.project.write_script("net.py", wait + night.source())
    night.gate.open()
    daemon = night.project.start("-r", env=night.env)
    imported.wait_reached()
    daemon.send_signal(signal.SIGINT)
    wait_stopping(night)
    imported.open()
    assert daemon.wait(timeout=30) == 130
    assert [(end["outcome"], end["prepared"]) for end in night.ends] == [("stopped", False)]
    assert night.executions == 0


def test_a_stop_while_scripts_are_described_ends_the_launch_and_leaves_nothing(night: Night):
    imported = Gate(night.outside / "imported")
    night.project.write_script("net.py", f"from _gate import wait_for\nwait_for({str(imported)!r})\n" + night.source())
    daemon = night.project.start("-r", env=night.env)
    imported.wait_reached()
    status = json.loads(night.project.run("status", "--json").stdout)
    assert (status["daemon"]["pid"], status["daemon"]["is_alive"]) == (daemon.pid, True)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(timeout=30) == 143
    assert night.executions == 0
    night.check_nothing_is_left()


@pytest.mark.parametrize("is_slow", [False, True], ids=["at once", "after the next one has planned"])
def test_a_daemon_killed_while_stopping_leaves_a_run_that_the_next_one_tells_again_and_then_resumes(
    night: Night, is_slow: bool
):
    daemon = night.start_killed_at("before a stop is passed on")
    night.gate.wait_reached()
    night.project.wait_for("running")
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(timeout=30) == -9
    (worker,) = night.project.processes()
    daemon = night.project.start("-r", "-u", env=night.env)
    wait_until(night.told.exists)
    if is_slow:
        wait_until(lambda: "1 version: 1 running" in night.project.log, message=lambda: night.project.log)
    night.gate.open()
    worker.wait(timeout=30)
    assert daemon.wait(timeout=30) == 0
    assert [end["outcome"] for end in night.ends] == ["stopped", "succeeded"]
    night.check_nothing_is_left()


CHATTY_SOURCE = """
import fcntl, os, pathlib, signal
from mlpipeline.helper import DataLoader, Model
from mlpipeline.utils import Versions

write = os.write

def write_and_be_told_to_stop(descriptor, data):
    if b"chatty" in data:
        os.kill(os.getpid(), signal.SIGTERM)
        [None for _ in range(10)]  # Python calls the handler between two rounds of it
    return write(descriptor, data)

class Loader(DataLoader):
    def get_train_input(self, **kw): return None
    def get_train_sample_count(self): return 4

class Net(Model):
    def train_model(self, input_fn, steps):
        os.write = write_and_be_told_to_stop
        self.run.log("chatty")
    def on_stop(self, model_dir):
        self.run.log("saves")
        with open({log!r}) as log:  # as all others of this host: it raises where one of them would wait
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (pathlib.Path(model_dir) / "saved").touch()

versions = Versions(learning_rate=1, dataloader=Loader(), batch_size=1, epoc_count=1)
versions.addV("v")
MODEL = Net(versions)
"""


def test_a_model_that_logs_when_it_is_told_to_stop_may_be_told_while_it_logs(make_project, tmp_path):
    log = tmp_path / "project" / "models" / "outputs" / f"log-{HOST}"
    project = make_project(tmp_path, {"net.py": CHATTY_SOURCE.format(log=str(log))})
    daemon = project.start("-r")
    assert daemon.wait(timeout=30) == 1, project.log
    assert (project.outputs / "model_ckpts" / "net-v" / "saved").exists(), project.log
    assert re.search(r" chatty\n.* saves\n", project.log)

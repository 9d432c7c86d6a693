"""The systemd unit, copied as the README says and run by a real user manager."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from needs import lacking
from readme import README, REPOSITORY
from support import Project, wait_until
from user_manager import UserManager

#: What the README has its reader type; lingering is the machine's affair.
_SETUP = re.compile(r"## Leave it to systemd\n.*?```sh\n(.*?)```", re.DOTALL)

SCRIPT = """
import time
from mlpipeline import FunctionModel, Versions

def train(*, model_dir, run):
    with (model_dir / "executions").open("a") as file:
        file.write("one\\n")
    while not run.should_stop:
        time.sleep(0.01)
    (model_dir / "saved").touch()

versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture
def project(make_project, tmp_path) -> Project:
    """What the README calls ~/my-project."""
    made = make_project(tmp_path, {"net.py": SCRIPT})
    home = tmp_path / "home"
    home.mkdir()
    (home / "my-project").symlink_to(made.root)
    return made


@pytest.fixture
def manager(project, tmp_path) -> Iterator[UserManager]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        made = UserManager(tmp_path / "home", project.environment({"PATH": path}))
    except OSError as error:
        lacking(f"user manager of systemd: {error}")
    try:
        if not made.is_ready():
            lacking(f"user manager of systemd: {made.output.read_text()}")
        yield made
    finally:
        made.close()


class Unit:
    """The unit of the project, set up as the README says."""

    def __init__(self, manager: UserManager, project: Project) -> None:
        self._manager = manager
        self._project = project
        (setup,) = _SETUP.findall(README.read_text())
        for line in setup.splitlines():
            if not line.startswith("loginctl"):
                manager.run(line, REPOSITORY)
        self._name = manager.run("echo mlpipeline@$(systemd-escape --path ~/my-project)").replace("\\", "\\\\")

    def __getitem__(self, name: str) -> str:
        """A property of it."""
        return self._manager.shown(self._name, name)

    @property
    def daemon(self) -> int:
        """The pid of its daemon; 0 while there is none."""
        return int(self["MainPID"])

    def control(self, verb: str) -> None:
        """Start or stop it."""
        self._manager.run(f"systemctl --user {verb} {self._name}")

    def wait_at_work(self, begun: int = 1) -> int:
        """Return the pid of the run's worker once it is at work, for the `begun`th time."""
        executions = self._project.outputs / "model_ckpts/net-v/executions"
        wait_until(lambda: executions.exists() and len(executions.read_text().splitlines()) == begun, message=self.told)
        wait_until(lambda: len(self.events("running")) == begun, message=self.told)
        return int(self.events("running")[-1]["pid"])

    def events(self, kind: str) -> list[dict]:
        """What the history says of one kind."""
        return [event for event in self._project.history() if event["event"] == kind]

    def told(self) -> str:
        """What there is to read where something is amiss."""
        return f"{self._project.log}{self._manager.output.read_text()}"


def test_a_killed_daemon_comes_back_to_its_runs_and_a_stopped_one_stops_them(manager, project):
    unit = Unit(manager, project)
    worker = unit.wait_at_work()
    first = unit.daemon
    assert psutil.Process(first).cwd() == str(project.root)

    os.kill(first, signal.SIGKILL)
    wait_until(lambda: unit.daemon not in (0, first), message=unit.told)
    wait_until(lambda: "watched again" in project.log, message=unit.told)
    assert psutil.Process(worker).is_running()
    assert (unit["NRestarts"], unit["ActiveState"]) == ("1", "active")

    unit.control("stop")
    assert [(event["outcome"], event["error"]) for event in unit.events("ended")] == [("stopped", None)]
    assert (project.outputs / "model_ckpts/net-v/saved").exists()
    assert (unit["ActiveState"], unit["Result"]) == ("inactive", "success")
    assert not psutil.pid_exists(worker)
    assert [event["pid"] for event in unit.events("running")] == [worker]

    unit.control("start")
    unit.wait_at_work(begun=2)
    assert "net:v starts, resuming" in project.log
    unit.control("stop")
    assert [event["outcome"] for event in unit.events("ended")] == ["stopped", "stopped"]


def test_systemd_knows_every_word_of_it(manager):
    assert manager.run("systemd-analyze --user verify examples/mlpipeline@.service 2>&1", REPOSITORY) == ""


def test_what_a_daemon_says_itself_is_final(manager, project):
    (project.root / "mlp.toml").write_text("models_dir = 7\n")
    unit = Unit(manager, project)
    wait_until(lambda: unit["ActiveState"] == "failed", message=unit.told)
    assert (unit["ExecMainStatus"], unit["NRestarts"]) == ("2", "0")

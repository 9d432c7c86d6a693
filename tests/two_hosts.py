"""A project on which two hosts worked, with a run of every kind; one of them still does.

| version          | what became of it                                                        |
|------------------|--------------------------------------------------------------------------|
| `digits:wide`    | succeeded, on box2                                                       |
| `slow:lost`      | lost, on box2: its daemon and its worker were killed                     |
| `slow:stopped`   | stopped, on box2, by `mlpipeline stop`                                   |
| `digits:deep`    | succeeded, on box1                                                       |
| `broken:a`, b, c | failed on box1, for one cause                                            |
| `broken:d`       | held on box1, for that                                                   |
| `crash:exit`     | failed on box1, for another cause                                        |
| `slow:running`   | running on box1, after 2 of its 5 steps, until the gate `running` opens  |
| `slow:next`      | waits for its turn on box1                                               |

The daemon of box1 is alive, that of box2 has ended.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import Gate, Project, Started, wait_until, write_project
from terminal import run_on_terminal

#: The command as it is installed.
COMMAND = Path(sys.executable).with_name("mlpipeline")

_DIGITS = """
from mlpipeline import FunctionModel, Versions

def train(layers, lr, *, model_dir, run):
    for step in run.steps(5):
        run.log_metrics({"loss": 1 / (step + layers)}, step=step)
    (model_dir / "weights").write_text(str(layers))
    return {"accuracy": 1 - lr / layers, "loss": lr}

versions = Versions(lr=0.1)
versions.add_version("wide", layers=1)
versions.add_version("deep", layers=4)
MODEL = FunctionModel(train, versions)
"""
_BROKEN = """
from mlpipeline import FunctionModel, Versions

def train(n):
    print(f"version {n} looks for its weights")
    return {"weights": {}[f"layer {n}"]}

versions = Versions()
for n, name in enumerate("abcd"):
    versions.add_version(name, n=n)
MODEL = FunctionModel(train, versions)
"""
_CRASH = """
import os
from mlpipeline import FunctionModel, Versions

def train():
    print("no licence for the solver", flush=True)
    os._exit(3)

versions = Versions()
versions.add_version("exit")
MODEL = FunctionModel(train, versions)
"""
#: Each version stands at a gate of its own name after two steps.
_SLOW = """
import pathlib, time
from mlpipeline import FunctionModel, Versions

def train(gate, *, run):
    path = pathlib.Path(gate)
    deadline = time.monotonic() + 3600
    for step in run.steps(5):
        run.log_metrics({{"loss": 1 / (1 + step)}}, step=step)
        if step == 2:
            path.with_name(path.name + ".reached").touch()
            while not (path.exists() or run.should_stop or time.monotonic() > deadline):
                time.sleep(0.02)
    return {{"loss": 0.2}}

versions = Versions()
for name in ("running", "next", "stopped", "lost"):
    versions.add_version(name, gate=f"{folder}/{{name}}")
MODEL = FunctionModel(train, versions)
"""
#: In the project's folder, where nothing is listed: nobody has run it yet.
_STAGES = """
from mlpipeline import stage

@stage(outputs=["measurements", "labels"])
def load(path="data of last year.csv", seed=0): ...

@stage
def total(measurements, labels, weight=0.5): ...
"""
_QUEUE = """
# What is to be trained, the quick ones first.
use_blacklist = false
whitelisted_models = [
    "digits.py",
    "broken.py",  # on purpose
    "crash.py",
    { script = "slow.py", versions = ["running", "next", "stopped", "lost"] },
]
"""


class TwoHosts:
    """The project, and the command as a person uses it there."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        #: What `slow:running` waits for.
        self.gate = Gate(folder / "running")
        #: The ids of the runs, by `model:version`.
        self.ids: dict[str, str] = {}
        #: The daemon of box1.
        self.daemon: Started

    def run(
        self,
        *arguments: str,
        host: str = "box1",
        columns: int = 160,
        tty: bool = False,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run the installed command to its end.

        Args:
            arguments: of the command.
            host: on which it is.
            columns: of its terminal.
            tty: whether it has one, for stdin, stdout and stderr; else they are pipes.
            env: further variables.
            timeout: how long it may take, in seconds.
        """
        environment = self.environment(host=host, env=env)
        if tty:
            command = [COMMAND, *arguments]
            folder = self.project.root
            return run_on_terminal(command, folder=folder, environment=environment, columns=columns, timeout=timeout)
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.project.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=timeout,
            check=False,
        )

    def environment(self, *, host: str = "box1", env: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a command: without COLUMNS, the width is the terminal's own."""
        environment = self.project.environment({"MLP_HOST": host, "TERM": "xterm"})
        del environment["COLUMNS"]
        return {**environment, **(env or {})}

    def json(self, *arguments: str, host: str = "box1") -> Any:
        """Return what a verb prints for programs."""
        done = self.run(*arguments, "--json", host=host)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


@contextmanager
def made_two_hosts(folder: Path) -> Iterator[TwoHosts]:
    """Make the project in `folder`; at the end all that runs in it is killed."""
    scripts = {"digits.py": _DIGITS, "broken.py": _BROKEN, "crash.py": _CRASH, "slow.py": _SLOW.format(folder=folder)}
    project = write_project(folder, scripts, _QUEUE)
    (project.root / "stages.py").write_text(_STAGES, "utf-8")
    try:
        found = TwoHosts(project, folder)
        _night_of_box2(project, folder)
        found.daemon = _night_of_box1(project, found.gate)
        for event in (*project.history("box1"), *project.history("box2")):
            if event["event"] == "selected":
                found.ids[f"{event['model']}:{event['version']}"] = event["run"]
        yield found
    finally:
        project.kill_everything()


def _night_of_box2(project: Project, folder: Path) -> None:
    box2 = {"MLP_HOST": "box2"}
    daemon = project.start("-r", "--only", "digits:wide", "--only", "slow:lost", env=box2)
    Gate(folder / "lost").wait_reached(60)
    worker = _pid_of_running(project, "box2")
    # The worker last, so that nobody is left who sees how it ends.
    daemon.kill()
    daemon.wait(60)
    for process in project.processes():
        if process.pid != worker:
            process.send_signal(signal.SIGKILL)
    project.kill_everything()
    daemon = project.start("-r", "--only", "slow:stopped", env=box2)
    Gate(folder / "stopped").wait_reached(60)
    _pid_of_running(project, "box2")
    stopped = project.run("stop", "slow:stopped", env=box2)
    assert stopped.returncode == 0, stopped
    assert daemon.wait(60) == 1, daemon.out


def _night_of_box1(project: Project, gate: Gate) -> Started:
    only = ("digits:deep", "broken", "crash", "slow:running", "slow:next")
    daemon = project.start(
        "-r", *(word for name in only for word in ("--only", name)), env={"MLP_HOST": "box1", "COLUMNS": "100"}
    )
    gate.wait_reached(60)
    _pid_of_running(project, "box1")
    # What is next is said a moment later, as runs may be shorter than that.
    wait_until(lambda: json.loads((project.outputs / "heartbeat-box1").read_bytes()).get("next") == ["slow:next"])
    return daemon


def _pid_of_running(project: Project, host: str) -> int:
    """Return the pid of the run that a host began last, once that is recorded."""

    def running() -> int | None:
        # What a launch found around it is told whenever that is known.
        last = [event for event in project.history(host) if "run" in event][-1]
        return last["pid"] if last["event"] == "running" else None

    pid = wait_until(running)
    assert pid is not None
    return pid

"""Projects whose runs are forked, and ways to see that they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
from support import GATE_SOURCE, Project, Started

#: At the top of a package: what follows happens in a warm parent only.
IN_PARENT = "import os, sys, time\nif 'fork' in sys.orig_argv:\n    "
#: Every run of a script that is wrapped in `script` and sets nothing else is warm but the first.
_SCRIPT = """
{before}

from mlpipeline.authoring.function_model import FunctionModel
from mlpipeline.authoring.versions import Versions
from _gate import wait_for

def train(number, *, model_dir, run):
{body}

versions = Versions(seed=7)
for number in range({count}):
    versions.add_version(f"v{{number}}", number=number)
MODEL = FunctionModel(train, versions)
"""


def script(body: str = "pass", *, before: str = "", count: int = 2) -> str:
    """Return a model script with versions `v0`, `v1`, …: `body` is what they do, `before` comes first in the file."""
    indented = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return _SCRIPT.format(before=textwrap.dedent(before).strip(), body=indented, count=count)


class WarmProject:
    """A project of one script, `net.py`, and a folder of installed packages that its workers find."""

    def __init__(self, make_project: Callable[..., Project], folder: Path) -> None:
        self._make = make_project
        self._folder = folder
        #: Packages are installed here; the folder's name is what makes them so.
        self.site = folder / "site-packages"
        self.site.mkdir()
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.project: Project

    def write(self, source: str, *, settings: str = "", is_warm: bool = True, **others: str) -> Project:
        """Write the project; `others` are more scripts, by name without `.py`."""
        scripts = {"_gate.py": GATE_SOURCE, "net.py": source, **{f"{name}.py": text for name, text in others.items()}}
        self.project = self._make(
            self._folder, scripts, settings=f"[worker]\nwarm = {str(is_warm).lower()}\n{settings}\n"
        )
        return self.project

    @property
    def models_dir(self) -> Path:
        """Where the scripts are, or will be."""
        return self._folder / "project" / "models"

    def install(self, name: str, source: str = "") -> None:
        """Install a package of one module."""
        path = self.site / name / "__init__.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source), "utf-8")

    @property
    def env(self) -> dict[str, str]:
        """The environment in which workers find what is installed."""
        return {"PYTHONPATH": os.pathsep.join(filter(None, [str(self.site), os.environ.get("PYTHONPATH")]))}

    def run(self, *arguments: str, change: str = "", env: Mapping[str, str] | None = None) -> None:
        """Launch `mlpipeline -r` to its end, with success, in a process that executed `change` first."""
        daemon = self.start(*arguments, change=change, env=env)
        assert daemon.wait(timeout=90) == 0, daemon.out + daemon.err + self.project.log

    def start(self, *arguments: str, change: str = "", env: Mapping[str, str] | None = None) -> Started:
        """Start `mlpipeline -r` in a process that executed the statements `change` first."""
        program = f"{textwrap.dedent(change)}\nfrom mlpipeline.cli.main import main\nmain()"
        return Started(
            [sys.executable, "-c", program, "-r", *arguments],
            out=self.outside / "out",
            err=self.outside / "err",
            cwd=self.project.root,
            env=self.project.environment({**self.env, **(env or {})}),
            stdin=subprocess.DEVNULL,
        )

    def attempt(self, version: str, model: str = "net") -> Path:
        """The folder of the last attempt of a version."""
        runs = sorted((self.project.outputs / "runs").glob(f"{model}-{version}-*"), key=lambda path: path.stat().st_ino)
        started = [event["run"] for event in self.project.history() if event["event"] == "selected"]
        return max(runs, key=lambda path: started.index(path.name.rpartition("-")[2])) / "1"

    def worker(self, version: str, model: str = "net") -> dict[str, Any]:
        """What `worker.json` says of the last attempt of a version."""
        told: dict[str, Any] = json.loads((self.attempt(version, model) / "worker.json").read_text())
        return told

    def how(self, version: str, model: str = "net") -> str:
        """How a version's last worker was started: `warm`, or `fresh: ` and why."""
        told = self.worker(version, model)["how"]
        return "warm" if told.startswith("warm: forked from ") else told

    def log_of(self, version: str, model: str = "net") -> list[str]:
        """The lines of the log about the last run of a version, without time and id."""
        run = self.attempt(version, model).parent.name.rpartition("-")[2]
        return [line.split(f" {run} ", 1)[1] for line in self.project.log.splitlines() if f" {run} " in line]

    def parents(self) -> list[psutil.Process]:
        """The warm parents that are there, without what they forked."""
        found = []
        for process in self.project.processes():
            try:
                if "fork" in process.cmdline() and "MLP_FORKS" in process.environ():
                    found.append(process)
            except psutil.Error:
                continue
        pids = {process.pid for process in found}
        return [process for process in found if process.ppid() not in pids]


class Faults(WarmProject):
    """A warm project whose runs count their executions in a file."""

    @property
    def executions(self) -> list[str]:
        """Which versions' user code really ran, in order."""
        path = self.outside / "executions"
        return path.read_text().split() if path.exists() else []

    def counting(self, body: str = "pass", **keywords: Any) -> str:
        """A script of which every run is counted."""
        counted = f"open({str(self.outside / 'executions')!r}, 'a').write(f'{{run.id}}\\n')\n{body}"
        return script(counted, **keywords)

    def check_all_ran_once(self, runs: int) -> None:
        """Check that so many runs succeeded, each executed once, and that no process is left."""
        ended = [event for event in self.project.history() if event["event"] == "ended"]
        assert [event["outcome"] for event in ended] == ["succeeded"] * runs
        assert sorted(self.executions) == sorted(event["run"] for event in ended)
        assert self.project.processes() == []

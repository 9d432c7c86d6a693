"""Runs that the kernel kills because memory ran out, in a cgroup with a real limit."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memory_cgroups import MemoryCgroup, memory_cgroup_of_own
from needs import lacking
from support import GATE_SOURCE, Project, Started, wait_until
from warm import script

LIMIT_BYTES = 150_000_000

#: Takes memory until the kernel puts an end to that.
EAT = """
def eat():
    eaten = []
    while True:
        eaten.append(b"x" * 4_000_000)
"""
#: `eater` eats once it is let; `other` waits for whatever comes.
SCRIPT = f"""
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
{EAT}
def train(gate, *, model_dir):
    wait_for(model_dir.parent / gate)
    if gate == "eater":
        eat()

versions = Versions()
for gate in ("eater", "other"):
    versions.add_version(gate, gate=gate)
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture
def cgroup() -> Iterator[MemoryCgroup]:
    with memory_cgroup_of_own(f"mlpipeline-oom-{os.getpid()}", LIMIT_BYTES) as made:
        if made is None:
            lacking("a memory cgroup, which needs root and the cgroup file system")
        yield made


class Short:
    """A project whose daemon has little memory."""

    def __init__(
        self,
        make_project: Callable[..., Project],
        folder: Path,
        cgroup: MemoryCgroup,
        settings: str = "",
        **scripts: str,
    ) -> None:
        self._folder = folder
        self._cgroup = cgroup
        sources = {f"{name}.py": source for name, source in scripts.items()}
        self.project = make_project(folder, {"_gate.py": GATE_SOURCE, **sources}, settings=settings)

    def start(self, *arguments: str, change: str = "") -> Started:
        """Start `mlpipeline -r arguments` in the cgroup, after the statements `change`."""
        program = f"{self._cgroup.entering}\n{change}\nfrom mlpipeline.cli.main import main\nmain()"
        return Started(
            [sys.executable, "-c", program, "-r", *arguments],
            out=self._folder / "out",
            err=self._folder / "err",
            cwd=self.project.root,
            env=self.project.environment(),
        )

    @property
    def ends(self) -> dict[str, tuple[str, str | None]]:
        """How runs ended: version -> outcome and failure."""
        versions = {event["run"]: event["version"] for event in self.project.history() if event["event"] == "selected"}
        ends = [event for event in self.project.history() if event["event"] == "ended"]
        return {versions[event["run"]]: (event["outcome"], event["failure"]) for event in ends}

    def gate(self, name: str) -> Path:
        """The gate of a version."""
        return self.project.outputs / "model_ckpts" / name

    def wait_at_gate(self, *names: str) -> None:
        """Return once the versions are at work, and the daemon knows."""
        for name in names:
            wait_until(Path(f"{self.gate(name)}.reached").exists, message=lambda: self.project.log)
            wait_until(lambda name=name: self.pid(name))

    def pid(self, version: str) -> int | None:
        """The pid of the worker of a version, once the daemon knows it."""
        events = self.project.history()
        runs = [event["run"] for event in events if event["event"] == "selected" and event["version"] == version]
        return next((e["pid"] for e in events if e["event"] == "running" and e["run"] in runs), None)


#: Takes the kernel's log away from a daemon, as most systems do.
NO_LOG = "import mlpipeline.executors.kernel_log as log; log._FIRST_NAMESPACE = None"


@pytest.mark.parametrize("change", ["", NO_LOG], ids=["named", "counted"])
def test_the_kernels_kill_is_out_of_memory_and_another_is_not(make_project, tmp_path, cgroup, change):
    short = Short(make_project, tmp_path, cgroup, net=SCRIPT)
    daemon = short.start("-j", "2", change=change)
    short.wait_at_gate("eater", "other")
    short.gate("eater").touch()
    wait_until(lambda: "eater" in short.ends, message=lambda: daemon.out + short.project.log)
    # It began before the kernel's kill, too, and ends in the same way.
    os.kill(short.pid("other"), signal.SIGKILL)
    assert daemon.wait(timeout=60) == 1, daemon.out + daemon.err
    assert short.ends == {"eater": ("failed", "out_of_memory"), "other": ("failed", "killed")}
    told = "the kernel killed it: its cgroup was out of memory (limit 150 MB). Have it use less, or raise the limit"
    assert f": {told} (see " in short.project.log


@pytest.mark.parametrize("change", ["", NO_LOG], ids=["named", "counted"])
def test_a_run_that_an_earlier_daemon_began_is_told_of_as_well(make_project, tmp_path, cgroup, change):
    short = Short(make_project, tmp_path, cgroup, net=SCRIPT)
    first = short.start("-j", "2")
    short.wait_at_gate("eater", "other")
    first.kill()
    first.wait(timeout=30)
    # The next one has memory enough, and those it adopts have not.
    program = f"{change}\nfrom mlpipeline.cli.main import main\nmain()"
    second = Started(
        [sys.executable, "-c", program, "-r", "-u", "--only", "net:eater"],
        out=tmp_path / "out",
        err=tmp_path / "err",
        cwd=short.project.root,
        env=short.project.environment(),
    )
    wait_until(lambda: short.project.log.count("watched again") == 2, message=lambda: second.out + second.err)
    short.gate("eater").touch()
    wait_until(lambda: "eater" in short.ends, message=lambda: second.out + short.project.log)
    os.kill(short.pid("other"), signal.SIGKILL)
    second.wait(timeout=60)
    assert short.ends == {"eater": ("failed", "out_of_memory"), "other": ("lost", None)}


def test_an_attempt_that_the_kernel_killed_may_be_worth_another(make_project, tmp_path, cgroup):
    body = f"{EAT}\nif (model_dir / 'tried').exists():\n    return\n(model_dir / 'tried').touch()\neat()"
    source = script(body, count=1).replace("Versions(seed=7)", "Versions(retries={'out_of_memory': 1})")
    short = Short(make_project, tmp_path, cgroup, settings="[queue]\nretry_delay = 0.1\n", net=source)
    daemon = short.start()
    assert daemon.wait(timeout=90) == 0, daemon.out + daemon.err
    assert short.ends == {"v0": ("succeeded", None)}
    assert "net:v0 failed (out_of_memory) after" in short.project.log


def test_a_forked_worker_is_told_of_as_well(make_project, tmp_path, cgroup):
    body = f"{EAT}\nif number == 1:\n    eat()"
    short = Short(make_project, tmp_path, cgroup, net=script(body))
    daemon = short.start()
    assert daemon.wait(timeout=90) == 1, daemon.out + daemon.err
    assert short.ends == {"v0": ("succeeded", None), "v1": ("failed", "out_of_memory")}
    (worker,) = short.project.outputs.glob("runs/net-v1-*/1/worker.json")
    assert json.loads(worker.read_text())["how"].startswith("warm")


LOADER = f"""
from concurrent.futures import ProcessPoolExecutor
from mlpipeline import FunctionModel, Versions
{EAT}
def train():
    with ProcessPoolExecutor(1) as pool:
        pool.submit(eat).result()

versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""


def command(line: str, code: str, **keywords: bool) -> str:
    """A script whose program is Python that executes `code`."""
    arguments = "".join(f", {name}={value}" for name, value in keywords.items())
    return f"""
import sys
from mlpipeline import CommandModel, Versions
versions = Versions()
versions.add_version("v", code={code!r})
MODEL = CommandModel(f{line!r}, versions{arguments})
"""


@pytest.mark.parametrize("change", ["", NO_LOG], ids=["named", "counted"])
def test_a_process_of_a_run_may_be_the_one_that_is_killed(make_project, tmp_path, cgroup, change):
    scripts = {
        "loader": LOADER,
        "command": command("{sys.executable} -c {{code}}", f"{EAT}\neat()"),
        "shell": command("{sys.executable} -c {{code}}; exit $?", f"{EAT}\neat()", shell=True),
        "hand": command("{sys.executable} -c {{code}}", "import os; os.kill(os.getpid(), 9)"),
    }
    short = Short(make_project, tmp_path, cgroup, **scripts)
    daemon = short.start(change=change)
    assert daemon.wait(timeout=120) == 1, daemon.out + daemon.err
    runs = {run["model"]: run for run in json.loads(short.project.run("runs", "--json").stdout)}
    assert {model: run["failure"] for model, run in runs.items()} == {
        "loader": "out_of_memory",
        "command": "out_of_memory",
        "shell": "out_of_memory",
        "hand": "killed",
    }
    how = "; the kernel killed that process: its cgroup was out of memory (limit 150 MB)"
    assert f"the command was killed by SIGKILL{how}" in runs["command"]["error"]
    assert f"the command ended with exit status 137{how}" in runs["shell"]["error"]
    assert how in runs["loader"]["error"]

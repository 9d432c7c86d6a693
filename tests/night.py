"""A project for a night in which things die, and what must be true in the morning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from support import GATE_SOURCE, HOST, Gate, Project, Started

from mlpipeline.history.ledger import Ledger
from mlpipeline.project.paths import Outputs

KILL_AT = Path(__file__).with_name("kill_at.py")

#: On the path of a worker as `sitecustomize.py` it stands still before anything of mlpipeline is imported.
_HOLD_SOURCE = """
import sys
if "mlpipeline.worker" in sys.orig_argv and "run" in sys.orig_argv:
    {gate_source}
    wait_for({gate!r})
"""


class Night:
    """One version, `net:v`, that counts its executions in a file outside and then waits at a gate."""

    def __init__(self, make_project: Callable[..., Project], folder: Path, *, stop_grace: float = 20) -> None:
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.gate = Gate(self.outside / "gate")
        #: There once the run at the gate knows that it should stop.
        self.told = self.outside / "told"
        self.env = {"TMPDIR": str(self.temporary)}
        scripts = {"_gate.py": GATE_SOURCE, "net.py": self.source()}
        # Some nights have a disk that is smaller than what must be free on others.
        settings = f"[queue]\nmin_free_disk = 0\n[worker]\nstop_grace = {stop_grace}\n"
        self.project = make_project(folder, scripts, settings=settings)

    def source(self, before: str = "", after: str = "") -> str:
        """The model script; `before` and `after` are lines of its function around what waits at the gate."""
        return f"""
import pathlib, time
from mlpipeline.authoring.function_model import FunctionModel
from mlpipeline.authoring.versions import Versions
from _gate import wait_for

NEVER = {str(self.outside / "never")!r}

def hold(run):
    pathlib.Path({str(self.gate) + ".reached"!r}).touch()
    while not pathlib.Path({str(self.gate)!r}).exists():
        if run.should_stop:
            pathlib.Path({str(self.told)!r}).touch()
        time.sleep(0.01)

def train(*, model_dir, run):
    with open({str(self.outside / "executions")!r}, "a") as file:
        file.write(run.id + "\\n")
    {before.strip()}
    for step in run.steps(2):
        hold(run)
        (model_dir / "kept").touch()
    {after.strip()}
    return {{"value": 1}}

versions = Versions()
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""

    @property
    def ends(self) -> list[dict[str, Any]]:
        """The events that say how runs ended, oldest first."""
        return [event for event in self.project.history() if event["event"] == "ended"]

    @property
    def executions(self) -> int:
        """How often user code really ran."""
        path = self.outside / "executions"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def claim_of(self, model_dir: str) -> dict[str, Any]:
        """What the claim of a model dir says."""
        claim: dict[str, Any] = json.loads((self.project.outputs / "claims" / f"{model_dir}.json").read_text())
        return claim

    def write_script(self, *, before: str = "", after: str = "") -> None:
        """Put another script in place, see `source`."""
        self.project.write_script("net.py", self.source(before, after))

    def kill_daemon_at(self, moment: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Launch, and return when the daemon was killed at `moment` of `kill_at.MOMENTS`."""
        daemon = self.start_killed_at(moment, *arguments, env=env)
        assert daemon.wait(timeout=60) == -9, daemon.out + daemon.err

    def start_killed_at(self, moment: str, *arguments: str, env: Mapping[str, str] | None = None) -> Started:
        """Launch a daemon that will be killed at `moment` of `kill_at.MOMENTS`."""
        return self._start([str(KILL_AT), moment, "-r", *arguments], env)

    def start_changed(self, change: str, *arguments: str, env: Mapping[str, str] | None = None) -> Started:
        """Start `mlpipeline arguments` in a process that executed the statements `change` first."""
        program = f"{change}\nfrom mlpipeline.cli.main import main\nmain()"
        return self._start(["-c", program, *arguments], env)

    def check_all_is_settled(self, *, runs: int) -> None:
        """Check that the version has `runs` runs, all succeeded, and that nothing is left over."""
        outputs = Outputs(path=self.project.outputs, host=HOST)
        warnings: list[str] = []
        found = list(Ledger.read(outputs, os.environ, warn=warnings.append))
        assert warnings == []
        assert [run.outcome for run in found] == ["succeeded"] * runs
        assert [self.project.results.count(f"run        {run.id} on") for run in found] == [1] * runs
        self.check_nothing_is_left()

    def check_nothing_is_left(self) -> None:
        """Check that the daemon took its leave, and that there is no claim, process or temporary file."""
        outputs = Outputs(path=self.project.outputs, host=HOST)
        assert list(outputs.claims.rglob("*.json")) == []
        assert "ended_at" in json.loads(outputs.heartbeat.read_bytes())
        assert self.project.processes() == []
        assert list(self.temporary.iterdir()) == []

    def _start(self, arguments: list[str], env: Mapping[str, str] | None) -> Started:
        return Started(
            [sys.executable, *arguments],
            out=self.outside / "out",
            err=self.outside / "err",
            cwd=self.project.root,
            env=self.project.environment({**self.env, **(env or {})}),
            stdin=subprocess.DEVNULL,
        )


def hold_workers(folder: Path, gate: Gate) -> dict[str, str]:
    """Return an environment in which workers stand at `gate` before their first own instruction."""
    path = folder / "hold"
    path.mkdir()
    gate_source = GATE_SOURCE.strip().replace("\n", "\n    ")
    (path / "sitecustomize.py").write_text(_HOLD_SOURCE.format(gate_source=gate_source, gate=str(gate)))
    return {"PYTHONPATH": str(path)}

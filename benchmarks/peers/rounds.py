"""One round of one tool: a fresh folder, its commands on the path, and the work it is given."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.projects import body, plain_script
from benchmarks.workbench import Workbench, called, wait_until

_SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True, kw_only=True)
class Round:
    """Where a tool works once."""

    bench: Workbench
    #: Fresh for this round.
    root: Path
    #: The folder of the tool's commands.
    commands: Path
    #: The learning rates of its experiments.
    rates: Sequence[str]
    #: What the tool needs in its environment.
    settings: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where the user works."""
        return self.root / "work"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of all that is called here: what a tool keeps for itself does not outlive the round."""
        inherited = {name: value for name, value in self.bench.environment.items() if name != "PYTHONPATH"}
        own = {
            # A tool without a Python of its own uses ours.
            "PATH": os.pathsep.join([str(self.commands), str(Path(sys.executable).parent), inherited.get("PATH", "")]),
            "HOME": str(self.root),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "TMPDIR": str(self.root / "tmp"),
            "TS_SOCKET": str(self.root / "tsp"),
            "DVC_SITE_CACHE_DIR": str(self.root / "dvc"),
            "DVC_NO_ANALYTICS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        return {**inherited, **own, **self.settings}

    def write_scripts(self, special: str | None = None) -> None:
        """Put the work there: the plain `train.py`, or the one made for a tool."""
        self.folder.mkdir(parents=True)
        (self.root / "tmp").mkdir()
        (self.folder / "trivial.py").write_text(body("trivial"), "utf-8")
        if special is None:
            (self.folder / "train.py").write_text(plain_script("trivial"), "utf-8")
        else:
            shutil.copyfile(_SCRIPTS / special, self.folder / "train.py")

    def call(self, *command: str) -> str:
        """Run a command to its end and return what it printed.

        Raises:
            BenchmarkError: it failed.
        """
        return called(command, self.folder, self.environment)[0]

    def loop(self, command: str) -> None:
        """Run a shell command once for each rate, as `$rate`."""
        self.call("sh", "-c", f'set -e; for rate in "$@"; do {command}; done', "sh", *self.rates)

    def wait_results(self, patience_s: float = 60.0) -> None:
        """Return once there is a result of every experiment below the root."""
        results = f"result of each of the {len(self.rates)} experiments"
        wait_until(lambda: len(set(self.root.rglob("result.json"))) >= len(self.rates), results, patience_s)

"""Every file name of a project, in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SETTINGS_NAME = "mlp.toml"
QUEUE_NAME = "models.toml"
TEST_QUEUE_NAME = "models_test.toml"
OUTPUTS_NAME = "outputs"


@dataclass(frozen=True, kw_only=True)
class AttemptDir:
    """One process of a run, which alone writes here, but for `exit.json` and the `worker.json` of a revoked attempt."""

    path: Path

    @cached_property
    def worker(self) -> Path:
        """Who carries the attempt out; created exclusively, before any user code."""
        return self.path / "worker.json"

    @cached_property
    def output(self) -> Path:
        """What the process and its children wrote to stdout and stderr."""
        return self.path / "output.log"

    @cached_property
    def progress(self) -> Path:
        """How far each `run.steps` loop came: one line of fixed width per loop."""
        return self.path / "progress.jsonl"

    @cached_property
    def epochs(self) -> Path:
        """How many epochs a `MetricContainer` saw end, in a line as of `progress`; there once the first has."""
        return self.path / "epochs.jsonl"

    @cached_property
    def stages(self) -> Path:
        """How many stages of a pipeline are done, in a line as of `progress`; there once they are known."""
        return self.path / "stages.jsonl"

    @cached_property
    def command_metrics(self) -> Path:
        """`MLP_METRICS`: what the program of a `CommandModel` reports."""
        return self.path / "command-metrics.jsonl"

    @cached_property
    def imports(self) -> Path:
        """What the process had imported in the end, for the next one to have it from the start."""
        return self.path / "imports.json"

    @cached_property
    def exit(self) -> Path:
        """The exit status of a forked process, written by the one that forked it."""
        return self.path / "exit.json"

    @cached_property
    def result(self) -> Path:
        """How it ended; written last, and whole."""
        return self.path / "result.json"


@dataclass(frozen=True, kw_only=True)
class RunDir:
    """One run's record: its attempts are numbered folders in it."""

    path: Path

    @cached_property
    def spec(self) -> Path:
        """What is to be carried out; written by the daemon."""
        return self.path / "spec.json"

    @cached_property
    def metrics(self) -> Path:
        """Every metric logged, one JSON line each, over all attempts."""
        return self.path / "metrics.jsonl"

    def attempt(self, number: int) -> AttemptDir:
        """The folder of attempt `number`, counted from 1."""
        return AttemptDir(path=self.path / str(number))


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The outputs folder as one host sees it: host-named files are that host's own."""

    path: Path
    host: str

    @cached_property
    def log(self) -> Path:
        """Everything that happened on this host, one line each."""
        return self.path / f"log-{self.host}"

    @cached_property
    def results(self) -> Path:
        """A block of results for every finished run, for people."""
        return self.path / f"output-{self.host}"

    @cached_property
    def history(self) -> Path:
        """This host's journal: the truth about what ran."""
        return self.path / f"history-{self.host}.jsonl"

    def histories(self) -> Iterator[Path]:
        """The journals of all hosts, in name order.

        Raises:
            OSError: the folder cannot be read.
        """
        try:
            names = os.listdir(self.path)  # not by glob: this is asked many times for every run
        except FileNotFoundError:
            return
        for name in sorted(names):
            if name.startswith("history-") and name.endswith(".jsonl"):
                yield self.path / name

    def hosts(self) -> list[str]:
        """This host, and all others that have a journal, in name order."""
        with suppress(OSError):
            return sorted({self.host, *(path.stem.removeprefix("history-") for path in self.histories())})
        return [self.host]

    @cached_property
    def heartbeat(self) -> Path:
        """What this host's daemon is doing; touched every 30 s."""
        return self.path / f"heartbeat-{self.host}"

    def heartbeats(self) -> Iterator[Path]:
        """The heartbeats of all hosts, in name order."""
        yield from sorted(self.path.glob("heartbeat-*"))

    @cached_property
    def locks(self) -> Path:
        """Where lock files are, out of people's sight."""
        return self.path / ".locks"

    @cached_property
    def daemon_lock(self) -> Path:
        """Held by this host's one daemon."""
        return self.locks / f"daemon-{self.host}.lock"

    @cached_property
    def model_dirs(self) -> Path:
        """The model dirs of all versions, and what runs that started clean renamed there."""
        return self.path / "model_ckpts"

    def model_dir(self, model_dir_name: str) -> Path:
        """The model dir of a version, whose name is `<model>-<suffix>`."""
        return self.model_dirs / model_dir_name

    @cached_property
    def claims(self) -> Path:
        """Who holds which model dir, of all hosts."""
        return self.path / "claims"

    def claim(self, model_dir_name: str) -> Path:
        """Who holds that model dir."""
        return self.claims / f"{model_dir_name}.json"

    @cached_property
    def runs(self) -> Path:
        """The records of all runs."""
        return self.path / "runs"

    def run_dir(self, run_name: str) -> RunDir:
        """The record of the run named `<model>-<version>-<id>`."""
        return RunDir(path=self.runs / run_name)

    @cached_property
    def codes(self) -> Path:
        """Project code as it was when runs started."""
        return self.path / "code"

    def code(self, content_hash: str) -> Path:
        """A folder of project code as it was when a run started, stored once."""
        return self.codes / content_hash

    @cached_property
    def environments(self) -> Path:
        """What launches found around them."""
        return self.path / "environments"

    def environment(self, content_hash: str) -> Path:
        """A launch's packages, git state and environment variables, stored once."""
        return self.environments / f"{content_hash}.json"

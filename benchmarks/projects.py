"""Projects to measure, the shell loops beside them, and the daemon at work in them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.workbench import HOST, PATIENCE_S, BenchmarkError, Workbench, mlpipeline, wait_until

_SCRIPTS = Path(__file__).with_name("scripts")

#: What makes a training function a model script …
_MODEL_TAIL = """

from mlpipeline import FunctionModel, Versions


def run_version(learning_rate, *, model_dir):
    return train(learning_rate, model_dir)


versions = Versions()
for index in range({count}):
    versions.add_version(f"v{{index}}", learning_rate=(index + 1) / 100_000)

MODEL = FunctionModel(run_version, versions)
"""
#: … and what makes it the script that one would write without mlpipeline.
_PLAIN_TAIL = """

if __name__ == "__main__":
    import argparse
    import pathlib

    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--folder", type=pathlib.Path, default=".")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print(train(arguments.learning_rate, arguments.folder))
"""
_LOOP = """set -e
python=$1 out=$2; shift 2
for rate in "$@"; do "$python" train.py --learning-rate "$rate" --folder "$out/$rate"; done"""


def body(name: str) -> str:
    """Return the text of a training function: one of the files in `scripts`."""
    return (_SCRIPTS / f"{name}.py").read_text("utf-8")


def model_script(name: str, count: int) -> str:
    """Return a model script of `count` versions, `v0` and so on."""
    return body(name) + _MODEL_TAIL.format(count=count)


def plain_script(name: str) -> str:
    """Return the same as a script with arguments."""
    return body(name) + _PLAIN_TAIL


class Project:
    """A project below the workbench's folder."""

    def __init__(self, bench: Workbench, name: str, *, is_warm: bool = True, has_events: bool = True) -> None:
        """Make it, with its settings: whether runs are forked, and whether they leave TensorBoard events."""
        self.bench = bench
        self.root = bench.folder / name
        self.models_dir = self.root / "models"
        self.models_dir.mkdir(parents=True)
        (self.root / "mlp.toml").write_text(
            f'models_dir = "models"\n[worker]\nwarm = {str(is_warm).lower()}\n'
            f"[record]\ntensorboard = {str(has_events).lower()}\n",
            "utf-8",
        )

    @property
    def history(self) -> Path:
        """The journal of this host."""
        return self.models_dir / "outputs" / f"history-{HOST}.jsonl"

    def write_script(self, name: str, source: str) -> None:
        """Write a model script."""
        (self.models_dir / name).write_text(source, "utf-8")

    def save_queue(self, *entries: str | tuple[str, Sequence[str]]) -> None:
        """Save the queue: scripts, or a script and the names of its versions."""
        lines = ",\n".join(
            json.dumps(entry)
            if isinstance(entry, str)
            else f"{{ script = {json.dumps(entry[0])}, versions = {json.dumps(entry[1])} }}"
            for entry in entries
        )
        queue = self.root / "models.toml"
        aside = queue.with_suffix(".aside")
        aside.write_text(f"use_blacklist = false\nwhitelisted_models = [\n{lines}\n]\n", "utf-8")
        aside.replace(queue)

    def launch(self, *arguments: str) -> float:
        """Run `mlpipeline -r` to its end and return how long that took.

        Raises:
            BenchmarkError: it took for ever, or not all was well.
        """
        began = time.perf_counter()
        with self.daemon(*arguments) as daemon:
            status = daemon.process.wait(PATIENCE_S)
            took = time.perf_counter() - began
            if status != 0:
                raise BenchmarkError(f"mlpipeline -r ended with {status}: {daemon.last_words()}")
        return took

    @contextmanager
    def daemon(self, *arguments: str) -> Iterator[Daemon]:
        """Run `mlpipeline -r` meanwhile; it is stopped at the end, its runs with it."""
        output = self.root / "terminal"
        with output.open("ab") as file:
            process = subprocess.Popen(
                mlpipeline("-r", *arguments),
                cwd=self.root,
                env=self.bench.environment_in(self.root),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        daemon = Daemon(process, output)
        try:
            yield daemon
        finally:
            daemon.stop()

    def events(self, kind: str, offset: int = 0) -> list[dict[str, Any]]:
        """Return the events of one kind, in the order of their happening; `offset`, in bytes, is where to begin."""
        try:
            with self.history.open("rb") as file:
                file.seek(offset)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        mark = f'"event":"{kind}"'.encode()
        return [json.loads(line) for line in lines if mark in line and line.endswith(b"\n")]

    def wait_ended(self, count: int) -> None:
        """Return once `count` runs have ended, and all of them well.

        Raises:
            BenchmarkError: one did not end well, or not in time.
        """
        wait_until(lambda: len(self.events("ended")) >= count, f"end of {count} runs in {self.root}")
        self.check_succeeded(count)

    def check_succeeded(self, count: int) -> None:
        """Pass if `count` runs ended, all of them well.

        Raises:
            BenchmarkError: else.
        """
        outcomes = [event["outcome"] for event in self.events("ended")]
        if outcomes != ["succeeded"] * count:
            raise BenchmarkError(f"{outcomes.count('succeeded')} of {count} runs succeeded, {len(outcomes)} ended")


@dataclass(frozen=True)
class Daemon:
    """A daemon that runs."""

    process: subprocess.Popen[bytes]
    #: What it wrote.
    output: Path

    def stop(self) -> None:
        """End it as a user would, who then loses patience; its runs are killed with it."""
        for _ in range(2):
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self._wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """Return the end of what it wrote."""
        return " / ".join(self.output.read_text("utf-8", "replace").strip().splitlines()[-5:])

    def _wait(self, patience_s: float) -> None:
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return


class Loop:
    """A shell loop that calls a plain script."""

    def __init__(self, bench: Workbench, name: str, script: str) -> None:
        """Make it in a folder of its own, for the training function `script`."""
        self._bench = bench
        self._root = bench.folder / name
        self._root.mkdir(parents=True)
        (self._root / "train.py").write_text(plain_script(script), "utf-8")

    def seconds(self, count: int, number: int) -> float:
        """Return how long `count` calls took; `number` tells repetitions apart.

        Raises:
            BenchmarkError: not all left a result.
        """
        out = self._root / f"out{number}"
        rates = [f"{(index + 1) / 100_000:.5f}" for index in range(count)]
        took = self._bench.seconds(["sh", "-c", _LOOP, "sh", sys.executable, str(out), *rates], self._root)
        left = sum((out / rate / "result.json").exists() for rate in rates)
        if left != count:
            raise BenchmarkError(f"{left} of {count} calls left a result")
        return took


def moment(event: dict[str, Any]) -> float:
    """Return when an event happened, in seconds since the epoch."""
    return datetime.fromisoformat(event["at"]).timestamp()

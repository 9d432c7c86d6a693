"""Projects to try the command on, and ways to wait for what it does."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psutil

from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Start
from mlpipeline.executors.executor import Attempt
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import RunDir

HOST = "testhost"

#: Source for scripts under test: `wait_for(path)` holds the script until the gate at `path` is opened. Write it into
#: the project as `_gate.py`; scripts then say `from _gate import wait_for`.
GATE_SOURCE = """
def wait_for(path, timeout_s=60):
    import pathlib, time
    pathlib.Path(f"{path}.reached").touch()
    deadline = time.monotonic() + timeout_s
    while not pathlib.Path(path).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the gate {path} was not opened within {timeout_s} s")
        time.sleep(0.01)
"""

#: Statements of a script that imports os and time: they leave a process behind, in a session of its own and with no
#: parent of the run; `stray` is its pid.
STRAY_SOURCE = """
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, str(os.getpid()).encode())
        time.sleep(600)
    os._exit(0)
os.wait()
stray = int(os.read(read, 10))
"""

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 60, message: str | Callable[[], str] = "") -> T:
    """Return what `condition()` says as soon as that is true; fail with `message` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {message() if callable(message) else message or condition}")
        time.sleep(0.02)
    return answer


class Gate:
    """A file that a script waits for, which holds its process open while a test looks: see GATE_SOURCE.

    `str()` of a gate is its path, to be put into a script's source.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def open(self) -> None:
        """Let everybody through, for good."""
        self.path.touch()

    def is_reached(self) -> bool:
        """Whether a script came to the gate since it was made, or since `forget`."""
        return self._reached.exists()

    def wait_reached(self, timeout: float = 30) -> None:
        """Return once a script stands at the gate."""
        wait_until(self.is_reached, timeout, f"a script at the gate {self.path}")

    def forget(self) -> None:
        """Shut the gate, and forget who came to it."""
        self.path.unlink(missing_ok=True)
        self._reached.unlink(missing_ok=True)

    @property
    def _reached(self) -> Path:
        return Path(f"{self.path}.reached")


class Started(subprocess.Popen[bytes]):
    """A command that was started in a session of its own; its output goes to files."""

    def __init__(self, arguments: list[str], *, out: Path, err: Path, **popen: Any) -> None:
        self._out, self._err = out, err
        with out.open("wb") as stdout, err.open("wb") as stderr:
            super().__init__(arguments, stdout=stdout, stderr=stderr, start_new_session=True, **popen)

    @property
    def out(self) -> str:
        """What it wrote to stdout so far."""
        return _text(self._out)

    @property
    def err(self) -> str:
        """What it wrote to stderr so far."""
        return _text(self._err)


class Project:
    """A project in a temporary folder, the command run in it, and what it left."""

    def __init__(self, root: Path, captured: Path) -> None:
        self.root = root
        self._captured = captured
        self._commands: list[Started] = []

    @property
    def models_dir(self) -> Path:
        return self.root / "models"

    @property
    def outputs(self) -> Path:
        return self.models_dir / "outputs"

    @property
    def log(self) -> str:
        """The log of this host; empty before there is one."""
        return _text(self.outputs / f"log-{HOST}")

    @property
    def results(self) -> str:
        """The results file of this host; empty before there is one."""
        return _text(self.outputs / f"output-{HOST}")

    @property
    def cache(self) -> Path:
        """The user's cache folder, as the command sees it: it may be deleted at any time."""
        return self._captured / "cache"

    def history(self, host: str = HOST) -> list[dict[str, Any]]:
        """The events of a host's journal, oldest first; a line that is still being written is left out."""
        lines = _text(self.outputs / f"history-{host}.jsonl").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, kind: str, *, count: int = 1, host: str = HOST) -> dict[str, Any]:
        """Return the event of one kind that is the `count`th in a host's journal, as soon as it is there.

        Others may follow it at any time: the environment is described beside what runs.
        """

        def found() -> list[dict[str, Any]]:
            return [event for event in self.history(host) if event["event"] == kind][count - 1 :]

        return wait_until(found, message=f"{count} events of the kind {kind} on {host}")[0]

    def write_script(self, name: str, source: str) -> Path:
        """Write a script (or whatever lies in models_dir), without the indentation of the test around it."""
        path = self.models_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), "utf-8")
        return path

    def write_queue(self, queue: str | Iterable[str | Mapping[str, Any]], *, test: bool = False) -> None:
        """Put in place models.toml (models_test.toml): as text, or as the list of what is whitelisted."""
        path = self.root / ("models_test.toml" if test else "models.toml")
        text = textwrap.dedent(queue) if isinstance(queue, str) else _queue_text(queue)
        aside = path.with_suffix(".aside")
        aside.write_text(text, "utf-8")
        aside.replace(path)  # a daemon that reads it meanwhile sees the old file or the new one

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `mlpipeline arguments` to its end, with `input` (or nothing) on stdin.

        After `timeout` seconds it is killed with all it started, and the test fails with what it wrote.
        """
        command = self._start(arguments, env, subprocess.DEVNULL if input is None else subprocess.PIPE)
        try:
            command.communicate(None if input is None else input.encode(), timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise AssertionError(
                f"mlpipeline {' '.join(arguments)} took more than {timeout} s.\n{command.out}\n{command.err}"
            ) from None
        return subprocess.CompletedProcess(command.args, command.returncode, command.out, command.err)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> Started:
        """Start `mlpipeline arguments` and return at once; killed with all it started when the test ends."""
        return self._start(arguments, env, subprocess.DEVNULL)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of the command: the tests' own without MLP_*, this host's name, `env` on top."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLP_")}
        ours = {
            "MLP_HOST": HOST,
            "MLP_TEST_PROJECT": str(self.root),  # by which we find what was started here
            "NO_COLOR": "1",
            "COLUMNS": "160",
            "XDG_CACHE_HOME": str(self.cache),
        }
        return {**inherited, **ours, **(env or {})}

    def processes(self) -> list[psutil.Process]:
        """Every live process that was started here: commands, workers, and what those started."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def kill_everything(self) -> None:
        """Kill all of them, and whatever they start meanwhile; return once they are gone."""

        def none_left() -> bool:
            left = self.processes()
            for process in left:
                try:
                    process.send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    continue
            for command in self._commands:
                if command.pid in {process.pid for process in left}:
                    command.wait(timeout=10)  # ours to reap, before psutil does and keeps the exit status
            psutil.wait_procs(left, timeout=1)
            return not left

        wait_until(none_left, 30, "an end of all processes of the test")

    def _start(self, arguments: Iterable[str], env: Mapping[str, str] | None, stdin: int) -> Started:
        self._captured.mkdir(parents=True, exist_ok=True)
        command = Started(
            [sys.executable, "-m", "mlpipeline", *arguments],
            out=self._captured / f"{len(self._commands)}.out",
            err=self._captured / f"{len(self._commands)}.err",
            cwd=self.root,
            env=self.environment(env),
            stdin=stdin,
        )
        self._commands.append(command)
        return command

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return (
                process.environ().get("MLP_TEST_PROJECT") == str(self.root)
                # A script may have started something with an environment of its own.
                or Path(process.cwd()).is_relative_to(self.root)
            )
        except psutil.Error:
            return False


def write_project(
    folder: Path,
    scripts: Mapping[str, str],
    queue: str | Iterable[str | Mapping[str, Any]] | None = None,
    test_queue: str | Iterable[str | Mapping[str, Any]] | None = None,
    settings: str = "",
) -> Project:
    """Write a project into `folder`/project: mlp.toml, both queues and the scripts.

    Args:
        scripts: source by file name below models_dir; helpers are called `_*.py`.
        queue, test_queue: the file's text, or the list of what is whitelisted; by default every script in the
            order given.
        settings: what follows `models_dir = "models"` in mlp.toml.
    """
    project = Project(folder / "project", folder / "terminal")
    project.models_dir.mkdir(parents=True)
    (project.root / "mlp.toml").write_text(f'models_dir = "models"\n{textwrap.dedent(settings)}', "utf-8")
    for name, source in scripts.items():
        project.write_script(name, source)
    every = [name for name in scripts if re.fullmatch(r"(.*/)?[^_/][^/]*\.py", name)]
    project.write_queue(every if queue is None else queue)
    project.write_queue(every if test_queue is None else test_queue, test=True)
    return project


def write_attempt(folder: Path, script: Path, run: str) -> Attempt:
    """Return the first attempt of a run of version `v` of a script; its run dir in `folder` holds `spec.json` only."""
    project = str(script.parent)
    spec = Spec(
        run=run,
        name="net-v",
        model="net",
        version="v",
        mode=Mode.EXECUTION,
        host="box1",
        script=str(script),
        models_dir=project,
        project=project,
        model_dir=str(script.parent / "model"),
        start=Start.CLEAN,
        seed=0,
    )
    run_dir = RunDir(path=folder / "run")
    run_dir.path.mkdir()
    run_dir.spec.write_bytes(to_json(spec.to_json()))
    return Attempt.of(spec, run_dir)


def read_events(folder: Path) -> list[tuple[str, int, float]]:
    """The scalars in the TensorBoard event files of a folder: name, step and value, as they were written."""
    from tensorboardX.proto.event_pb2 import Event

    scalars = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, offset = path.read_bytes(), 0
        while offset < len(data):  # length, its checksum, the event, its checksum
            (length,) = struct.unpack_from("<Q", data, offset)
            event = Event.FromString(data[offset + 12 : offset + 12 + length])
            offset += 16 + length
            scalars += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    return scalars


def _queue_text(entries: Iterable[str | Mapping[str, Any]]) -> str:
    lines = [f"    {_toml(entry)},\n" for entry in entries]
    return f"use_blacklist = false\nwhitelisted_models = [\n{''.join(lines)}]\n"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # text and lists of text are written alike in both


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        return ""

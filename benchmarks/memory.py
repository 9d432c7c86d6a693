"""What many runs at once take of the memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.figures import Measured, Target
from benchmarks.projects import Project, body
from benchmarks.workbench import BenchmarkError, Workbench, wait_until

MEMORY = Target(
    name="memory",
    what="8 such torch runs at once (`-j 8`): memory (PSS), with daemon and warm parent",
    unit="MB",
    baseline="eight plain processes",
    limit=0.6,
    needs=("torch",),
)

#: After its training a run says that it is done, and stays until it is let go.
_HOLD = """


def hold(folder, gate):
    import pathlib
    import time

    (folder / "done").touch()
    deadline = time.monotonic() + 600
    while gate and not pathlib.Path(gate).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
"""
_MODEL_TAIL = """

from mlpipeline import FunctionModel, Versions


def run_version(learning_rate, gate, *, model_dir):
    train(learning_rate, model_dir)
    hold(model_dir, gate)


versions = Versions()
versions.add_version("first", learning_rate=0.01, gate="")
for index in range({count}):
    versions.add_version(f"v{{index}}", learning_rate=0.01, gate={gate!r})

MODEL = FunctionModel(run_version, versions)
"""
_PLAIN_TAIL = """

if __name__ == "__main__":
    import pathlib
    import sys

    folder = pathlib.Path(sys.argv[1])
    train(0.01, folder)
    hold(folder, sys.argv[2])
"""


def memory(bench: Workbench) -> dict[Target, Measured]:
    """Measure the memory of runs held open after their training, and of plain processes likewise."""
    count = bench.size(8, 2)
    pairs = bench.pairs(
        bench.size(3, 1),
        lambda number: _runs_mb(bench, number, count),
        lambda number: _processes_mb(bench, number, count),
    )
    parts = [ours for ours, _ in pairs]
    beside = (
        f"{count} runs; of ours, daemon {parts[0][1]:.0f} MB and warm parents {parts[0][2]:.0f} MB; {parts[0][3]} of "
        f"{count} were forked"
    )
    return {
        MEMORY: Measured(figures=[part[0] for part in parts], baselines=[theirs for _, theirs in pairs], beside=beside)
    }


def _runs_mb(bench: Workbench, number: int, count: int) -> tuple[float, float, float, int]:
    """Return the PSS of all, of the daemon and of the warm parents in it, and how many workers were forked."""
    project = Project(bench, f"memory-{number}")
    gate = project.root / "gate"
    project.write_script("model.py", body("steps") + _HOLD + _MODEL_TAIL.format(count=count, gate=str(gate)))
    # A first run shows what is imported; then all others start at once.
    project.save_queue(("model.py", ["first"]))
    with project.daemon("--watch", "-j", str(count)) as daemon:
        project.wait_ended(1)
        names = [f"v{index}" for index in range(count)]
        project.save_queue(("model.py", ["first", *names]))
        model_dirs = project.models_dir / "outputs" / "model_ckpts"
        _wait_done(model_dirs / f"model-{name}" for name in names)
        wait_until(lambda: len(project.events("running")) > count, f"record of {count} runs that run")
        pids = {event["pid"] for event in project.events("running")}
        top = psutil.Process(daemon.process.pid)
        below = top.children(recursive=True)
        workers = [process for process in below if process.pid in pids]
        if len(workers) != count:
            raise BenchmarkError(f"{len(workers)} of {count} workers are below the daemon")
        forked = sum(process.ppid() != top.pid for process in workers)
        daemon_mb = _mb([top])
        others_mb = _mb(process for process in below if process not in workers)
        total_mb = daemon_mb + others_mb + _mb(workers)
        gate.touch()
        project.wait_ended(1 + count)
    return total_mb, daemon_mb, others_mb, forked


def _processes_mb(bench: Workbench, number: int, count: int) -> float:
    root = bench.folder / f"memory-plain-{number}"
    folders = [root / str(index) for index in range(count)]
    script, gate = root / "train.py", root / "gate"
    for folder in folders:
        folder.mkdir(parents=True)
    script.write_text(body("steps") + _HOLD + _PLAIN_TAIL, "utf-8")
    with ExitStack() as stack:
        stack.callback(gate.touch)
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(script), str(folder), str(gate)], cwd=root, env=bench.environment_in(root)
                )
            )
            for folder in folders
        ]
        _wait_done(folders)
        total_mb = _mb(psutil.Process(process.pid) for process in processes)
        gate.touch()
    return total_mb


def _wait_done(folders: Iterable[Path]) -> None:
    for folder in folders:
        wait_until((folder / "done").exists, f"run held open in {folder}")


def _mb(processes: Iterable[psutil.Process]) -> float:
    # PSS: of what several processes share, each counts its part.
    return sum(process.memory_full_info().pss for process in processes) / 1e6

"""A daemon that stays (`--watch`): what it costs while it waits, and how soon it takes up new work."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.figures import Measured, Target
from benchmarks.projects import Project, model_script, moment
from benchmarks.workbench import Workbench, wait_until

IDLE_CPU = Target(name="idle-cpu", what="daemon idle in `--watch` for 60 s: CPU", unit="s", baseline=None, limit=0.05)
IDLE_MEMORY = Target(name="idle-memory", what="the same: memory (RSS)", unit="MB", baseline=None, limit=60)
SAVING = Target(
    name="saving",
    what="from saving `models.toml` to the first line that the run prints, daemon idle in `--watch`",
    unit="ms",
    baseline=None,
    limit=150,
)
SAVING_FRESH = Target(
    name="saving-fresh",
    what="the same with fresh processes (`warm = false`)",
    unit="ms",
    baseline=None,
    limit=150,
)

#: How long a daemon is left alone before it counts as idle, in seconds.
_SETTLING_S = 3.0

#: A run's first statement says what time it is.
_SAYING = """
from mlpipeline import FunctionModel, Versions


def train(number):
    import time

    print(time.time(), flush=True)


versions = Versions()
for index in range({count}):
    versions.add_version(f"v{{index}}", number=index)

MODEL = FunctionModel(train, versions)
"""


def idle(bench: Workbench) -> dict[Target, Measured]:
    """Measure a daemon that has worked, and has nothing to do."""
    length_s = bench.size(60, 3)
    project = Project(bench, "idle")
    project.write_script("model.py", model_script("trivial", 5))
    project.save_queue("model.py")
    with project.daemon("--watch") as daemon:
        project.wait_ended(5)
        time.sleep(_SETTLING_S)
        process = psutil.Process(daemon.process.pid)
        helpers = process.children(recursive=True)
        before, helpers_before = _cpu_s(process), sum(map(_cpu_s, helpers))
        bench.say(f"waits {length_s} s")
        time.sleep(length_s)
        took, helpers_took = _cpu_s(process) - before, sum(map(_cpu_s, helpers)) - helpers_before
        memory_mb = process.memory_info().rss / 1e6
        helpers_mb = sum(helper.memory_info().rss for helper in helpers) / 1e6
    warm = f"beside it {len(helpers)} warm parent(s)" if helpers else "no warm parent beside it"
    return {
        IDLE_CPU: Measured(figures=[took], beside=f"over {length_s} s, after 5 runs; {warm}: {helpers_took:.2f} s"),
        IDLE_MEMORY: Measured(figures=[memory_mb], beside=f"{warm}: {helpers_mb:.0f} MB"),
    }


def saving(bench: Workbench) -> dict[Target, Measured]:
    """Measure how soon a version runs that is added to the queue; its script is known to the daemon already."""
    return {SAVING: _saved(bench, is_warm=True), SAVING_FRESH: _saved(bench, is_warm=False)}


def _saved(bench: Workbench, *, is_warm: bool) -> Measured:
    count = bench.size(20, 2)
    project = Project(bench, f"saving-{'warm' if is_warm else 'fresh'}", is_warm=is_warm)
    project.write_script("model.py", _SAYING.format(count=count + 2))
    names = ["v0", "v1"]
    project.save_queue(("model.py", names))
    to_line_ms, to_worker_ms = [], []
    with project.daemon("--watch"):
        # By the first two runs the daemon knows the script, and what it imports.
        project.wait_ended(2)
        for index in range(2, count + 2):
            bench.say(f"save {index - 1} of {count}")
            time.sleep(1)
            names.append(f"v{index}")
            saved_at = time.time()
            project.save_queue(("model.py", names))
            project.wait_ended(index + 1)
            to_line_ms.append((_first_line_at(project, index) - saved_at) * 1000)
            to_worker_ms.append((_started_at(project, index) - saved_at) * 1000)
    beside = f"{count} saves, the script known; `started_at` in worker.json came after {median(to_worker_ms):.0f} ms"
    return Measured(figures=to_line_ms, beside=beside)


def _first_line_at(project: Project, index: int) -> float:
    output = _attempt(project, index) / "output.log"
    wait_until(lambda: output.read_bytes().endswith(b"\n"), f"line in {output}")
    return float(output.read_text("utf-8").splitlines()[0])


def _started_at(project: Project, index: int) -> float:
    worker = json.loads((_attempt(project, index) / "worker.json").read_text("utf-8"))
    return moment({"at": worker["started_at"]})


def _attempt(project: Project, index: int) -> Path:
    name: str = project.events("selected")[index]["name"]
    return project.models_dir / "outputs" / "runs" / name / "1"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system

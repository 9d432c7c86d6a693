"""What the command costs at the prompt, and whether that grows with what was done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Measured, Target
from benchmarks.histories import moment_of, project_with_history
from benchmarks.projects import Project
from benchmarks.workbench import Workbench, mlpipeline

_PYTHON = "`python -c pass`"
_RUNS, _STATUS = ("runs", "-n", "20"), ("status",)
_QUEUE, _LOGS = ("queue",), ("logs", "-n", "20")
#: How many runs a night has.
_NIGHT = 200
_FOUND = ("runs", "--where", "learning_rate<0.1", "--sort", "error", "-n", "20")

HELP = Target(name="help", what="`mlpipeline --help`", unit="ms", baseline=_PYTHON, limit=5)
RUNS = Target(
    name="runs", what="`mlpipeline runs -n 20` with 10,000 runs in history", unit="ms", baseline=_PYTHON, limit=8
)
FOUND = Target(
    name="found",
    what="`runs --where 'learning_rate<0.1' --sort error` with 10,000 runs in history",
    unit="ms",
    baseline=_PYTHON,
    limit=8,
)
STATUS = Target(
    name="status", what="`mlpipeline status` with 10,000 runs in history", unit="ms", baseline=_PYTHON, limit=8
)
QUEUE = Target(
    name="queue", what="`mlpipeline queue`, 1,000 versions of 10,000 runs", unit="ms", baseline=_PYTHON, limit=8
)
REPORT = Target(
    name="report", what="`mlpipeline report` of 200 runs, 10,000 in history", unit="ms", baseline=_PYTHON, limit=8
)
SHOW = Target(
    name="show", what="`mlpipeline show RUN` with 10,000 runs in history", unit="ms", baseline=_PYTHON, limit=8
)
COMPARE = Target(name="compare", what="`mlpipeline compare RUN RUN`, the same", unit="ms", baseline=_PYTHON, limit=8)
LOGS = Target(name="logs", what="`mlpipeline logs -n 20`", unit="ms", baseline=_PYTHON, limit=8)
RUNS_GROWTH = Target(
    name="runs-growth", what="`runs -n 20` with 100,000", unit="ms", baseline="itself with 1,000", limit=1.5
)
STATUS_GROWTH = Target(
    name="status-growth", what="`status` with 100,000", unit="ms", baseline="itself with 1,000", limit=1.5
)


def help_screen(bench: Workbench) -> dict[Target, Measured]:
    """Measure `--help`."""
    return {HELP: _beside_python(bench, ("--help",), None, "")}


def listing(bench: Workbench) -> dict[Target, Measured]:
    """Measure the verbs that look, with a history as it is after some months."""
    runs = bench.size(10_000, 300)
    project = project_with_history(bench, "listing", runs=runs)
    first = _first(project)
    project.history.with_name("log-bench").write_text("2025-01-01 00:00:00 one line of many\n" * 10_000, "utf-8")
    verbs: dict[Target, Sequence[str]] = {
        RUNS: _RUNS,
        FOUND: _FOUND,
        STATUS: _STATUS,
        QUEUE: _QUEUE,
        SHOW: ("show", "model:v1"),
        COMPARE: ("compare", "model:v1", "model:v2"),
        REPORT: ("report", "--since", moment_of(runs - _NIGHT)),
        LOGS: _LOGS,
    }
    return {target: _beside_python(bench, verb, project, first) for target, verb in verbs.items()}


def growth(bench: Workbench) -> dict[Target, Measured]:
    """Measure the same verbs with a long history and with a short one."""
    small = project_with_history(bench, "growth-small", runs=bench.size(1_000, 50))
    large = project_with_history(bench, "growth-large", runs=bench.size(100_000, 500))
    first = f"{_first(large)}; with the short history {_first(small)}"
    return {
        RUNS_GROWTH: _pairs(bench, mlpipeline(*_RUNS), large.root, mlpipeline(*_RUNS), small.root, first),
        STATUS_GROWTH: _pairs(bench, mlpipeline(*_STATUS), large.root, mlpipeline(*_STATUS), small.root, first),
    }


def _first(project: Project) -> str:
    """Let whatever is derived from the history be made, and say how long that took."""
    return f"first call of all {project.bench.seconds(mlpipeline(*_RUNS), project.root):.2f} s"


def _beside_python(bench: Workbench, verb: Sequence[str], project: Project | None, beside: str) -> Measured:
    folder = project.root if project else bench.folder
    return _pairs(bench, mlpipeline(*verb), folder, [sys.executable, "-c", "pass"], folder, beside)


def _pairs(
    bench: Workbench, ours: Sequence[str], folder: Path, theirs: Sequence[str], their_folder: Path, beside: str
) -> Measured:
    # Once for nothing: files are read from the disk.
    bench.seconds(ours, folder)
    bench.seconds(theirs, their_folder)
    pairs = bench.pairs(
        bench.size(21, 2),
        lambda _: bench.seconds(ours, folder) * 1000,
        lambda _: bench.seconds(theirs, their_folder) * 1000,
    )
    return Measured(figures=[a for a, _ in pairs], baselines=[b for _, b in pairs], beside=beside)

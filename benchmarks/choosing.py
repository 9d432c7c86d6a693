"""How long it takes to choose the next run, and whether that grows with what is listed and what is done."""

from __future__ import annotations

import json
import sys
from statistics import fmean

from benchmarks.figures import Measured, Target
from benchmarks.histories import write_history
from benchmarks.projects import Project, model_script, moment
from benchmarks.workbench import BenchmarkError, Workbench, mlpipeline, wait_until

CHOOSING = Target(
    name="choosing",
    what="from one run's `ended` to the next one's `selected`: 10,000 versions listed, 100,000 runs in history",
    unit="ms",
    baseline="itself with 100 and 100",
    limit=2,
)
#: So many runs of a launch pass before its gaps count.
_FIRST = 3


#: So many may pass between the last one that counts and the end of a launch.
_SLACK = 15


def choosing(bench: Workbench) -> dict[Target, Measured]:
    """Measure the gaps between runs with `-u`: all versions are done but the last ones on the list."""
    repeats, runs = bench.size(3, 1), bench.size(14, 6)
    left = repeats * (runs + _SLACK)
    large_done, small_done = bench.size(10_000, 300) - left, bench.size(100, 30) - left
    large = _prepared(bench, "large", done=large_done, left=left, runs=bench.size(100_000, 600))
    small = _prepared(bench, "small", done=small_done, left=left, runs=bench.size(100, 30))
    pairs = bench.pairs(repeats, lambda _: _gap_ms(large, runs, large_done), lambda _: _gap_ms(small, runs, small_done))
    beside = f"`-r -u`; all but the last {left} listed are done; the mean of {runs - 1 - _FIRST} gaps a launch"
    return {CHOOSING: Measured(figures=[a for a, _ in pairs], baselines=[b for _, b in pairs], beside=beside)}


def _prepared(bench: Workbench, name: str, *, done: int, left: int, runs: int) -> Project:
    project = Project(bench, f"choosing-{name}")
    project.write_script("model.py", model_script("trivial", done + left))
    project.save_queue("model.py")
    identities = _identities(project)
    names = list(identities)[:done]
    write_history(project, runs=runs, versions=names, identity=identities.__getitem__, fails=False)
    # Whatever is derived from the history is made now.
    bench.seconds(mlpipeline("runs"), project.root)
    return project


def _identities(project: Project) -> dict[str, str]:
    """Return the identity of each version, as a worker tells it: by it the daemon knows what is done."""
    request, answer = project.root / "request.json", project.root / "answer.json"
    asked = {
        "script": str(project.models_dir / "model.py"),
        "models_dir": str(project.models_dir),
        "project": str(project.root),
        "answer": str(answer),
    }
    request.write_text(json.dumps(asked), "utf-8")
    project.bench.seconds([sys.executable, "-P", "-m", "mlpipeline.worker", "describe", str(request)], project.root)
    described = json.loads(answer.read_text("utf-8"))
    return {version["name"]: version["identity"] for version in described["versions"]}


def _gap_ms(project: Project, runs: int, done: int) -> float:
    """Launch, let some runs pass, and return the mean gap between them."""
    offset = project.history.stat().st_size
    with project.daemon("-u") as daemon:
        wait_until(
            lambda: len(project.events("ended", offset)) >= runs or daemon.process.poll() is not None,
            f"end of {runs} runs",
        )
    ended, selected = project.events("ended", offset)[:runs], project.events("selected", offset)[:runs]
    if len(ended) < runs:
        raise BenchmarkError(f"{len(ended)} of {runs} runs ended: {daemon.last_words()}")
    if any(int(event["version"][1:]) < done for event in selected):
        raise BenchmarkError("a version ran again that was done")
    gaps = [moment(following) - moment(end) for end, following in zip(ended, selected[1:], strict=False)]
    # Moments are told in milliseconds: a mean over many is finer than that.
    return fmean(gaps[_FIRST:]) * 1000

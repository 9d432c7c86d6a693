"""How fast one run logs, beside lines of JSON written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.figures import Measured, Target
from benchmarks.projects import Project, body, moment
from benchmarks.workbench import PATIENCE_S, BenchmarkError, Workbench

_BASELINE = "the same as JSON lines, flushed one by one"

SCALARS = Target(
    name="scalars",
    what="10,000 scalars logged by one run (`tensorboard = false`)",
    unit="/s",
    baseline=_BASELINE,
    limit=0.9,
    is_least=True,
)
EVENTS = Target(
    name="scalars-tensorboard",
    what="the same with TensorBoard events",
    unit="/s",
    baseline=_BASELINE,
    limit=0.5,
    is_least=True,
)

_TAIL = """

from mlpipeline import FunctionModel, Versions

versions = Versions(count={count}, rounds={rounds}, is_killed={is_killed})
for index in range({runs}):
    versions.add_version(f"v{{index}}")

MODEL = FunctionModel(train, versions)
"""


def scalars(bench: Workbench) -> dict[Target, Measured]:
    """Measure logging without and with TensorBoard; with it each run logs once, as its events are written meanwhile."""
    count = bench.size(10_000, 500)
    without = _logged(bench, "plain", count=count, rounds=bench.size(7, 1), runs=1)
    _check(without, count, events=0)
    with_events = _logged(bench, "events", count=count, rounds=1, runs=bench.size(7, 1))
    _check(with_events, count, events=count)
    ended = {event["run"]: moment(event) for event in with_events.events("ended")}
    waits = [ended[run] - left["logged_at"] for run, left in _left(with_events).items()]
    killed = _logged(bench, "killed", count=count, rounds=1, runs=1, is_killed=True)
    _check_lines(killed.events("selected")[0], killed, count)
    kept = f"all {count:,} were in metrics.jsonl after a run that killed itself (SIGKILL)"
    found = f"all {count:,} events found after each run, which ended {max(waits):.2f} s after its last call at most"
    return {SCALARS: _measured(without, kept), EVENTS: _measured(with_events, found)}


def _logged(bench: Workbench, name: str, *, count: int, rounds: int, runs: int, is_killed: bool = False) -> Project:
    project = Project(bench, f"scalars-{name}", has_events=name == "events")
    tail = _TAIL.format(count=count, rounds=rounds, runs=runs, is_killed=is_killed)
    project.write_script("model.py", body("scalars") + tail)
    project.save_queue("model.py")
    if is_killed:
        with project.daemon() as daemon:
            daemon.process.wait(PATIENCE_S)
    else:
        project.launch()
        project.check_succeeded(runs)
    return project


def _left(project: Project) -> dict[str, Any]:
    """Return what each run left behind, by its id."""
    outputs = project.models_dir / "outputs"
    return {
        event["run"]: json.loads((outputs / "model_ckpts" / event["model_dir"] / "pairs.json").read_text("utf-8"))
        for event in project.events("selected")
    }


def _measured(project: Project, beside: str) -> Measured:
    pairs = [pair for left in _left(project).values() for pair in left["pairs"]]
    return Measured(figures=[ours for ours, _ in pairs], baselines=[theirs for _, theirs in pairs], beside=beside)


def _check(project: Project, count: int, *, events: int) -> None:
    """Pass if nothing that was logged is missing.

    Raises:
        BenchmarkError: something is.
    """
    left = _left(project)
    for event in project.events("selected"):
        _check_lines(event, project, count * len(left[event["run"]]["pairs"]))
        run_dir = _run_dir(event, project)
        values = sum(_values(path.read_bytes()) for path in run_dir.glob("events.out.*"))
        if values != events:
            raise BenchmarkError(f"{values} of {events} scalars are in the event files")


def _check_lines(selected: dict[str, Any], project: Project, logged: int) -> None:
    lines = len((_run_dir(selected, project) / "metrics.jsonl").read_bytes().splitlines())
    if lines != logged:
        raise BenchmarkError(f"{lines} of {logged} scalars are in metrics.jsonl")


def _run_dir(selected: dict[str, Any], project: Project) -> Path:
    return project.models_dir / "outputs" / "runs" / str(selected["name"])


def _values(data: bytes) -> int:
    """Return how many values are in an event file.

    Source: the TFRecord format: length, 8 bytes; its checksum, 4; the event; its checksum, 4.
    """
    from tensorboardX.proto.event_pb2 import Event

    values = position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 8], "little")
        values += len(Event.FromString(data[position + 12 : position + 12 + length]).summary.value)
        position += 16 + length
    return values

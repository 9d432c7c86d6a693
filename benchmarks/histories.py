"""Projects with a past: a history of as many runs as wanted, each like one that really ran."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.projects import Project, body
from benchmarks.workbench import BenchmarkError, Workbench

#: How often each version ran.
_RUNS_PER_VERSION = 10
#: One run in so many failed.
_FAILURES_EVERY = 50
#: How long after each other they ran, in seconds.
_DISTANCE_S = 60
_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)

# What the two runs that are copied have where the copies differ: names and numbers that occur nowhere else.
_VERSIONS = ("atemplatethatsucceeds", "atemplatethatfails")
_RATE = 0.123454321
_TAIL = """

from mlpipeline import FunctionModel, Versions


def run_version(learning_rate, fails, *, model_dir):
    if fails:
        raise ValueError("the loss is not a number: learning_rate is too large")
    return train(learning_rate, model_dir)


versions = Versions(learning_rate={rate})
versions.add_version({succeeds!r}, fails=False)
versions.add_version({fails!r}, fails=True)

MODEL = FunctionModel(run_version, versions)
"""
_ID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def moment_of(index: int) -> str:
    """Return when the run with that index ended, counted from 0, ISO 8601."""
    return (_BEGAN + timedelta(seconds=index * _DISTANCE_S)).isoformat()


def project_with_history(bench: Workbench, name: str, *, runs: int) -> Project:
    """Return a project in which `runs` runs have ended, of a tenth as many versions."""
    versions = max(1, runs // _RUNS_PER_VERSION)
    project = Project(bench, name)
    project.write_script("model.py", _two_versions())
    project.save_queue("model.py")
    write_history(project, runs=runs, versions=[f"v{index}" for index in range(versions)])
    return project


def write_history(
    project: Project,
    *,
    runs: int,
    versions: list[str],
    identity: Callable[[str], str] = lambda version: f"{version:0>64}",
    fails: bool = True,
) -> None:
    """Give a project that has none a history of `runs` runs of `model.py`, which go round its versions.

    Args:
        project: whose history it becomes.
        runs: how many.
        versions: their names.
        identity: the identity of each.
        fails: whether some of them failed.
    """
    project.bench.say(f"writes a history of {runs:,} runs")
    good, bad = _templates(project.bench)
    project.history.parent.mkdir(parents=True, exist_ok=True)
    before: dict[str, str] = {}
    with project.history.open("w", encoding="utf-8") as file:
        for index in range(runs):
            version, run = versions[index % len(versions)], _run_id(index)
            ended_at = _BEGAN + timedelta(seconds=index * _DISTANCE_S)
            text = bad if fails and index % _FAILURES_EVERY == _FAILURES_EVERY - 1 else good
            for mark, value in (
                ("@run@", run),
                ("@version@", version),
                ("@identity@", identity(version)),
                ('"@rate@"', str(index % len(versions) / 1000)),
                ('"@previous@"', json.dumps(before.get(version))),
                ("@at@", ended_at.isoformat(timespec="milliseconds")),
            ):
                text = text.replace(mark, value)
            file.write(text)
            before[version] = run


def _run_id(index: int) -> str:
    letters = []
    for _ in range(6):
        index, rest = divmod(index, len(_ID_ALPHABET))
        letters.append(_ID_ALPHABET[rest])
    return "".join(reversed(letters))


def _two_versions() -> str:
    return body("trivial") + _TAIL.format(rate=_RATE, succeeds=_VERSIONS[0], fails=_VERSIONS[1])


def _templates(bench: Workbench) -> tuple[str, str]:
    """Return the events of a run that succeeded and of one that failed, with marks where the copies differ."""
    root = bench.folder / "template"
    if not root.exists():
        made = Project(bench, "template")
        made.write_script("model.py", _two_versions())
        made.save_queue("model.py")
        with made.daemon() as daemon:
            daemon.process.wait(60)
    lines = (root / "models" / "outputs" / "history-bench.jsonl").read_text("utf-8").splitlines()
    good, bad = ("".join(_template(lines, version)) for version in _VERSIONS)
    if '"succeeded"' not in good or '"failed"' not in bad:
        raise BenchmarkError("the runs that the history is to be copied from did not end as they should")
    return good, bad


def _template(lines: list[str], version: str) -> Iterator[str]:
    events = [json.loads(line) for line in lines]
    run = next(event["run"] for event in events if event.get("version") == version)
    for event in events:
        if event.get("run") != run:
            continue
        for key in ("at", "started_at"):
            if key in event:
                event[key] = "@at@"
        if event["event"] == "selected":
            event |= {"identity": "@identity@", "previous": "@previous@"}
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        text = text.replace(run, "@run@").replace(version, "@version@").replace(str(_RATE), '"@rate@"')
        yield text + "\n"

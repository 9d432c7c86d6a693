"""`python -m benchmarks.soak`: many runs through one daemon; it and its warm parent must not grow by that.

The daemon stays (`--watch`) and is looked at twice while it has nothing to do: after a first part of the runs, when all
that is made once is there, and after all of them. Exits with 1 when memory or descriptors grew.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from benchmarks.projects import Project
from benchmarks.workbench import BenchmarkError, Workbench, wait_until, workbench

#: The part of the runs after which the daemon is looked at first.
_FIRST_PART = 0.25
#: How long it is left alone before it is looked at, in seconds.
_SETTLING_S = 2.0
#: What may be added to its memory over all runs, in MB: it knows every run that it carried out, and blocks of memory
#: that it freed are not all given back.
_DAEMON_MB = 8.0
#: The same of a parent, which knows nothing of them.
_PARENT_MB = 1.0

_MODEL = """
import json, subprocess

from mlpipeline import FunctionModel, Versions


def train(number, *, model_dir, run):
    run.log_metrics({{"loss": 1 / (number + 1)}}, step=0)
    (model_dir / "kept").write_text(json.dumps(number))
    if number % 25 == 0:
        subprocess.Popen(["sleep", "600"], start_new_session=True)  # left behind, to be swept
    return {{"number": number}}


versions = Versions()
for index in range({count}):
    versions.add_version(f"v{{index}}", number=index)

MODEL = FunctionModel(train, versions)
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a process takes of the machine."""

    pid: int
    memory_mb: float
    descriptors: int
    threads: int
    children: int

    @classmethod
    def of(cls, process: psutil.Process) -> Size:
        """Return it as it is now; memory is what belongs to the process alone, and its share of the rest."""
        return cls(
            pid=process.pid,
            memory_mb=process.memory_full_info().pss / 1e6,
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            children=len(process.children()),
        )


def soak(bench: Workbench, runs: int) -> list[str]:
    """Have one daemon carry out so many runs; print what it takes, and return what grew."""
    project = Project(bench, "soak")
    project.write_script("model.py", _MODEL.format(count=runs))
    names = [f"v{index}" for index in range(runs)]
    first = max(2, round(runs * _FIRST_PART))
    project.save_queue(("model.py", names[:first]))
    began = time.monotonic()
    with project.daemon("--watch") as daemon:
        process = psutil.Process(daemon.process.pid)
        before = _sizes(project, process, first)
        _print(f"after {first} runs", before)
        project.save_queue(("model.py", names))
        after = _sizes(project, process, runs)
        _print(f"after {runs} runs", after)
    project.check_succeeded(runs)
    print(f"{(time.monotonic() - began) / runs * 1000:.0f} ms a run")
    return _grown(before, after)


def _sizes(project: Project, daemon: psutil.Process, runs: int) -> list[Size]:
    counter = _Ended(project)
    wait_until(lambda: counter.count() >= runs, f"end of {runs} runs")
    time.sleep(_SETTLING_S)
    parents = daemon.children()
    if len(parents) != 1:
        raise BenchmarkError(f"the daemon has {len(parents)} children and not one warm parent: {parents}")
    return [Size.of(daemon), Size.of(parents[0])]


class _Ended:
    """Counts the runs that ended, without reading the history again and again."""

    def __init__(self, project: Project) -> None:
        self._path = project.history
        self._offset = 0
        self._count = 0

    def count(self) -> int:
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._count += whole.count(b'"event":"ended"')
        time.sleep(0.1)
        return self._count


def _grown(before: Sequence[Size], after: Sequence[Size]) -> list[str]:
    grown = []
    for name, limit_mb, was, now in zip(("daemon", "parent"), (_DAEMON_MB, _PARENT_MB), before, after, strict=True):
        if was.pid != now.pid:
            grown.append(f"{name}: another process")
        if now.memory_mb - was.memory_mb > limit_mb:
            grown.append(f"{name}: {now.memory_mb - was.memory_mb:+.1f} MB of memory, more than {limit_mb:g}")
        for what in ("descriptors", "threads", "children"):
            if getattr(now, what) > getattr(was, what):
                grown.append(f"{name}: {getattr(was, what)} {what} became {getattr(now, what)}")
    return grown


def _print(when: str, sizes: Sequence[Size]) -> None:
    for name, size in zip(("daemon", "parent"), sizes, strict=True):
        print(
            f"{when:<16} {name}   {size.memory_mb:7.1f} MB   {size.descriptors} descriptors   {size.threads} threads   "
            f"{size.children} children",
            flush=True,
        )


def main(arguments: Sequence[str]) -> int:
    """Soak; return 1 when something grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="how many runs (2000)")
    asked = parser.parse_args(arguments)
    with workbench(is_quick=False, say=print) as bench:
        grown = soak(bench, asked.runs)
    for line in grown:
        print(f"grew: {line}")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

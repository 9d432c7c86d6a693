"""`python -m benchmarks.readers`: a history is read by three at once while it is written; none may ever see it wrong.

Two readers call `mlpipeline runs --json` again and again, the third keeps a ledger and catches up, as a daemon does.
All three bring the same index up to date. What each sees must follow from what it saw before: no run disappears,
changes its place or goes back to an earlier state. Exits with 1 when one was told an error or a warning, or saw
something else.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from benchmarks.histories import write_history
from benchmarks.projects import Project
from benchmarks.workbench import HOST, PATIENCE_S, BenchmarkError, Workbench, mlpipeline, wait_until, workbench
from mlpipeline.history.journal import Journal
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.clock import timestamp
from mlpipeline.project.paths import Outputs

#: How many events a second are written unless told otherwise: what a daemon writes whose runs cost next to nothing.
_EVENTS_PER_S = 50.0
#: How many runs are under way at once.
_AT_ONCE = 4
#: A reader that read less often while it was written has shown nothing.
_LEAST_READS = 3
#: More than there are runs.
_ALL = "1000000"

#: What a run may be seen as: its state, its outcome, and whether it has a moment at which it ended.
_LEGAL = {("waiting", None, False), ("running", None, False), ("ended", "succeeded", True), ("ended", "failed", True)}
_STATES = ("waiting", "running", "ended")

#: One run as it was seen: its id, state, outcome, and when it ended.
Seen = tuple[str, str, str | None, str | None]


@dataclass(kw_only=True)
class Reader:
    """One of those that read, and what it has seen."""

    name: str
    #: Returns all runs as they are now, oldest first, and tells `complain` of every error and warning.
    read: Callable[[Callable[[str], None]], Sequence[Seen]]
    complaints: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    runs: Sequence[Seen] = ()

    def read_until(self, is_over: threading.Event) -> None:
        """Read again and again, and once more when all is written; leave at the first complaint."""
        while not self.complaints:
            is_last = is_over.is_set()
            began = time.perf_counter()
            try:
                now = self.read(self.complaints.append)
            except Exception as error:
                self.complaints.append(f"{type(error).__name__}: {error}")
                return
            self.seconds.append(time.perf_counter() - began)
            self.complaints += _contradictions(self.runs, now)
            self.runs = now
            if is_last:
                return


def _contradictions(before: Sequence[Seen], now: Sequence[Seen]) -> Iterator[str]:
    """Yield what cannot be true of a history that was read as `before` a moment ago."""
    if len(now) < len(before):
        yield f"{len(before)} runs became {len(now)}"
    for was, run in zip_longest(before, now[: len(before)]):
        if run is None or was[0] != run[0]:
            yield f"where {was} was, {run} is"
        elif _STATES.index(run[1]) < _STATES.index(was[1]) or (was[1] == "ended" and was != run):
            yield f"{was} became {run}"
    for run in now:
        if (run[1], run[2], run[3] is not None) not in _LEGAL:
            yield f"no run can be {run}"


def read_while_written(bench: Workbench, *, events: int, seconds: float) -> list[str]:
    """Have so many events written in so long and read at once; print how often, and return every complaint.

    Raises:
        BenchmarkError: a reader read too rarely to show anything, or the writer failed.
    """
    project = Project(bench, "readers")
    written = _written_before(bench, events)
    # Where the ledger finds the index that the others use.
    os.environ.update(bench.environment_in(project.root))
    outputs = Outputs(path=project.history.parent, host=HOST)
    ledger = _follower(outputs)
    readers = [
        Reader(name="runs --json", read=_command(project)),
        Reader(name="runs --json", read=_command(project)),
        Reader(name="ledger", read=ledger),
    ]
    is_over = threading.Event()
    threads = [threading.Thread(target=reader.read_until, args=[is_over]) for reader in readers]
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=[outputs, written, seconds / events])
    writer.start()
    wait_until(lambda: project.history.exists() or not writer.is_alive(), "event")
    began = time.monotonic()
    for thread in threads:
        thread.start()
    writer.join()
    took_s = time.monotonic() - began
    is_over.set()
    for thread in threads:
        thread.join()
    if writer.exitcode != 0:
        raise BenchmarkError(f"the writer ended with {writer.exitcode}")
    _print(len(written), took_s, readers)
    return _complaints(readers, {event["run"]: event for event in map(json.loads, written)})


def _complaints(readers: Sequence[Reader], ends: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what the readers were told or saw, and what their last look lacks of how each run ended.

    Raises:
        BenchmarkError: one did not read often enough.
    """
    complaints = [f"{reader.name}: {complaint}" for reader in readers for complaint in reader.complaints]
    if complaints:
        return complaints
    expected = {(run, "ended", end["outcome"], end["at"]) for run, end in ends.items()}
    for reader in readers:
        if set(reader.runs) != expected:
            complaints.append(f"{reader.name}: the last look does not show all {len(expected)} runs as they ended")
        if len(reader.seconds) < _LEAST_READS:
            raise BenchmarkError(f"{reader.name} read only {len(reader.seconds)} times")
    return complaints


def _written_before(bench: Workbench, events: int) -> list[str]:
    """Return the lines of a history of about so many events, of several runs at once."""
    source = Project(bench, "source")
    runs = max(_AT_ONCE, round(events / _EVENTS_PER_RUN))
    write_history(source, runs=runs, versions=[f"v{index}" for index in range(max(_AT_ONCE, runs // 10))])
    lines: dict[str, list[str]] = {}
    for line in source.history.read_text("utf-8").splitlines():
        lines.setdefault(json.loads(line)["run"], []).append(line)
    of_runs = list(lines.values())
    groups = [of_runs[index : index + _AT_ONCE] for index in range(0, len(of_runs), _AT_ONCE)]
    return [line for group in groups for in_turn in zip_longest(*group) for line in in_turn if line is not None]


#: Selected, started, running, ended.
_EVENTS_PER_RUN = 4


def _write(outputs: Outputs, lines: Sequence[str], distance_s: float) -> None:
    """Append the events as a daemon does, each on the disk before the next."""
    outputs.path.mkdir(parents=True)
    journal = Journal(outputs.history, timestamp)
    began = time.monotonic()
    for number, line in enumerate(lines):
        journal.append(json.loads(line))
        time.sleep(max(0.0, began + (number + 1) * distance_s - time.monotonic()))


def _command(project: Project) -> Callable[[Callable[[str], None]], Sequence[Seen]]:
    # Another host than the one whose runs they are: that one would look for their processes.
    environment = {**project.bench.environment_in(project.root), "MLP_HOST": "reader"}

    def read(complain: Callable[[str], None]) -> Sequence[Seen]:
        done = subprocess.run(
            mlpipeline("runs", "--json", "-n", _ALL),
            cwd=project.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode != 0 or done.stderr:
            complain(f"ended with {done.returncode}: {done.stderr.decode('utf-8', 'replace').strip()}")
            return ()
        runs = json.loads(done.stdout)
        return [(run["id"], run["state"], run["outcome"], run["ended_at"]) for run in reversed(runs)]

    return read


def _follower(outputs: Outputs) -> Callable[[Callable[[str], None]], Sequence[Seen]]:
    kept: list[Ledger] = []

    def read(complain: Callable[[str], None]) -> Sequence[Seen]:
        if not kept:  # in the thread that reads: SQLite wants that
            kept.append(Ledger.read(outputs, os.environ, warn=complain))
        kept[0].catch_up()
        return [(run.id, run.state, run.outcome, run.ended_at) for run in kept[0]]

    return read


def _print(events: int, took_s: float, readers: Sequence[Reader]) -> None:
    print(f"{events:,} events written in {took_s:.1f} s ({events / took_s:.0f} a second)")
    for reader in readers:
        if reader.seconds:
            middle, longest = statistics.median(reader.seconds), max(reader.seconds)
            times = f"median {middle * 1000:5.0f} ms   longest {longest * 1000:5.0f} ms"
            print(f"{reader.name:<12} {len(reader.seconds):6,} reads   {times}")


def main(arguments: Sequence[str]) -> int:
    """Write and read; return 1 when a reader had something to complain of."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readers", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="for how long (3)")
    told = f"how many events in that time, or longer if the disk is slow ({_EVENTS_PER_S:g} a second)"
    parser.add_argument("--events", type=int, help=told)
    asked = parser.parse_args(arguments)
    seconds = asked.minutes * 60
    events = asked.events or round(seconds * _EVENTS_PER_S)
    with workbench(is_quick=False, say=print) as bench:
        complaints = read_while_written(bench, events=events, seconds=seconds)
    for complaint in complaints:
        print(f"wrong: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

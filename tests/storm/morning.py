"""What must be true in the morning, read from what the versions themselves left as evidence."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storm.kills import Blow, Hit
from storm.stormy import STEPS, Stormy, Told
from storm.victims import Role

#: A run that was cut short may have saved a step which mlpipeline did not yet know to be done.
_MAY_REPEAT = "remembered"
Event = Mapping[str, Any]


@dataclass(kw_only=True)
class Morning:
    """What is not as it should be; a sentence each."""

    #: Versions that were not trained to their end, and steps whose effect is gone.
    lost: list[str] = field(default_factory=list)
    #: Two trainings at once or of one attempt, steps done twice without need, what was done and was begun again.
    doubled: list[str] = field(default_factory=list)
    #: Ends that are not what happened.
    wrong: list[str] = field(default_factory=list)
    #: What should be gone: processes, claims, temporary files.
    left: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        """All of it."""
        return [*self.lost, *self.doubled, *self.wrong, *self.left]


def morning_of(stormy: Stormy, hits: Sequence[Hit] = (), *, excused: Collection[str] = ()) -> Morning:
    """Return what is not as it should be.

    Args:
        stormy: whose queue was worked off at last.
        hits: what was done to its processes. Runs that had no part in that must not have failed or been lost.
        excused: failures that may be without that.
    """
    morning = Morning()
    runs = _Runs(stormy)
    for version in stormy.versions:
        told = [line for line in runs.told if line.version == version]
        _look_at_checkpoint(stormy, version, told, runs, morning)
        _look_at_attempts(version, told, runs, morning)
    _look_at_ends(runs, hits, {*excused}, morning)
    _look_at_records(stormy, runs, morning)
    _look_for_what_is_left(stormy, morning)
    return morning


class _Runs:
    """What history says of all runs, and what they say of themselves."""

    def __init__(self, stormy: Stormy) -> None:
        events = list(stormy.history())
        self._outputs = stormy.project.outputs
        self.told = stormy.told()
        self.selected = {event["run"]: event for event in events if event["event"] == "selected"}
        self.ends = [event for event in events if event["event"] in ("ended", "withdrawn")]
        self.by_id = {event["run"]: event for event in self.ends}
        self.asked_to_stop = {event["run"] for event in events if event["event"] == "stop"}

    def outcome(self, run: str) -> str:
        """How a run ended: its outcome, and `withdrawn` or `open` if it has none."""
        end = self.by_id.get(run)
        return "open" if end is None else end.get("outcome") or "withdrawn"

    def was_announced(self, selected: Event) -> bool:
        """Whether a worker said that it carries the run out."""
        return (self._outputs / "runs" / selected["name"] / "1" / "worker.json").exists()


def _look_at_checkpoint(stormy: Stormy, version: str, told: list[Told], runs: _Runs, morning: Morning) -> None:
    model_dir = stormy.project.outputs / "model_ckpts" / version
    try:
        steps = [(step, attempt) for step, attempt in json.loads((model_dir / "checkpoint.json").read_bytes())]
    except (OSError, ValueError) as error:
        morning.lost.append(f"{version}: its checkpoint cannot be read: {error}")
        return
    missing = set(range(STEPS)) - {step for step, _ in steps}
    forgotten = {(line.step, line.attempt) for line in told if line.what == "kept"} - {*steps}
    morning.lost += [f"{version}: step {step} is not in its checkpoint" for step in sorted(missing)]
    morning.lost += [f"{version}: step {step}, kept by attempt {attempt}, is gone" for step, attempt in forgotten]
    for (before, by), (step, again_by) in itertools.pairwise(steps):
        is_repeated = step == before and by != again_by and version.startswith(_MAY_REPEAT)
        was_cut_short = runs.outcome(by.partition(".")[0]) != "succeeded"
        if step != before + 1 and not (is_repeated and was_cut_short):
            morning.doubled.append(f"{version}: step {step} of {again_by} follows step {before} of {by}")
    left = [path.name for path in model_dir.iterdir() if path.name != "checkpoint.json"]
    asides = [path for path in model_dir.parent.glob(f"{version}.before-*") if any(path.iterdir())]
    morning.left += [f"{version}: {name} lies in its model dir" for name in left]
    morning.lost += [f"{version}: training was moved aside to {path.name}" for path in asides]


def _look_at_attempts(version: str, told: list[Told], runs: _Runs, morning: Morning) -> None:
    morning.doubled += [f"{version}: {line.attempt} overlaps another" for line in told if line.what == "overlaps"]
    begun = Counter(line.attempt for line in told if line.what == "begins")
    morning.doubled += [f"{version}: {attempt} began {count} times" for attempt, count in begun.items() if count > 1]
    succeeded = [run for run, event in runs.selected.items() if event["model_dir"] == version]
    succeeded = [run for run in succeeded if runs.outcome(run) == "succeeded"]
    if not succeeded:
        morning.lost.append(f"{version}: no run of it succeeded")
    if len(succeeded) > 1:
        morning.doubled.append(f"{version}: {len(succeeded)} runs of it succeeded")
    ended = next((at for at, line in enumerate(told) if line.what == "ends" and line.run in succeeded), len(told))
    morning.doubled += [f"{version}: {line.attempt} began after it had succeeded" for line in told[ended + 1 :]]


def _look_at_ends(runs: _Runs, hits: Sequence[Hit], excused: set[str], morning: Morning) -> None:
    hits = [hit for hit in hits if hit.blow is not Blow.PAUSE]
    hit = {hit.run for hit in hits}
    # Who sees how a worker ends is its daemon, or the warm parent that forked it.
    is_unseen = any(hit.role in (Role.DAEMON, Role.WARM_PARENT) for hit in hits)
    # A worker that was hit while it waited, and got a run before it died of that, never said whose it was.
    nameless = sum(hit.role is Role.WAITING for hit in hits)
    for run, selected in runs.selected.items():
        outcome, failure = runs.outcome(run), runs.by_id.get(run, {}).get("failure")
        said = {line.what for line in runs.told if line.run == run}
        match outcome:
            case "succeeded":
                is_right = "ends" in said
            case "withdrawn":
                is_right = not said
            case "stopped":
                is_right = run in runs.asked_to_stop
            case "failed" if failure in excused:
                is_right = True
            case "failed" | "lost":
                is_right = run in hit and (failure == "killed" if outcome == "failed" else is_unseen)
                if not is_right and not runs.was_announced(selected) and nameless:
                    nameless -= 1
                    is_right = True
            case _:
                is_right = False
        if not is_right:
            why = runs.by_id.get(run, {}).get("error")
            told = f"{selected['name']} is {outcome} ({failure}: {why}); it said {sorted(said)}"
            morning.wrong.append(f"{told}, and was {'' if run in hit else 'not '}hit")


def _look_at_records(stormy: Stormy, runs: _Runs, morning: Morning) -> None:
    twice = [run for run, count in Counter(event["run"] for event in runs.ends).items() if count > 1]
    morning.wrong += [f"run {run} ended more than once" for run in twice]
    for host in stormy.hosts:
        blocks = (stormy.project.outputs / f"output-{host}").read_text()
        for event in stormy.events(host):
            count = blocks.count(f"run        {event.get('run')} on")
            if event["event"] == "ended" and count != 1:
                morning.wrong.append(f"run {event['run']} has {count} blocks of results")
        if "an error of mlpipeline itself" in (stormy.project.outputs / f"log-{host}").read_text():
            morning.wrong.append(f"log-{host} tells of an error of mlpipeline itself")
    morning.wrong += [f"a launch wrote: {launch.err}" for launch in stormy.launches if "Traceback" in launch.err]


def _look_for_what_is_left(stormy: Stormy, morning: Morning) -> None:
    outputs = stormy.project.outputs
    morning.left += [f"process {process}" for process in stormy.project.processes()]
    morning.left += [f"claim {path.name}" for path in (outputs / "claims").rglob("*.json")]
    morning.left += [f"temporary {path.name}" for path in stormy.temporary.iterdir()]
    morning.left += [f"heartbeat of {host}" for host in stormy.hosts if not _has_left(stormy, host)]


def _has_left(stormy: Stormy, host: str) -> bool:
    return "ended_at" in json.loads((stormy.project.outputs / f"heartbeat-{host}").read_bytes())

"""A run's life: its states, the events that change them, and the one function that does.

```
        ─selected→ waiting ─running→ running ─ended→ succeeded, failed, stopped, lost
                      │  │       ↺ paused, resumed, timeout
                      │  └─────────────────────ended→ failed, stopped, lost
                      └─withdrawn→ (gone)
```

A further attempt is the only way back: `retry` makes a run waiting again, by rule in place of its end, and by request
when it failed, was stopped or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlpipeline.domain.attempts import AttemptEnd
from mlpipeline.domain.fields import require_types
from mlpipeline.domain.names import version_key
from mlpipeline.domain.states import Failure, Outcome, Start, State, outcome_in_words
from mlpipeline.errors import IllegalTransition


@dataclass(frozen=True, kw_only=True)
class Run:
    """What history says of one run."""

    id: str
    #: `<model>-<version>-<id>`, the name of its run dir.
    name: str
    model: str
    version: str
    host: str
    launch: str
    identity: str
    start: Start
    seed: int
    #: The name of its model dir, `<model>-<suffix>`.
    model_dir: str
    parameters: Mapping[str, Any]
    #: The run before it in the same model dir, of whatever host.
    previous: str | None
    selected_at: str
    #: The hash of its code, as stored.
    code: str | None = None
    #: How its first attempt began: what a whole run had to do.
    first_start: Start = Start.CLEAN
    attempt: int = 1
    #: The highest number that any of its attempts was given; a number is never given again.
    last_number: int = 1
    #: How the attempts before this one ended.
    past: Sequence[AttemptEnd] = ()
    #: When this attempt may begin, if it is not the first; None once it has.
    retry_at: str | None = None
    #: Who asked for that; empty where it is the rule.
    retry_by: str = ""
    state: State = State.WAITING
    #: How its executor finds it again; None until it was started.
    handle: str | None = None
    pid: int | None = None
    started_at: str | None = None
    is_stop_asked: bool = False
    #: Whether its processes stand still.
    is_paused: bool = False
    #: How long this attempt stood still before, and since when it does now, see `project.clock.since_boot`; in seconds.
    paused_s: float = 0.0
    paused_since: float | None = None
    #: Which limit it passed, so that it is told to stop; None while it has not.
    timeout: str | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    error: str | None = None
    #: Where it failed: the file and line of its own code that came last, or what stands for that.
    place: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    results: Mapping[str, Any] = field(default_factory=dict)
    #: What is worth knowing beside its outcome.
    note: str | None = None
    #: Whether its model dir was made ready: what is there belongs to this identity.
    is_prepared: bool = False
    #: Whether its training is complete, so that only evaluation is left.
    is_trained: bool = False

    @property
    def key(self) -> str:
        """`model:version`."""
        return version_key(self.model, self.version)

    @property
    def outcome_in_words(self) -> str:
        """How it ended, and why if it failed: `succeeded`, `failed (exit)`."""
        return outcome_in_words(self.outcome, self.failure)

    @property
    def whole_s(self) -> float | None:
        """How long a run took that did all of its work, over all attempts; None of any other.

        One that resumed an earlier run did only the rest. What its last attempt stood still for is left out.
        """
        parts = [self.seconds, *(attempt.seconds for attempt in self.past)]
        known = [part for part in parts if isinstance(part, int | float)]
        is_whole = self.outcome is Outcome.SUCCEEDED and self.first_start is not Start.RESUME
        return max(0.0, sum(known) - self.paused_s) if is_whole and len(known) == len(parts) else None

    @property
    def is_open(self) -> bool:
        """Whether it is still to end."""
        return self.state in (State.WAITING, State.RUNNING)


def before_retry(run: Run) -> Run:
    """Return a run that is tried again as it was when the attempt before had ended."""
    after = run.past[-1]
    return replace(
        run,
        state=State.ENDED,
        outcome=after.outcome,
        failure=after.failure,
        error=after.error,
        place=after.place,
    )


def run_to_json(run: Run) -> dict[str, Any]:
    """Return the fields of a run as JSON can hold them."""
    return {**vars(run), "past": [attempt.to_event() for attempt in run.past]}


def run_from_json(value: Mapping[str, Any]) -> Run:
    """Return the run that `run_to_json` told.

    Raises:
        KeyError, TypeError, ValueError: it holds none.
    """
    return Run(
        **{
            **value,
            "start": Start(value["start"]),
            "first_start": Start(value["first_start"]),
            "state": State(value["state"]),
            "outcome": Outcome(value["outcome"]) if value["outcome"] else None,
            "failure": Failure(value["failure"]) if value["failure"] else None,
            "past": [AttemptEnd.of_event(attempt) for attempt in value["past"]],
        }
    )


def follow(run: Run | None, event: Mapping[str, Any]) -> Run:
    """Return the run as it is after `event`.

    Args:
        run: as it was before; None before its first event.
        event: a line of the history that names this run.

    Raises:
        IllegalTransition: the event cannot happen to a run in this state.
        KeyError, TypeError, ValueError: the event lacks a field, has one of another type, or holds a word that this
            release does not know.
    """
    require_types(event)
    kind = event["event"]
    if run is None:
        if kind == "selected":
            return _selected(event)
        raise IllegalTransition(f"run {event['run']} cannot be {kind} before it was selected")
    if run.state not in _AFTER.get(kind, ()) or (kind == "retry" and run.outcome is Outcome.SUCCEEDED):
        raise IllegalTransition(f"run {run.id} is {run.outcome or run.state} and cannot be {kind}")
    if kind == "ended":
        return _ended(run, event)
    if kind == "retry":
        return _retried(run, event)
    return replace(run, **_changes(run, kind, event))


def _changes(run: Run, kind: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a run that an event changes, and how."""
    match kind:
        case "started":
            return {"handle": event["handle"]}
        case "running":
            return {
                "state": State.RUNNING,
                "pid": event["pid"],
                "started_at": event["started_at"],
                "retry_at": None,
            }
        case "stop":
            return {"is_stop_asked": True}
        case "paused" | "resumed":
            return _standing(run, event)
        case "timeout":
            return {"timeout": event["error"]}
        case _:
            return {"state": State.WITHDRAWN}


def _standing(run: Run, event: Mapping[str, Any]) -> dict[str, Any]:
    if event["event"] == "paused":
        return {"is_paused": True, "paused_since": event.get("since_boot")}
    stood_s = 0.0
    if run.paused_since is not None:
        stood_s = max(0.0, event.get("since_boot", run.paused_since) - run.paused_since)
    return {"is_paused": False, "paused_s": run.paused_s + stood_s, "paused_since": None}


#: Which events may happen in which states; `selected` only ever comes first.
_AFTER = {
    "started": (State.WAITING, State.RUNNING),
    "running": (State.WAITING,),
    "stop": (State.WAITING, State.RUNNING),
    "paused": (State.RUNNING,),
    "resumed": (State.RUNNING,),
    "timeout": (State.RUNNING,),
    "retry": (State.WAITING, State.RUNNING, State.ENDED),
    "withdrawn": (State.WAITING,),
    "ended": (State.WAITING, State.RUNNING),
}


def _selected(event: Mapping[str, Any]) -> Run:
    return Run(
        id=event["run"],
        name=event["name"],
        model=event["model"],
        version=event["version"],
        host=event["host"],
        launch=event["launch"],
        identity=event["identity"],
        start=Start(event["start"]),
        first_start=Start(event["start"]),
        seed=event["seed"],
        model_dir=event["model_dir"],
        parameters=event["parameters"],
        previous=event["previous"],
        code=event["code"],
        selected_at=event["at"],
    )


def _ended(run: Run, event: Mapping[str, Any]) -> Run:
    return replace(
        run,
        state=State.ENDED,
        is_paused=False,
        retry_at=None,
        # Of an attempt that never began, nothing is told.
        attempt=event.get("attempt", run.attempt),
        outcome=Outcome(event["outcome"]),
        failure=Failure(event["failure"]) if event.get("failure") else None,
        error=event.get("error"),
        place=event.get("place"),
        ended_at=event["at"],
        seconds=event.get("seconds"),
        results=event.get("results") or {},
        note=event.get("note"),
        is_prepared=bool(event.get("prepared")),
        is_trained=bool(event.get("trained")),
    )


def _retried(run: Run, event: Mapping[str, Any]) -> Run:
    # An attempt that never began leaves nothing to tell.
    if event["after"] is not None:
        after = AttemptEnd.of_event(event["after"])
        run = replace(run, past=[*run.past, after], is_prepared=after.is_prepared, is_trained=after.is_trained)
    return replace(
        run,
        state=State.WAITING,
        attempt=event["attempt"],
        last_number=max(run.last_number, event["attempt"]),
        start=Start(event["start"]),
        retry_at=event["retry_at"],
        retry_by=event["by"],
        **_OF_AN_ATTEMPT,
    )


#: What a run is like before an attempt begins.
_OF_AN_ATTEMPT: Mapping[str, Any] = {
    "handle": None,
    "pid": None,
    "started_at": None,
    "is_stop_asked": False,
    "is_paused": False,
    "paused_s": 0.0,
    "paused_since": None,
    "timeout": None,
    "outcome": None,
    "failure": None,
    "error": None,
    "place": None,
    "ended_at": None,
    "seconds": None,
    "results": {},
    "note": None,
}

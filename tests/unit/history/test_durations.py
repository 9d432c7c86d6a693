from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.domain.states import Outcome, Start
from mlpipeline.history.durations import past_durations
from mlpipeline.history.ended import ended_since
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.paths import Outputs

MIDNIGHT = 1795212000.0  # 2026-11-21T00:00:00+02:00
BEFORE, AFTER = "2026-11-20T23:59:59.000+02:00", "2026-11-20T22:30:00.000+00:00"


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outputs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Outputs(path=tmp_path, host="box1")


def ran(run: str, version: str, seconds: float | None, *, model: str = "net", **more: Any) -> list[dict[str, Any]]:
    """The events of a run; `past` are the seconds of attempts before its last one."""
    at, past = more.get("at", AFTER), more.get("past", [])
    after = {"outcome": "failed", "failure": "exit", "error": None, "place": None, "prepared": True, "trained": False}
    return [
        {
            **{"event": "selected", "at": at, "run": run, "name": run, "model": model, "version": version},
            **{"host": "box1", "launch": "l", "identity": "i", "start": more.get("start", "clean"), "seed": 0},
            **{"model_dir": f"{model}-{version}", "parameters": {}, "previous": None, "code": None},
        },
        {"event": "running", "at": at, "run": run, "pid": 1, "started_at": at},
        *(
            event
            for number, spent in enumerate(past, start=1)
            for event in (
                {
                    **{"event": "retry", "at": at, "run": run, "attempt": number + 1, "start": "resume"},
                    **{"retry_at": at, "after": {**after, "attempt": number, "seconds": spent}, "by": ""},
                },
                {"event": "running", "at": at, "run": run, "pid": 1, "started_at": at},
            )
        ),
        *more.get("events", ()),
        {"event": "ended", "at": at, "run": run, "outcome": more.get("outcome", "succeeded"), "seconds": seconds},
    ]


def ledger(outputs: Outputs, *runs: list[dict[str, Any]]) -> Ledger:
    lines = [json.dumps(event) + "\n" for run in runs for event in run]
    outputs.history.write_text("".join(lines))
    return Ledger.read(outputs, os.environ, warn=pytest.fail)


def test_whole_successful_runs_alone_tell_how_long_a_version_takes(outputs):
    paused = [{"event": "paused", "at": AFTER, "run": "r7", "by": "", "since_boot": 10.0}]
    paused.append({"event": "resumed", "at": AFTER, "run": "r7", "by": "", "since_boot": 14.0})
    found = past_durations(
        ledger(
            outputs,
            ran("r1", "a", 60.0),
            ran("r2", "a", 20.0, past=[30.0, 5.0]),
            ran("r3", "a", 1.0, outcome="failed"),
            ran("r4", "a", 2.0, start="resume"),
            ran("r5", "b", 3.0, start="again"),
            ran("r6", "c", 20.0, past=[None]),
            ran("r7", "b", 44.0, events=paused),
            ran("r8", "a", 99.0, model="other"),
        ),
        ["net", "unheard"],
    )
    assert {key: sorted(durations) for key, durations in found.of_versions.items()} == {
        ("net", "a", Start.CLEAN): [55.0, 60.0],
        ("net", "b", Start.CLEAN): [40.0],
        ("net", "b", Start.AGAIN): [3.0],
    }
    assert {key: sorted(durations) for key, durations in found.of_models.items()} == {
        ("net", Start.CLEAN): [40.0, 55.0, 60.0],
        ("net", Start.AGAIN): [3.0],
    }


def test_what_ended_today_is_counted_by_outcome_whatever_offset_a_host_writes(outputs):
    runs = [
        ran("r1", "a", 1.0),
        ran("r2", "b", 1.0),
        ran("r3", "c", 1.0, outcome="failed"),
        ran("r4", "d", 1.0, at=BEFORE),
        ran("r5", "e", 1.0)[:-1],
    ]
    assert ended_since(ledger(outputs, *runs), MIDNIGHT) == {
        Outcome.SUCCEEDED: 2,
        Outcome.FAILED: 1,
        Outcome.STOPPED: 0,
        Outcome.LOST: 0,
    }

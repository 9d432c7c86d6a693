import os
from datetime import datetime

import pytest

from mlpipeline.domain.launches import Launch
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.period import launches_since, runs_since
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import Outputs

SINCE = datetime.fromisoformat("2026-11-20T22:00:00+01:00").timestamp()


@pytest.fixture
def outputs(tmp_path, monkeypatch) -> Outputs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    outputs = Outputs(path=tmp_path / "outputs", host="box1")
    outputs.path.mkdir()
    return outputs


def read(outputs: Outputs) -> Ledger:
    return Ledger.read(outputs, os.environ, warn=pytest.fail)


def write(outputs: Outputs, host: str, *events: dict[str, object]) -> None:
    with (outputs.path / f"history-{host}.jsonl").open("ab") as file:
        file.write(b"".join(map(to_json, events)))


def selected(run: str, at: str, host: str = "box1") -> dict[str, object]:
    return {
        "event": "selected", "run": run, "at": at, "name": f"net-v-{run}", "model": "net", "version": "v", "host": host,
        "launch": "l", "identity": "i", "start": "clean", "seed": 1, "model_dir": f"net-{run}", "parameters": {},
        "previous": None, "code": None,
    }  # fmt: skip


def ended(run: str, at: str) -> dict[str, object]:
    return {"event": "ended", "run": run, "at": at, "outcome": "succeeded"}


def launch(name: str, at: str) -> dict[str, object]:
    return {"event": "launch", "launch": name, "at": at, "host": "box1", "pid": 1, "command": "mlpipeline -r"}


def test_the_runs_of_a_period_are_those_that_were_not_over_when_it_began_whatever_the_offsets(outputs):
    write(
        outputs,
        "box1",
        selected("before", "2026-11-20T20:00:00+01:00"),
        ended("before", "2026-11-20T21:59:59+01:00"),
        selected("across", "2026-11-18T20:00:00+01:00"),
        ended("across", "2026-11-20T22:00:00+01:00"),
        selected("open", "2026-11-19T20:00:00+01:00"),
    )
    # The same moments on the clock of a host far away: as text, 12:30 is before and 23:30 after 22:00.
    write(
        outputs,
        "box2",
        selected("far", "2026-11-20T10:00:00-09:00", "box2"),
        ended("far", "2026-11-20T12:30:00-09:00"),
        selected("past", "2026-11-20T20:00:00+09:00", "box2"),
        ended("past", "2026-11-20T23:30:00+09:00"),
    )
    assert sorted(run.id for run in runs_since(read(outputs), SINCE)) == ["across", "far", "open"]


def test_a_launch_was_there_until_it_ended_or_as_long_as_it_was_heard(outputs):
    write(
        outputs,
        "box1",
        launch("long-ago", "2026-11-18T10:00:00+01:00"),
        {"event": "launch_ended", "launch": "long-ago", "at": "2026-11-18T11:00:00+01:00"},
        launch("killed", "2026-11-20T10:00:00+01:00"),
        selected("a", "2026-11-20T23:00:00+01:00"),
        {"event": "released", "of": "net:v", "what": ["b"], "by": "me", "at": "2026-11-20T23:30:00+01:00"},
        launch("ended", "2026-11-20T23:40:00+01:00"),
    )
    assert [(launch.id, launch.heard_at[11:16]) for launch in launches_since(read(outputs), SINCE)] == [
        ("killed", "23:00"),
        ("ended", "23:40"),
    ]
    write(outputs, "box1", {"event": "launch_ended", "launch": "ended", "at": "2026-11-20T23:50:00+01:00"})
    assert launches_since(read(outputs), SINCE)[-1] == Launch(
        id="ended",
        host="box1",
        began_at="2026-11-20T23:40:00+01:00",
        heard_at="2026-11-20T23:50:00+01:00",
        ended_at="2026-11-20T23:50:00+01:00",
    )


def test_a_launch_that_is_not_understood_is_skipped_with_a_warning(outputs):
    write(outputs, "box1", {"event": "launch", "at": "2026-11-20T23:40:00+01:00"})
    warnings: list[str] = []
    ledger = Ledger.read(outputs, os.environ, warn=warnings.append)
    assert launches_since(ledger, SINCE) == []
    assert warnings == ["history: a launch is not understood (KeyError('launch')); skipped"]

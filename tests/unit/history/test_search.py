from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlpipeline.domain.filters import Filter, comparison, order
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.search import count, extent, models, names, search
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import Outputs

#: Version, parameters, and how it ended: outcome, results.
RUNS = {
    "a1": ("small", {"lr": 0.1, "opt": {"name": "adam"}}, ("succeeded", {"accuracy": 0.8, "loss": float("nan")})),
    "a2": ("large", {"lr": 0.01, "opt": {"name": "SGD"}}, ("succeeded", {"accuracy": 0.9, "loss": 0.5})),
    "a3": ("3", {"lr": "auto", "flag": True, "'; --": 1}, ("failed", {"accuracy": 0.7})),
    "a4": ("odd", {"lr": None, "flag": False}, ("stopped", {})),
    "b1": ("small", {"lr": 3}, None),
}


@pytest.fixture(params=["on the disk", "in memory"])
def ledger(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    cache = tmp_path / "cache"
    if request.param == "in memory":
        cache.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    outputs = Outputs(path=tmp_path / "outputs", host="box1")
    outputs.path.mkdir()
    events: list[dict[str, object]] = []
    for minute, (run, (version, parameters, end)) in enumerate(RUNS.items()):
        model = "cnn/net" if run.startswith("a") else "other"
        at = f"2026-11-20T21:{minute:02}:00.000+00:00"
        events.append(
            {
                "event": "selected",
                "run": run,
                "at": at,
                "name": run,
                "model": model,
                "version": version,
                "host": "box1",
                "launch": "l",
                "identity": "i",
                "start": "clean",
                "seed": 1,
                "model_dir": f"{model}-{version}",
                "parameters": parameters,
                "previous": None,
                "code": None,
            }
        )
        events.append({"event": "running", "run": run, "at": at, "pid": 1, "started_at": at})
        if end is not None:
            outcome, results = end
            failure = "exception" if outcome == "failed" else None
            events.append(
                {"event": "ended", "run": run, "at": at, "outcome": outcome, "failure": failure, "results": results}
            )
    outputs.history.write_bytes(b"".join(map(to_json, events)))
    return Ledger.read(outputs, os.environ, warn=pytest.fail)


def found(ledger: Ledger, *wheres: str, sort: str | None = None, **wanted) -> list[str]:
    known = names(ledger)
    comparisons = [comparison(where, known, float) for where in wheres]
    by = None if sort is None else order(sort, known)
    return [run.id for run in search(ledger, Filter(comparisons=comparisons, order=by, **wanted))]


@pytest.mark.parametrize(
    ("wheres", "expected"),
    [
        (["lr<0.1"], ["a2"]),
        (["lr>0"], ["b1", "a2", "a1"]),
        (["lr>=0.1", "lr<1"], ["a1"]),
        (["lr>a"], ["a3"]),
        (["lr=auto"], ["a3"]),
        (["lr!=0.1"], ["b1", "a3", "a2"]),
        (["lr=null"], ["a4"]),
        (["lr!=null"], ["b1", "a3", "a2", "a1"]),
        (["flag=true"], ["a3"]),
        (["opt.name~sg"], ["a2"]),
        (["version=3"], ["a3"]),
        (["version=small", "outcome=succeeded"], ["a1"]),
        (["version=cnn/net:small"], ["a1"]),
        (["version!=cnn/net:small"], ["b1", "a4", "a3", "a2"]),
        (["version~NET:s"], ["a1"]),
        (["outcome=null"], ["b1"]),
        (["failure=exception"], ["a3"]),
        (["loss=nan"], ["a1"]),
        (["loss<1"], ["a2"]),
        (["'; --=1"], ["a3"]),
        (["lr='; DROP TABLE runs; --'"], []),
    ],
)
def test_comparisons_choose_runs_newest_first(ledger, wheres, expected):
    assert found(ledger, *wheres) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("accuracy", ["a2", "a1", "a3", "b1", "a4"]),
        # What failed is not the best, whatever it achieved.
        ("accuracy:min", ["a1", "a2", "a3", "b1", "a4"]),
        # NaN is no number, and none at all is less than that.
        ("loss", ["a2", "a1", "b1", "a4", "a3"]),
        ("lr", ["a2", "a1", "b1", "a3", "a4"]),
        ("lr:max", ["b1", "a1", "a2", "a3", "a4"]),
        ("started:min", ["a1", "a2", "a3", "a4", "b1"]),
    ],
)
def test_what_has_no_such_value_comes_last_and_the_most_is_counted_after_sorting(ledger, sort, expected):
    assert found(ledger, sort=sort) == expected
    assert [found(ledger, sort=sort, most=most) for most in (1, 3, 4)] == [expected[:1], expected[:3], expected[:4]]


def test_as_many_are_counted_as_would_be_found_without_a_most(ledger):
    assert count(ledger, Filter(most=1)) == len(RUNS)
    assert count(ledger, Filter(models=["cnn/*"], comparisons=[comparison("lr>0", names(ledger), float)])) == 2
    by = order("accuracy", names(ledger))
    assert count(ledger, Filter(order=by)) == len(RUNS)


def test_models_are_called_by_name_script_pattern_or_with_a_version(ledger):
    asked = [["cnn/net"], ["cnn/net.py"], ["cnn/*:s*"], ["cnn/net:3", "other"], ["net"]]
    assert [found(ledger, models=models) for models in asked] == [
        ["a4", "a3", "a2", "a1"], ["a4", "a3", "a2", "a1"], ["a1"], ["b1", "a3"], [],
    ]  # fmt: skip
    assert sorted(models(ledger)) == ["cnn/net", "other"]


def test_what_failed_and_what_was_at_work_since_then(ledger):
    assert found(ledger, is_failed=True) == ["a3"]
    a3_ended = datetime(2026, 11, 20, 21, 2, tzinfo=UTC).timestamp()
    assert found(ledger, since=a3_ended) == ["b1", "a4", "a3"]
    assert found(ledger, "lr>0", since=a3_ended + 600) == ["b1"]


def test_a_run_that_begins_anew_or_is_taken_back_has_no_facts_of_before(ledger, tmp_path):
    assert extent(ledger, "results.accuracy") == (3, 0.7, 0.9)
    again = {"event": "retry", "run": "a3", "at": "x", "attempt": 2, "start": "resume", "retry_at": None, "by": "me"}
    after = {
        "attempt": 1,
        "outcome": "failed",
        "failure": "exception",
        "error": None,
        "prepared": True,
        "trained": False,
        "seconds": 1,
    }
    new = dict(again, event="selected", run="c1", name="c1", model="gone", version="v", host="box1", launch="l",
               identity="i", start="clean", seed=1, model_dir="gone-v", parameters={"only": 1}, previous=None,
               code=None)  # fmt: skip
    events = [{**again, "after": after}, new, {"event": "withdrawn", "run": "c1", "at": "x", "why": "x"}]
    with (tmp_path / "outputs" / "history-box1.jsonl").open("ab") as file:
        file.write(b"".join(map(to_json, events[:2])))
    ledger.catch_up()
    assert found(ledger, "only=1") == ["c1"]
    assert extent(ledger, "results.accuracy") == (2, 0.8, 0.9)
    assert found(ledger, "failure=exception") == []
    with (tmp_path / "outputs" / "history-box1.jsonl").open("ab") as file:
        file.write(to_json(events[2]))
    ledger.catch_up()
    assert "gone" not in models(ledger)
    assert extent(ledger, "parameters.only")[0] == 0


def test_a_version_is_found_by_name_though_a_result_of_its_run_is_no_number(ledger):
    assert [run.id for run in ledger.named("cnn/net:small")] == ["a1"]
    assert ledger.named("cnn/net:none") == []

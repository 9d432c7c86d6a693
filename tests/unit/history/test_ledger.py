from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mlpipeline.domain.requests import Ask, Request
from mlpipeline.domain.runs import follow
from mlpipeline.domain.states import State
from mlpipeline.history.journal import Journal
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.tables import index_path
from mlpipeline.project.paths import Outputs


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outputs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "outputs").mkdir()
    return Outputs(path=tmp_path / "outputs", host="box1")


def selected(run: str, at: str, previous: str | None = None, **changed: Any) -> dict[str, Any]:
    return {
        "event": "selected",
        "at": at,
        "run": run,
        "name": f"net-v-{run}",
        "model": "net",
        "version": "v",
        "host": "box1",
        "launch": "l1",
        "identity": "abc",
        "start": "clean",
        "seed": 0,
        "model_dir": "net-v",
        "parameters": {},
        "previous": previous,
        "code": None,
        **changed,
    }


def event(kind: str, run: str, at: str, **more: Any) -> dict[str, Any]:
    return {"event": kind, "run": run, "at": at, **more}


def write(outputs: Outputs, host: str, *events: dict[str, Any]) -> None:
    with (outputs.path / f"history-{host}.jsonl").open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def note(ledger: Ledger, outputs: Outputs, event: dict[str, Any]) -> None:
    """Record an event as a daemon does."""
    run = follow(ledger.get(event["run"]), event)
    begin, end = Journal(outputs.history, lambda: "").append(event)
    ledger.note(run, begin, end)


def read(outputs: Outputs) -> Ledger:
    return Ledger.read(outputs, os.environ, warn=pytest.fail)


def latest(ledger: Ledger) -> str | None:
    run = ledger.latest("net-v")
    return run.id if run else None


def test_without_a_history_there_is_nothing(outputs):
    assert list(read(outputs)) == []
    assert latest(read(outputs)) is None


def test_runs_of_all_hosts_are_listed_by_their_times(outputs):
    write(
        outputs, "box1", selected("a", "01"), event("ended", "a", "04", outcome="succeeded"), selected("c", "05", "b")
    )
    write(outputs, "box2", selected("b", "02", "a", host="box2"), event("ended", "b", "03", outcome="failed"))
    ledger = read(outputs)
    assert [run.id for run in ledger] == ["a", "b", "c"]
    assert latest(ledger) == "c"
    assert [run.id for run in ledger.open_runs("box1")] == ["c"]


def test_a_host_whose_clock_is_ahead_does_not_have_the_latest_run_for_that(outputs):
    write(outputs, "box1", selected("a", "01"), selected("c", "03", "b"), selected("e", "05", "d"))
    write(outputs, "box2", selected("b", "82", "a", host="box2"), selected("d", "84", "c", host="box2"))
    assert latest(read(outputs)) == "e"


def test_a_host_whose_clock_is_behind_has_the_latest_run_all_the_same(outputs):
    write(outputs, "box1", selected("a", "51"), selected("c", "53", "b"))
    write(outputs, "box2", selected("b", "02", "a", host="box2"), selected("d", "04", "c", host="box2"))
    assert latest(read(outputs)) == "d"


def test_within_a_host_the_order_is_the_journals_whatever_the_clock_said(outputs):
    write(outputs, "box1", selected("a", "50"), event("ended", "a", "51", outcome="failed"), selected("b", "10", "a"))
    ledger = read(outputs)
    assert [run.id for run in ledger] == ["a", "b"]
    assert latest(ledger) == "b"


def test_a_withdrawn_run_is_as_if_it_had_never_been_chosen(outputs):
    write(outputs, "box1", selected("a", "01"), selected("b", "02", "a"), event("withdrawn", "b", "03"))
    ledger = read(outputs)
    assert [run.id for run in ledger] == ["a"]
    assert latest(ledger) == "a"
    assert ledger.get("b").state is State.WITHDRAWN
    ledger.follow(event("withdrawn", "a", "04"))
    assert latest(ledger) is None


def test_an_event_that_cannot_happen_is_skipped_with_a_warning(outputs):
    write(outputs, "box1", event("ended", "a", "01", outcome="failed"), selected("a", "02"))
    write(outputs, "box1", event("ended", "a", "03", outcome="exploded"), event("running", "a", "04"))
    warnings: list[str] = []
    ledger = Ledger.read(outputs, os.environ, warn=warnings.append)
    assert [run.state for run in ledger] == [State.WAITING]
    assert warnings[0] == "history: run a cannot be ended before it was selected; skipped"
    assert "an event of run a is not understood (ValueError" in warnings[1]
    assert "an event of run a is not understood (KeyError('pid'))" in warnings[2]
    assert len(warnings) == 3


def test_what_the_hosts_record_is_read_on_and_news_are_what_others_recorded(outputs):
    ledger = read(outputs)
    note(ledger, outputs, selected("a", "01"))
    ledger.catch_up()
    assert ledger.news == 0
    write(outputs, "box2", selected("b", "02", host="box2"))
    ledger.catch_up()
    assert ledger.news == 1
    assert [run.id for run in ledger] == ["a", "b"]
    write(outputs, "box2", event("ended", "b", "03", outcome="succeeded"))
    ledger.catch_up()
    assert ledger.news == 2
    assert ledger.get("b").outcome == "succeeded"
    ledger.catch_up()
    assert ledger.news == 2
    write(outputs, "box1", {"event": "somebody else on this host", "at": "04"})
    ledger.catch_up()
    assert ledger.news == 3


def test_a_request_is_open_until_the_runs_host_has_answered_in_whatever_order_they_are_read(outputs):
    first, second = (
        Request(id=name, ask=Ask.STOP, of="a", host="box1", by="mlpipeline stop a") for name in ("one", "two")
    )
    write(outputs, "box1", first.to_answer("had ended already"))
    ledger = read(outputs)
    write(outputs, "box2", first.to_event(), second.to_event(), {**second.to_event(), "ask": "dance", "request": "no"})
    warnings: list[str] = []
    ledger.warn = warnings.append
    ledger.catch_up()
    assert ledger.open_requests("box1") == [second]
    assert ledger.open_requests("box2") == []
    assert (ledger.answer("one"), ledger.answer("two")) == ("had ended already", None)
    assert len(warnings) == 1
    assert "what was asked for is not understood" in warnings[0]


def test_what_was_deleted_is_known_whichever_history_is_read_first(outputs):
    write(outputs, "box1", {"event": "collected", "of": "b", "model_dir": "net-v", "at": "09"})
    write(outputs, "box2", selected("a", "01", host="box2"), selected("b", "02", "a", host="box2"))
    ledger = read(outputs)
    assert [ledger.is_collected(name) for name in ("a", "b")] == [False, True]
    write(outputs, "box2", {"event": "collected", "of": "a", "at": "10"})
    ledger.catch_up()
    assert ledger.is_collected("a")


def test_requests_are_open_in_the_order_in_which_they_were_asked(outputs):
    asked = [Request(id=name, ask=Ask.PAUSE, of="a", host="box1", by="mlpipeline pause a") for name in "zmaq"]
    write(outputs, "box2", *(request.to_event() for request in asked))
    ledger = read(outputs)
    # By chance SQLite may return them so: have it choose the other way round wherever it may choose.
    ledger._index._tables.execute("PRAGMA reverse_unordered_selects = ON")
    assert ledger.open_requests("box1") == asked


ODD: Any = {"what": "this is"}


@pytest.mark.parametrize(
    "odd",
    [
        {"event": "released", "what": None},
        {"event": "released", "what": "net"},
        {"event": "released", "what": ["net", ODD]},
        {"event": "collected", "of": ["a"]},
        {"event": "answer", "request": ["one"], "said": "no"},
        {"event": "answer", "request": "one", "said": None},
        {"event": "request", "request": "one", "ask": ["stop"], "of": "a", "to": "box1", "by": "me"},
        {"event": "request", "request": "one", "ask": "stop", "of": "a", "to": ["box1"], "by": "me"},
        {"event": "request", "request": "one", "ask": "stop", "of": None, "to": "box1", "by": "me"},
        {**selected("c", "03"), "model": ODD},
        {**selected("c", "03"), "host": ODD},
        {**selected("c", "03"), "model_dir": ODD},
        {**selected("c", "03"), "previous": ODD},
    ],
    ids=json.dumps,
)
def test_an_event_with_something_of_another_type_costs_only_itself(outputs, odd):
    write(outputs, "box1", selected("a", "01"))
    read(outputs)
    inode = index_path(outputs, os.environ).stat().st_ino
    write(outputs, "box1", {"at": "02", **odd}, selected("b", "04"))
    warnings: list[str] = []
    ledger = Ledger.read(outputs, os.environ, warn=warnings.append)
    assert [run.id for run in ledger] == ["a", "b"]
    assert (ledger.open_requests("box1"), ledger.answer("one"), ledger.is_released("net")) == ([], None, False)
    assert len(warnings) == 1
    assert "is not understood" in warnings[0]
    assert index_path(outputs, os.environ).stat().st_ino == inode


def test_an_index_that_is_asked_for_what_makes_no_sense_is_kept(outputs):
    write(outputs, "box1", selected("a", "01"))
    ledger = read(outputs)
    with pytest.raises(sqlite3.ProgrammingError):
        ledger.is_released(ODD)
    assert index_path(outputs, os.environ).exists()


def outcome_of_test(at: str, identity: str, **changed: Any) -> dict[str, Any]:
    whose = {"model": "net", "version": "v", "identity": identity, "host": "box1", "model_dir": "net-v"}
    result = {"passed": False, "seconds": 1.0, "error": "ValueError: no", "traceback": "…"}
    return {"event": "tested", "at": at, **whose, **result, **changed}


def test_a_version_that_passed_its_test_on_any_host_has_passed_for_all(outputs):
    passed = outcome_of_test("02", "i", passed=True, error=None)
    write(outputs, "box1", passed)
    # A pass stands, whatever is read after it.
    write(outputs, "box2", outcome_of_test("03", "i", host="box2"), outcome_of_test("04", "other"))
    ledger = read(outputs)
    asked = (("net:v", "i"), ("net:v", "other"), ("net:w", "i"))
    assert [ledger.has_passed(*what) for what in asked] == [True, False, False]
    write(outputs, "box1", {**passed, "identity": "other"})
    ledger.catch_up()
    assert ledger.has_passed("net:v", "other")


def failed_tests(outputs: Outputs) -> list[tuple[str, str]]:
    return [(test.key, test.identity) for test in read(outputs).failed_tests()]


def test_a_failed_test_is_told_until_its_version_is_tested_again_or_runs(outputs):
    write(outputs, "box1", outcome_of_test("01", "i"), outcome_of_test("02", "i", version="w", model_dir="net-w"))
    assert failed_tests(outputs) == [("net:w", "i"), ("net:v", "i")]
    write(outputs, "box1", outcome_of_test("03", "j", version="w", model_dir="net-w"))
    assert failed_tests(outputs) == [("net:w", "j"), ("net:v", "i")]
    write(outputs, "box2", outcome_of_test("04", "k", version="w", model_dir="net-w", passed=True))
    assert failed_tests(outputs) == [("net:v", "i")]
    write(outputs, "box2", selected("a", "05"))
    assert failed_tests(outputs) == []
    write(outputs, "box2", outcome_of_test("06", "i"))
    assert failed_tests(outputs) == [("net:v", "i")]


def test_what_cannot_be_a_test_is_skipped_with_a_warning(outputs):
    write(outputs, "box1", {"event": "tested", "at": "01", "model": "net"}, outcome_of_test("02", "i"))
    warnings: list[str] = []
    ledger = Ledger.read(outputs, os.environ, warn=warnings.append)
    assert [test.identity for test in ledger.failed_tests()] == ["i"]
    assert len(warnings) == 1
    assert "a test is not understood" in warnings[0]


def test_a_person_means_a_run_by_the_beginning_of_its_id_or_the_latest_of_a_version(outputs):
    write(
        outputs, "box1", selected("abc", "01"), selected("abd", "02", previous="abc"), selected("b%", "03", version="w")
    )
    ledger = read(outputs)
    assert [run.id for run in ledger.named("ab")] == ["abc", "abd"]
    assert [run.id for run in ledger.named("abd")] == ["abd"]
    assert [run.id for run in ledger.named("net:v")] == ["abd"]
    assert [run.id for run in ledger.named("net:w")] == ["b%"]
    assert ledger.named("%") == []
    assert ledger.named("net:x") == []


def test_news_are_seen_although_another_process_was_faster_to_index_them(outputs):
    ledger = read(outputs)
    write(outputs, "box2", selected("b", "02", host="box2"))
    assert [run.id for run in read(outputs)] == ["b"]
    ledger.catch_up()
    assert ledger.news == 1


def test_what_is_noted_is_known_before_the_index_knows_it(outputs):
    ledger = read(outputs)
    write(outputs, "box1", selected("a", "01"))
    ledger.catch_up()
    note(ledger, outputs, event("ended", "a", "02", outcome="succeeded"))
    ledger.catch_up()
    assert ledger.get("a").outcome == "succeeded"
    assert ledger.latest("net-v").outcome == "succeeded"
    assert [run.outcome for run in ledger] == ["succeeded"]


def test_of_what_is_noted_only_so_much_is_ahead_of_the_index(outputs):
    ledger = read(outputs)
    write(outputs, "box1", selected("first", "01"))
    ledger.catch_up()
    for number in range(200):
        note(ledger, outputs, selected(f"run{number}", "02"))
        ledger.catch_up()
    with closing(sqlite3.connect(index_path(outputs, os.environ))) as index:
        (count,) = index.execute("SELECT count(*) FROM runs").fetchone()
    assert 100 < count < 200
    assert len(list(ledger)) == 201


def test_what_another_process_of_the_host_records_between_two_notes_is_read(outputs):
    ledger = read(outputs)
    write(outputs, "box1", selected("a", "01"))
    ledger.catch_up()
    note(ledger, outputs, selected("b", "02"))
    write(outputs, "box1", selected("c", "03"))
    note(ledger, outputs, event("running", "b", "04", pid=1, started_at="04"))
    ledger.catch_up()
    assert ledger.get("c").id == "c"
    assert ledger.get("b").state is State.RUNNING


def test_a_journal_that_cannot_be_read_is_not_forgotten_and_those_beside_it_are_read(outputs):
    write(outputs, "box2", selected("b", "01", host="box2"))
    ledger = read(outputs)
    path = outputs.path / "history-box2.jsonl"
    aside = path.rename(outputs.path / "aside")
    path.mkdir()
    (path / "entry").touch()
    write(outputs, "box1", selected("a", "02"))
    with pytest.raises(IsADirectoryError):
        ledger.catch_up()
    assert [run.id for run in ledger] == ["b", "a"]
    warnings: list[str] = []
    assert [run.id for run in Ledger.read(outputs, os.environ, warn=warnings.append)] == ["b", "a"]
    assert warnings == [f"{path} cannot be read: Is a directory"]
    (path / "entry").unlink()
    path.rmdir()
    aside.rename(path)
    write(outputs, "box2", event("running", "b", "03", pid=1, started_at="03"))
    ledger.catch_up()
    assert ledger.get("b").state is State.RUNNING


def test_an_outputs_folder_that_cannot_be_listed_is_not_an_empty_one(outputs):
    write(outputs, "box1", selected("a", "01"))
    ledger = read(outputs)
    aside = outputs.path.rename(outputs.path.with_name("aside"))
    outputs.path.touch()
    with pytest.raises(NotADirectoryError):
        ledger.catch_up()
    assert ledger.latest("net-v").id == "a"
    outputs.path.unlink()
    aside.rename(outputs.path)
    ledger.catch_up()
    assert ledger.latest("net-v").id == "a"


def test_versions_whose_latest_run_was_stopped_are_told_however_many_ran_since(outputs):
    def runs(name, *outcomes):
        for number, outcome in enumerate(outcomes):
            at, run = f"2026-11-{20 + number}T00:00:00.000+00:00", f"{name}{number}"
            before = f"{name}{number - 1}" if number else None
            yield {**selected(run, at, before), "version": name, "model_dir": f"net-{name}"}
            yield event("ended", run, at, outcome=outcome)

    others = [line for number in range(250) for line in runs(f"w{number}x", "succeeded", "succeeded")]
    write(outputs, "box1", *runs("v", "succeeded", "stopped"), *runs("w", "stopped", "succeeded"))
    write(outputs, "box1", *runs("u", "stopped"), *others)
    assert read(outputs).stopped() == ["net:u", "net:v"]

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlpipeline.daemon.catalogue import Offer, Problem
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.queue import Awaited
from mlpipeline.domain.states import Start
from mlpipeline.domain.waits import Wait


def offer(version: str, *after: str) -> Offer:
    return Offer(
        model="net", version=version, script="net.py", identity="i", parameters={}, seed=None,
        model_dir=f"net-{version}", files={}, after=tuple(Awaited(script=script, version=None) for script in after),
    )  # fmt: skip


class Doubt:
    """An obstacle that says what it is told to, and knows whom it was asked about."""

    def __init__(self):
        self.is_active = True
        self.waits: dict[str, Wait] = {}
        self.asked: list[str] = []

    def wait(self, offer: Offer) -> Wait | None:
        self.asked.append(offer.version)
        return self.waits.get(offer.version)

    def asked_since(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture
def doubt() -> Doubt:
    return Doubt()


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def todo(doubt, log) -> Todo:
    offers = [offer("a"), offer("b"), offer("c", "other.py"), replace(offer("d"), is_on_hold=True)]
    catalogue = SimpleNamespace(
        offers=offers, in_turn=offers, generation=0, refresh=lambda: None, unusable_on_hold=["broken.py"]
    )
    ledger = SimpleNamespace(news=0, catch_up=lambda: None, latest=lambda _: None, is_collected=lambda _: False)
    todo = Todo(catalogue, ledger, LaunchOptions(), "box1", log.append)
    todo.obstacles = [doubt]
    todo.refresh()
    return todo


def test_how_all_stands_is_told_at_once(todo, doubt):
    doubt.waits = {"b": Wait(why="bad", is_held=True, traceback="there"), "c": Wait(why="after other")}
    outlook = todo.outlook
    assert (outlook.waiting_count, outlook.next) == (2, ["net:a", "net:d"])
    assert outlook.waits == [Problem(what="net:c", why="after other")]
    assert outlook.held == [Problem(what="net:b", why="bad", traceback="there")]
    assert not todo.is_over


def test_until_something_changes_nobody_is_asked_again(todo, doubt):
    assert todo.outlook.waiting_count == 4
    assert doubt.asked_since() == ["a", "b", "c", "d"]
    assert (todo.outlook.waiting_count, todo.is_over) == (4, False)
    assert doubt.asked_since() == []


def test_a_begin_and_an_end_ask_again_only_about_what_comes_after_others(todo, doubt):
    assert todo.outlook.next == ["net:a", "net:b", "net:c", "net:d"]
    doubt.asked_since()
    todo.note_begun("net:a", "i")
    assert todo.outlook.next == ["net:b", "net:c", "net:d"]
    assert doubt.asked_since() == ["c"]
    doubt.waits["c"] = Wait(why="other failed", is_held=True)
    todo.note_ended("net-a")
    assert todo.outlook.next == ["net:b", "net:d"]
    assert doubt.asked_since() == ["c"]


def test_what_nobody_keeps_any_more_is_asked_about_again_when_that_is_said(todo, doubt):
    doubt.waits["b"] = Wait(why="bad", is_held=True)
    assert todo.outlook.next == ["net:a", "net:c", "net:d"]
    doubt.waits.clear()
    todo.forget_waits()
    assert todo.outlook.next == ["net:a", "net:b", "net:c", "net:d"]


def test_an_obstacle_that_has_something_to_keep_by_now_is_heard_once_that_is_said(todo, doubt):
    doubt.is_active = False
    assert todo.outlook.waiting_count == 4
    doubt.is_active, doubt.waits["b"] = True, Wait(why="bad", is_held=True)
    todo.forget_waits()
    assert [offer.version for offer, _ in todo.candidates()] == ["a", "c", "d"]


def test_it_is_over_when_all_that_is_left_is_held(todo, doubt):
    doubt.waits = {version: Wait(why="bad", is_held=True) for version in "abcd"}
    assert todo.is_over
    doubt.waits["d"] = Wait(why="in a moment")
    todo.forget_waits()
    assert not todo.is_over


def test_what_is_to_be_started_is_counted_without_what_is_held_or_was_begun(todo, doubt):
    assert todo.outlook.to_start == {("net", Start.CLEAN): 4}
    todo.note_begun("net:a", "i")
    doubt.waits = {"b": Wait(why="bad", is_held=True), "c": Wait(why="after other")}
    todo.forget_waits()
    assert todo.outlook.to_start == {("net", Start.CLEAN): 2}
    todo.note_begun("net:c", "i")
    todo.note_begun("net:d", "i")
    assert todo.outlook.to_start == {}


def test_what_somebody_holds_and_what_comes_after_that_is_no_trouble_and_keeps_nobody(todo, doubt):
    meant = Wait(why="held in models.toml", is_held=True, is_meant=True)
    behind = Wait(why="after net:d, which is held in models.toml", is_held=True, is_meant=True)
    doubt.waits = {"d": meant, "c": behind, "b": Wait(why="bad", is_held=True)}
    outlook = todo.outlook
    assert outlook.on_hold == [Problem(what=what, why="held in models.toml") for what in ("net:d", "broken.py")]
    assert (outlook.waits, outlook.behind_count) == ([Problem(what="net:c", why=behind.why)], 1)
    assert [problem.what for problem in outlook.held] == ["net:b"]
    assert (outlook.waiting_count, outlook.next) == (1, ["net:a"])
    assert not todo.is_over
    todo.note_begun("net:a", "i")
    assert todo.is_over


def test_what_was_begun_in_vain_is_started_again_in_the_same_launch(todo):
    todo.note_begun("net:a", "i")
    todo.refresh()
    assert todo.to_run("net:a") is None
    assert not todo.is_out_of_date
    todo.forget_begun("net:a")
    assert todo.is_out_of_date
    todo.refresh()
    assert todo.to_run("net:a") is not None


def test_what_is_held_for_one_reason_is_one_line_of_the_log_said_once(todo, doubt, log):
    bad = Wait(why="bad", is_held=True)
    doubt.waits = {"a": bad, "b": bad, "c": Wait(why="worse", is_held=True, traceback="there")}
    assert [offer.version for offer, _ in todo.candidates()] == ["d"]
    todo.forget_waits()
    assert len(todo.outlook.held) == 3
    said = ["2 versions of net are held: bad", "net:c is held: worse (traceback in status)"]
    assert log == said
    todo.forget_waits()
    assert len(todo.outlook.held) == 3
    assert log == said


def test_what_is_let_go_and_held_again_is_said_again(todo, doubt, log):
    doubt.waits = {"a": Wait(why="bad", is_held=True)}
    for waits in (doubt.waits, {}, doubt.waits):
        doubt.waits = waits
        todo.forget_waits()
        assert todo.outlook is not None
    assert log == ["net:a is held: bad"] * 2

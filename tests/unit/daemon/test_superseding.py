from __future__ import annotations

from types import SimpleNamespace

import pytest

from mlpipeline.daemon.superseding import Superseding


class Queue:
    """What a queue lists, as the catalogue says it; it knows how often it was asked."""

    def __init__(self):
        self.generation = 1
        self.listed = {"net": ("a",)}
        self.identity = "i"
        self.is_on_hold = False
        self.asked = 0

    def find(self, key):
        self.asked += 1
        offer = SimpleNamespace(identity=self.identity, is_on_hold=self.is_on_hold)
        return offer if key == "net:a" and self.listed else None


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def superseding(queue) -> Superseding:
    runs = {id: SimpleNamespace(id=id, key="net:a", model="net", version="a", identity="i") for id in "xy"}
    return Superseding(queue, SimpleNamespace(run=runs.__getitem__))


def test_while_the_queue_is_the_same_a_run_is_compared_with_it_once(superseding, queue):
    for id in "xxyx":
        assert superseding.why(id, is_plan_whole=True) is None
    assert queue.asked == 2


def test_what_was_edited_is_superseded_once_the_queue_is_another(superseding, queue):
    assert superseding.why("x", is_plan_whole=True) is None
    queue.identity = "j"
    queue.generation += 1
    assert superseding.why("x", is_plan_whole=True) == "it was edited"


def test_what_is_held_in_the_queue_file_is_not_tried_again_for_now(superseding, queue):
    queue.is_on_hold = True
    assert superseding.why("x", is_plan_whole=False) == "it is held in models.toml"


def test_what_is_not_listed_is_superseded_once_all_that_is_listed_is_known(superseding, queue):
    queue.listed = {}
    assert superseding.why("x", is_plan_whole=False) is None
    assert superseding.why("x", is_plan_whole=True) == "it is not listed any more"

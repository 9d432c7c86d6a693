from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlpipeline.daemon.catalogue import Problem
from mlpipeline.daemon.choosing import Chooser
from mlpipeline.daemon.leases import Supply
from mlpipeline.domain.resources import Resources


class Disk:
    """A disk as full as it is said to be."""

    shortage = "1 MB are free"

    def __init__(self) -> None:
        self.is_full = True

    def look(self) -> bool:
        return not self.is_full


class Queue:
    """What is listed: nothing, or one offer."""

    has_any = False

    def __init__(self, *offers: Any) -> None:
        self.offers = offers

    def candidates(self) -> Any:
        return iter(self.offers)


NOTHING, SOMETHING = Queue(), Queue("an offer")
FULL = [Problem(what="everything", why=Disk.shortage)]


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def chooser(disk: Disk) -> Chooser:
    catalogue: Any = SimpleNamespace(generation=0, offers=[])
    leases: Any = SimpleNamespace(supply=lambda kinds: Supply(total={}, free={}, notes={}))
    said: Any = disk
    return Chooser(catalogue, leases, said, "box1", lambda text: None)


def tick(chooser: Chooser, listed: Any, *due: str) -> list[Problem]:
    """Have a daemon start what it may, and return what waits."""
    chooser.forget_foremost()
    for key in due:
        chooser.may_start(key, Resources())
    chooser.next(listed)
    return chooser.waits


def test_a_full_disk_is_told_where_nothing_but_a_further_attempt_is_due(chooser, disk):
    assert tick(chooser, NOTHING, "net:v") == FULL
    disk.is_full = False
    assert tick(chooser, NOTHING, "net:v") == []


def test_a_full_disk_is_told_while_something_would_start(chooser, disk):
    assert tick(chooser, SOMETHING) == FULL
    assert tick(chooser, NOTHING) == []
    assert tick(chooser, SOMETHING) == FULL
    disk.is_full = False
    assert tick(chooser, SOMETHING) == []

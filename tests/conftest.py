"""Fixtures of all tests; what they hand out is in `support.py`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from support import Project, write_project
from two_hosts import TwoHosts, made_two_hosts

from mlpipeline.daemon.machine import Machine

# What pip installs is kept compiled. Without that, each of the many processes that are started here compiles it anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many tests at once as there are cores, and four at least: most tests wait for processes most of the time."""
    return max(4, int(Machine().cpus))


@pytest.fixture
def make_project() -> Iterator[Callable[..., Project]]:
    """Write a project (see `support.write_project`); what was started in it is killed when the test ends."""
    made: list[Project] = []

    def make(*arguments, **keywords) -> Project:
        made.append(write_project(*arguments, **keywords))
        return made[-1]

    yield make
    for project in made:
        project.kill_everything()


@pytest.fixture(scope="session")
def two_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoHosts]:
    """A project with a run of every kind, from two hosts, see `two_hosts`: to look at, not to change."""
    with made_two_hosts(tmp_path_factory.mktemp("two-hosts")) as made:
        yield made

"""When spare workers are there, and when one is not used that is."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support import wait_until, write_attempt

from mlpipeline.executors import spares as spares_module
from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.spares import Spares


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])))
    return folder


@pytest.fixture
def spares() -> Iterator[Spares]:
    found = Spares()
    yield found
    found.close()


@pytest.fixture
def attempt(tmp_path: Path, project: Path) -> Attempt:
    """One whose worker, if there is one, ends at once: there is no script."""
    made = write_attempt(tmp_path, project / "net.py", "r")
    made.dir.path.mkdir()
    return made


def fill(spares: Spares, project: Path) -> list[psutil.Process]:
    """Have all ready that may be, and return them."""

    def are_ready() -> bool:
        spares.tend()
        return bool(spares._waiting) and all(spare.is_ready for spare in spares._waiting)

    spares.fill(project)
    wait_until(are_ready)
    return [psutil.Process(spare.process.pid) for spare in spares._waiting]


def begun(attempt: Attempt) -> bool:
    """Whether any process took the attempt."""
    return attempt.dir.output.exists()


def test_one_that_is_ready_becomes_the_worker(spares, project, attempt):
    waiting = fill(spares, project)
    child = spares.take(attempt, "fresh")
    assert child.pid in {process.pid for process in waiting}
    assert child.wait(timeout=30) == 1
    assert begun(attempt)


def test_a_single_run_has_none_started_and_the_second_soon_after_has(spares, project, monkeypatch):
    spares.prepare(project)
    assert spares._waiting == []
    monkeypatch.setattr(spares_module, "_MOST_AGE_S", 0.0)
    spares.prepare(project)
    assert spares._waiting == []
    monkeypatch.undo()
    spares.prepare(project)
    assert len(spares._waiting) == min(2, len(os.sched_getaffinity(0)))


def test_one_that_is_not_ready_is_not_waited_for(spares, project, attempt):
    spares.fill(project)
    assert spares.take(attempt, "fresh") is None
    assert spares._waiting != []


def test_one_that_is_stopped_is_not_waited_for_longer_than_a_moment(spares, project, attempt):
    waiting = fill(spares, project)
    for process in waiting:
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda process=process: process.status() == psutil.STATUS_STOPPED)
    began = time.monotonic()
    assert spares.take(attempt, "fresh") is None
    assert time.monotonic() - began < 2
    assert not any(process.is_running() for process in waiting)
    assert not begun(attempt)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_killed_costs_nothing(spares, project, attempt, number):
    waiting = fill(spares, project)
    for process in waiting:
        process.send_signal(number)
    wait_until(lambda: all(process.status() == psutil.STATUS_ZOMBIE for process in waiting))
    assert spares.take(attempt, "fresh") is None
    assert not any(process.is_running() for process in waiting)
    assert not begun(attempt)


def test_where_they_are_killed_again_and_again_no_more_are_started(spares, project):
    for _ in range(3):
        for process in fill(spares, project):
            process.kill()
        wait_until(lambda: spares.tend() or not spares._waiting)
        if spares._lost >= 3:
            break
    spares.fill(project)
    assert spares._waiting == []


def install(project: Path, site: Path) -> None:
    (site / "package").mkdir()


def add_path_file(project: Path, site: Path) -> None:
    (site / "more.pth").write_text("")


def move_project(project: Path, site: Path) -> None:
    project.rename(project.with_name("old"))
    project.mkdir()


def delete_project(project: Path, site: Path) -> None:
    project.rmdir()


def limit(project: Path, site: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (4096, hard))


@pytest.fixture
def _same_limits() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.usefixtures("_same_limits")
@pytest.mark.parametrize("change", [install, add_path_file, move_project, delete_project, limit])
def test_what_a_worker_would_find_changed_is_not_left_to_one_that_was_started_before(
    spares, project, attempt, site, change: Callable[[Path, Path], None]
):
    waiting = fill(spares, project)
    change(project, site)
    assert spares.take(attempt, "fresh") is None
    assert not any(process.is_running() for process in waiting)
    assert not begun(attempt)
    # That is nobody's fault: others may follow.
    assert spares._lost == 0


def test_one_that_has_waited_for_long_ends(spares, project, monkeypatch):
    waiting = fill(spares, project)
    monkeypatch.setattr(spares_module, "_MOST_AGE_S", 0.0)
    spares.tend()
    assert spares._waiting == []
    assert not any(process.is_running() for process in waiting)


def test_none_is_kept_where_the_user_has_code_run_when_python_starts(spares, project, site):
    (site / "sitecustomize.py").write_text("")
    spares.fill(project)
    wait_until(lambda: spares.tend() or not spares._waiting)
    spares.fill(project)
    assert spares._waiting == []


def test_they_end_when_their_daemon_is_gone(spares, project):
    waiting = fill(spares, project)
    for spare in spares._waiting:
        spare._channel.close()
    wait_until(lambda: all(process.status() == psutil.STATUS_ZOMBIE for process in waiting))
    assert [spare.process.wait() for spare in spares._waiting] == [0] * len(waiting)

"""CPUs and memory are promised to the runs that ask for them, and no run starts on a disk that is nearly full."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from gpus import Box
from needs import lacking
from small_disk import SmallDisk
from support import GATE_SOURCE, Project, wait_until

MakeProject = Callable[..., Project]

MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path, 0)


def wait_told(project: Project, text: str) -> None:
    wait_until(lambda: text in project.log, message=lambda: f"{text}\n{project.log}")


class MemoryGroup:
    """A control group whose processes may use so much memory together."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        path.mkdir()
        (path / "memory.limit_in_bytes").write_text(str(limit))

    def take_in(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        for pid in (self.path / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (self.path.parent / "cgroup.procs").write_text(pid)
        self.path.rmdir()


@pytest.fixture
def memory_group(tmp_path: Path) -> Iterator[MemoryGroup]:
    own = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line), None)
    path = MEMORY_GROUPS / f"mlpipeline-test-{os.getpid()}"
    try:
        assert own is not None
        group = MemoryGroup(path, 700_000_000)
    except (AssertionError, OSError):
        lacking("memory group of our own")
    yield group
    wait_until(lambda: not (path / "cgroup.procs").read_text().split(), 30, "an end of all processes of the group")
    group.remove()


def test_no_more_cpus_are_promised_than_there_are(make_project: MakeProject, box: Box):
    count = len(os.sched_getaffinity(0))
    asked = {"a": {"cpus": count - 0.5}, "b": {"cpus": 1}, "c": {"cpus": 0.5}, "d": None, "huge": {"cpus": count + 1}}
    project = box.project(make_project, asked)
    daemon = project.start("-r", "-j", "5", env=box.env)
    # What is free is kept for the first that waits.
    wait_told(project, f"net:b waits for 1 CPU: 0.5 of {count} are free")
    assert box.leased("d") is None
    assert (box.has_begun("b"), box.has_begun("c")) == (False, False)
    box.open_gates(*"abcd")
    assert daemon.wait(timeout=60) == 1, daemon.out
    assert f"net:huge is held: asks for {count + 1} CPUs; testhost has {count}" in project.log
    assert all(box.has_begun(version) for version in "abc")


def test_memory_that_was_promised_and_is_not_used_yet_is_not_promised_again(make_project: MakeProject, box: Box):
    most = int(psutil.virtual_memory().available * 0.8)
    huge = psutil.virtual_memory().total * 2
    project = box.project(make_project, {"a": {"memory": most}, "b": {"memory": most}, "huge": {"memory": huge}})
    daemon = project.start("-r", "-j", "3", env=box.env)
    box.leased("a")
    wait_told(project, "net:b waits for ")
    assert "of memory" in project.log
    assert not box.has_begun("b")
    box.open_gates("a", "b")
    assert daemon.wait(timeout=60) == 1, daemon.out
    assert box.has_begun("b")
    assert "net:huge is held: asks for " in project.log


LARGE = """
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train():
    kept = b"x" * 250_000_000
    wait_for({gate!r}, timeout_s=300)
    return {{"size": len(kept)}}
versions = Versions(resources={{"memory": "300MB"}})
versions.add_version("large")
MODEL = FunctionModel(train, versions)
"""


def test_a_memory_group_is_all_there_is_and_what_is_used_is_not_counted_twice(
    make_project: MakeProject, box: Box, memory_group: MemoryGroup
):
    large = box.gate("large")
    project = make_project(box.folder / "large", {"_gate.py": GATE_SOURCE, "large.py": LARGE.format(gate=str(large))})
    daemon = project.start("-r", "-j", "4", env=box.env)
    memory_group.take_in(daemon.pid)
    large.wait_reached()
    # Beside 250 MB that are used of 300, there is room for 300 and not for 600 in a group of 700.
    project.write_script("net.py", box.script({"a": {"memory": "300MB"}, "huge": {"memory": "1GB"}}))
    project.write_script("more.py", box.script({"b": {"memory": "300MB"}}))
    project.write_queue(["large.py", "net.py", "more.py"])
    box.leased("a")
    wait_told(project, "more:b waits for 300 MB of memory: ")
    assert " of 700 MB are free" in project.log
    assert not box.has_begun("b")
    large.open()
    box.open_gates("a", "b")
    assert daemon.wait(timeout=60) == 1, daemon.out
    assert box.has_begun("b")
    assert "net:huge is held: asks for 1 GB of memory; testhost has 700 MB" in project.log


def test_below_the_watermark_no_run_starts_and_the_queue_goes_on_when_there_is_room(
    make_project: MakeProject, box: Box
):
    project = box.project(make_project, {"a": None}, settings='[queue]\nmin_free_disk = "100kB"\n')
    disk = SmallDisk(project.outputs)
    try:
        disk.leave(60_000)
        daemon = project.start("-r", env=box.env)
        wait_told(project, "nothing new starts until there is room: ")
        assert f"are free on the disk of {project.outputs}; min_free_disk is 100 kB" in project.log
        assert "  everything: " in wait_until(
            lambda: shown if "everything" in (shown := project.run("status").stdout) else None
        )
        assert daemon.poll() is None
        disk.make_room()
        box.leased("a")
        project.write_script("more.py", box.script({"b": None}))
        project.write_queue(["net.py", "more.py"])
        disk.leave(60_000)
        box.open_gates("a", "b")
        wait_until(lambda: project.log.count("nothing new starts until there is room: ") == 2)
        assert not box.has_begun("b")
        disk.make_room()
        assert daemon.wait(timeout=60) == 0, daemon.out
        assert box.has_begun("b")
        assert project.log.count("there is room on the disk again") == 2
        assert project.log.count("nothing new starts until there is room: ") == 2
    finally:
        project.kill_everything()
        disk.unmount()


def test_a_watermark_of_nought_is_off(make_project: MakeProject, box: Box):
    project = box.project(make_project, {"a": None}, settings="[queue]\nmin_free_disk = 0\n")
    disk = SmallDisk(project.outputs)
    try:
        disk.leave(200_000)
        box.open_gates("a")
        assert project.run("-r", env=box.env).returncode == 0
    finally:
        project.kill_everything()
        disk.unmount()

from __future__ import annotations

from pathlib import Path

import pytest

from mlpipeline.executors.kernel_log import OomKill
from mlpipeline.executors.oom_kills import OomKills


class Log:
    """A kernel's log that says what it is told to."""

    def __init__(self) -> None:
        self.said: list[OomKill | None] = []

    def kills(self) -> list[OomKill | None]:
        return self.said

    def name(self, *pids: int) -> None:
        self.said += [OomKill(pid=pid, is_of_cgroup=True) for pid in pids]


class Machine:
    """Counts of kills, of one cgroup and of the machine; and a log."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroup = folder / "proc", folder / "cgroup"
        for path in (self.proc / "self", self.proc / "7", self.cgroup):
            path.mkdir(parents=True)
        (self.proc / "self/mountinfo").write_text(f"1 0 0:1 / {self.cgroup} rw - cgroup2 cgroup2 rw\n")
        for name in ("self", "7"):
            (self.proc / name / "cgroup").write_text("0::/\n")
        (self.cgroup / "memory.max").write_text("150000000\n")
        self.kills = 0
        self.kill(3)
        self.log = Log()
        self.oom_kills = OomKills(self.log, self.proc)

    def kill(self, times: int = 1, elsewhere: int = 0) -> None:
        self.kills += times
        (self.cgroup / "memory.events").write_text(f"oom_kill {self.kills}\n")
        (self.proc / "vmstat").write_text(f"oom_kill {self.kills + elsewhere}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_count_that_rose_says_that_the_kernel_did_it(machine):
    watch = machine.oom_kills.watch()
    assert watch.reason(7) is None
    machine.kill()
    told = "its cgroup was out of memory (limit 150 MB). Have it use less, or raise the limit"
    assert watch.reason(7) == told
    assert watch.reason(7) == told  # it may be asked again


def test_kills_before_it_began_or_in_other_cgroups_are_not_its_own(machine):
    watch = machine.oom_kills.watch(7)
    machine.kill(0, elsewhere=2)
    assert watch.reason(7) is None


def test_one_kill_explains_one_end(machine):
    first, second, third = (machine.oom_kills.watch() for _ in range(3))
    machine.kill(2)
    assert first.reason(7) is not None
    assert second.reason(8) is not None
    assert third.reason(9) is None
    machine.kill()
    assert third.reason(9) is not None


def test_the_log_decides_between_those_that_ended(machine):
    first, second = machine.oom_kills.watch(), machine.oom_kills.watch()
    machine.kill()
    machine.log.name(8)
    assert first.reason(7) is None
    assert second.reason(8) is not None


def test_the_log_of_earlier_kills_says_nothing_of_later_ends(machine):
    machine.log.name(7)
    watch = machine.oom_kills.watch()
    assert watch.reason(7) is None


def test_a_log_with_a_gap_does_not_decide(machine):
    watch = machine.oom_kills.watch()
    machine.kill()
    machine.log.said.append(None)
    machine.log.name(8)
    assert watch.reason(7) is not None


def test_an_unknown_process_of_a_run_is_one_that_no_other_run_claims(machine):
    worker, child, other = (machine.oom_kills.watch() for _ in range(3))
    machine.kill(2)
    machine.log.name(7, 70)
    assert worker.reason(7) is not None
    assert child.reason(None) is not None
    assert other.reason(None) is None


def test_without_a_cgroup_the_count_of_the_machine_is_gone_by(machine):
    (machine.proc / "self/cgroup").write_text("")
    watch = machine.oom_kills.watch()
    machine.kill(0, elsewhere=1)
    assert watch.reason(7).startswith("the machine was out of memory (")


def test_where_the_cgroup_went_with_its_last_process_the_machine_is_asked(machine):
    watch = machine.oom_kills.watch()
    machine.kill()
    (machine.cgroup / "memory.events").unlink()
    assert watch.reason(7) is not None


def test_where_nobody_counts_nothing_is_claimed(machine):
    (machine.cgroup / "memory.events").unlink()
    (machine.proc / "vmstat").unlink()
    watch = machine.oom_kills.watch()
    assert watch.reason(7) is None

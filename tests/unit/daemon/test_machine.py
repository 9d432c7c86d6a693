import os
from types import SimpleNamespace

import psutil
import pytest

from mlpipeline.daemon.machine import Machine

GB = 10**9
UNLIMITED = "9223372036854771712"


@pytest.fixture(autouse=True)
def large_machine(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=64 * GB, available=40 * GB))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


@pytest.fixture
def machine(tmp_path):
    """Make a machine whose processes are in these groups, with these files; without any, nothing is limited."""

    def make(groups, files):
        for name, text in {"proc/self/cgroup": groups, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return Machine(tmp_path)

    return make


def seen(machine):
    return machine.cpus, machine.memory_bytes, machine.available_bytes


def test_without_groups_it_is_the_machine(machine, tmp_path):
    assert seen(Machine(tmp_path / "nothing")) == (16, 64 * GB, 40 * GB)
    assert seen(machine("0::/", {})) == (16, 64 * GB, 40 * GB)


def test_groups_of_the_second_version(machine):
    group = "sys/fs/cgroup/user/mlp"
    found = machine(
        "0::/user/mlp",
        {
            f"{group}/cpu.max": "250000 100000",
            f"{group}/memory.max": str(8 * GB),
            f"{group}/memory.current": str(6 * GB),
            # What is cached gives way.
            f"{group}/memory.stat": f"anon {3 * GB}\ninactive_file {2 * GB}\nactive_file {GB}",
        },
    )
    assert seen(found) == (2.5, 8 * GB, 4 * GB)


def test_the_groups_around_count_too_and_the_narrowest_decides(machine):
    found = machine(
        "0::/user/mlp",
        {
            "sys/fs/cgroup/user/mlp/cpu.max": "max 100000",
            "sys/fs/cgroup/user/mlp/memory.max": "max",
            "sys/fs/cgroup/user/mlp/memory.current": str(GB),
            "sys/fs/cgroup/user/cpu.max": "400000 100000",
            "sys/fs/cgroup/user/memory.max": str(16 * GB),
            "sys/fs/cgroup/user/memory.current": str(15 * GB),
        },
    )
    assert seen(found) == (4, 16 * GB, GB)


def test_groups_of_the_first_version(machine):
    found = machine(
        "5:cpu,cpuacct:/mlp\n4:memory:/mlp\n0::/",
        {
            "sys/fs/cgroup/cpu/mlp/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/mlp/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/mlp/memory.limit_in_bytes": str(4 * GB),
            "sys/fs/cgroup/memory/mlp/memory.usage_in_bytes": str(3 * GB),
            "sys/fs/cgroup/memory/mlp/memory.stat": f"inactive_file 5\ntotal_inactive_file {GB}",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(9 * GB),
        },
    )
    assert seen(found) == (0.5, 4 * GB, 2 * GB)


@pytest.mark.parametrize("path", ["/docker/of-the-machine-around", "/../elsewhere"])
def test_in_a_container_the_mount_is_the_group(machine, path):
    found = machine(
        f"0::{path}",
        {
            "sys/fs/cgroup/memory.max": str(2 * GB),
            "sys/fs/cgroup/memory.current": str(GB),
            "sys/fs/elsewhere/memory.max": "5",
            "sys/fs/elsewhere/memory.current": "5",
        },
    )
    assert seen(found) == (16, 2 * GB, GB)


def test_more_than_there_is_in_the_group_is_nothing_at_all(machine):
    found = machine("0::/", {"sys/fs/cgroup/memory.max": str(GB), "sys/fs/cgroup/memory.current": str(2 * GB)})
    assert found.available_bytes == 0

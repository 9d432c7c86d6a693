from __future__ import annotations

from pathlib import Path

import pytest

from mlpipeline.executors.cgroups import counted, membership_of, memory_cgroup

V1_LINE = (
    "35 31 0:32 {root} {mount} rw,relatime - cgroup cgroup rw,memory\n34 31 0:31 / /other rw - cgroup cgroup rw,cpu\n"
)
V2_LINE = "41 31 0:38 {root} {mount} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def found_for(pid: int, proc: Path):
    return memory_cgroup(membership_of(pid, proc), proc)


def write_proc(folder: Path, membership: str, mountinfo: str) -> Path:
    proc = folder / "proc"
    for name, file, text in (("4711", "cgroup", membership), ("self", "mountinfo", mountinfo)):
        (proc / name).mkdir(parents=True)
        (proc / name / file).write_text(text)
    return proc


def write_files(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


@pytest.mark.parametrize("root", ["/", "/docker/1f"])
def test_version_1_says_its_own_kills_and_the_least_limit_above_it(tmp_path, root):
    mount = tmp_path / "memory"
    name = f"{root.rstrip('/')}/jobs/one"
    proc = write_proc(tmp_path, f"5:cpu:/\n4:memory:{name}\n0::/\n", V1_LINE.format(root=root, mount=mount))
    write_files(mount, memory__limit_in_bytes=9223372036854771712)
    write_files(mount / "jobs", memory__limit_in_bytes=500)
    write_files(mount / "jobs/one", memory__limit_in_bytes=700, memory__oom_control="under_oom 0\noom_kill 3")
    found = found_for(4711, proc)
    assert found is not None
    assert (found.path, found.is_unified) == (mount / "jobs/one", False)
    assert (found.oom_kills(), found.limit_bytes()) == (3, 500)


def test_version_2_says_its_kills_and_the_least_limit_above_it(tmp_path):
    mount = tmp_path / "unified"
    proc = write_proc(tmp_path, "0::/user.slice/app.scope\n", V2_LINE.format(root="/", mount=mount))
    write_files(mount / "user.slice", memory__max=800)
    write_files(mount / "user.slice/app.scope", memory__max="max", memory__events="low 0\noom 9\noom_kill 2")
    found = found_for(4711, proc)
    assert found is not None
    assert (found.oom_kills(), found.limit_bytes()) == (2, 800)


def test_where_memory_is_counted_by_version_1_the_other_is_not_asked(tmp_path):
    mounts = V2_LINE.format(root="/", mount=tmp_path / "two") + V1_LINE.format(root="/", mount=tmp_path / "one")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    found = found_for(4711, write_proc(tmp_path, "4:memory:/\n0::/\n", mounts))
    assert found is not None
    assert found.path == tmp_path / "one"


def test_no_limit_and_no_count_are_none(tmp_path):
    mount = tmp_path / "unified"
    found = found_for(4711, write_proc(tmp_path, "0::/\n", V2_LINE.format(root="/", mount=mount)))
    assert found is None  # it is not mounted
    mount.mkdir()
    found = found_for(4711, tmp_path / "proc")
    assert found is not None
    assert (found.oom_kills(), found.limit_bytes()) == (None, None)
    assert found_for(12, tmp_path / "proc") is None  # there is no such process


def test_what_is_outside_of_a_container_is_not_mistaken_for_what_is_mounted(tmp_path):
    mount = tmp_path / "unified"
    mount.mkdir()
    proc = write_proc(tmp_path, "0::/docker/1fe\n", V2_LINE.format(root="/docker/1f", mount=mount))
    assert found_for(4711, proc) is None


def test_a_count_stands_behind_its_name(tmp_path):
    path = tmp_path / "vmstat"
    path.write_text("oom_kill_more 7\noom_kill 4\nodd\n")
    assert [counted(path, name) for name in ("oom_kill", "odd", "none")] == [4, None, None]
    assert counted(tmp_path / "missing", "oom_kill") is None

"""No home, no git, a git that hangs, a clock that jumps, a history that was torn: the launch goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from night import Night
from support import HOST, Project, wait_until


@pytest.fixture
def night(make_project: Callable[..., Project], tmp_path: Path) -> Night:
    made = Night(make_project, tmp_path)
    made.gate.open()
    return made


def git_found(night: Night) -> Any:
    """What the latest launch recorded of git."""
    names = [event["environment"] for event in night.project.history() if event["event"] == "environment"]
    path = night.project.outputs / "environments" / f"{names[-1]}.json"
    return json.loads(path.read_text())["git"]


def path_without_git(night: Night) -> str:
    """A PATH with only what the tests' own programs need, and no git."""
    folder = night.outside / "bin"
    folder.mkdir()
    for name in ("sh", "sleep"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return str(folder)


def test_without_git_that_is_recorded_as_none(night: Night):
    assert night.project.run("-r", env={**night.env, "PATH": path_without_git(night)}).returncode == 0
    assert git_found(night) is None
    night.check_all_is_settled(runs=1)


def test_a_git_that_hangs_holds_nobody_up_and_is_gone_afterwards(night: Night):
    path = path_without_git(night)
    git = Path(path, "git")
    git.write_text("#!/bin/sh\nsleep 600\n")
    git.chmod(0o755)
    assert night.project.run("-r", env={**night.env, "PATH": path}, timeout=20).returncode == 0
    assert git_found(night) is None
    night.check_all_is_settled(runs=1)


def test_commit_changes_and_new_files_are_recorded(night: Night):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(night.project.root)]
    for arguments in (["init", "-q"], ["add", "mlp.toml", "models"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    night.write_script(before="pass")
    assert night.project.run("-r", env=night.env).returncode == 0
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    found = git_found(night)
    assert found["commit"] == head
    assert "+    pass" in found["diff"]
    assert "models.toml" in found["untracked"]


@pytest.mark.parametrize("home", [None, "/dev/null"], ids=["none", "not a folder"])
def test_a_home_that_is_not_there_or_cannot_be_written_is_not_needed(night: Night, home):
    environment = {**night.project.environment(night.env), "XDG_CACHE_HOME": ""}
    environment.pop("HOME", None)
    if home is not None:
        environment["HOME"] = home
    for arguments in (["-r"], [], ["status"]):
        done = subprocess.run(
            [sys.executable, "-m", "mlpipeline", *arguments],
            cwd=night.project.root,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert b"Traceback" not in done.stderr
    night.check_all_is_settled(runs=1)


#: Every process that is started with it on its path lives ten years ago.
_PAST = """
import sys
if "mlpipeline" in " ".join(sys.orig_argv):
    import time
    real = time.time
    time.time = lambda: real() - 315_360_000
    import datetime
    class Past(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - datetime.timedelta(days=3650)
    datetime.datetime = Past
"""


def test_a_clock_that_was_set_back_changes_neither_order_nor_durations_nor_what_runs_again(night: Night):
    folder = night.outside / "past"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_PAST)
    past = {**night.env, "PYTHONPATH": str(folder)}
    assert night.project.run("-r", env=night.env).returncode == 0
    night.write_script(before="pass")
    assert night.project.run("-r", env=past).returncode == 0
    runs = json.loads(night.project.run("runs", "--json", env=past).stdout)
    assert len(runs) == 2
    newest, oldest = runs
    assert newest["ended_at"] < oldest["ended_at"]
    assert [event["run"] for event in night.project.history() if event["event"] == "selected"] == [
        oldest["id"],
        newest["id"],
    ]
    assert all(0 <= run["seconds"] < 60 for run in runs)
    assert night.project.run("-r", "-u", env=past).returncode == 0
    assert night.executions == 2


def test_a_clock_that_jumps_while_a_run_is_under_way_keeps_status_true(night: Night):
    night.gate.forget()
    daemon = night.project.start("-r", env=night.env)
    night.gate.wait_reached()
    night.project.wait_for("running")
    folder = night.outside / "past"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_PAST)
    past = {**night.env, "PYTHONPATH": str(folder)}
    status = json.loads(night.project.run("status", "--json", env=past).stdout)
    assert status["daemon"]["is_alive"] is True
    assert [run["state"] for run in status["runs"]] == ["running"]
    daemon.kill()
    daemon.wait()
    # The next daemon lives ten years earlier, and knows the worker all the same.
    second = night.project.start("-r", env=past)
    wait_until(lambda: "watched again" in night.project.log)
    night.gate.open()
    assert second.wait(timeout=30) == 0
    assert night.executions == 1
    night.check_all_is_settled(runs=1)


def test_a_history_whose_last_line_was_torn_costs_that_line_alone(night: Night):
    assert night.project.run("-r", env=night.env).returncode == 0
    history = night.project.outputs / f"history-{HOST}.jsonl"
    with history.open("ab") as file:
        file.write(b'{"at":"2026-01-01T00:00:00+00:00","event":"selec')
    assert night.project.run("-r", "-u", env=night.env).returncode == 0
    assert night.executions == 1
    assert night.project.log.count("is torn or not an event; skipped") == 1
    lines = history.read_bytes().splitlines()
    assert [line for line in lines if not _is_json(line)] == [b'{"at":"2026-01-01T00:00:00+00:00","event":"selec']
    # It was told; what is read from the index is not told again.
    listed = night.project.run("runs", env=night.env)
    assert (listed.returncode, listed.stderr) == (0, "")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_a_launch_leaves_no_descriptor_and_no_file_behind(night: Night):
    count = night.outside / "descriptors"
    night.write_script(before=f"import os; print(len(os.listdir('/proc/self/fd')), file=open({str(count)!r}, 'a'))")
    night.project.write_script("other.py", (night.project.models_dir / "net.py").read_text())
    night.project.write_queue(["net.py", "other.py"])
    change = f"""
import atexit, os
atexit.register(lambda: print(len(os.listdir("/proc/self/fd")), file=open({str(count)!r}, "a")))
"""
    daemon = night.start_changed(change, "-r")
    assert daemon.wait(timeout=30) == 0
    first, second, at_the_end = map(int, count.read_text().split())
    assert first == second
    # stdin, stdout, stderr, the waker's two sockets, the file itself and the folder that is being listed.
    assert at_the_end <= 8
    night.check_nothing_is_left()
    assert [path.name for path in night.project.outputs.glob(".*") if path.name != ".locks"] == []

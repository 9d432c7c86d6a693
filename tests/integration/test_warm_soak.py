"""Many runs through one daemon leave no trace in it, nor in its warm parent; the long form is `benchmarks/soak.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import wait_until
from warm import WarmProject, script


@pytest.fixture
def warm(make_project: Callable[..., Any], tmp_path: Path) -> WarmProject:
    return WarmProject(make_project, tmp_path)


def held(processes: list[psutil.Process]) -> list[tuple[int, int, int]]:
    """What each holds: descriptors, threads and children."""
    return [(process.num_fds(), process.num_threads(), len(process.children())) for process in processes]


def test_sixty_runs_leave_no_descriptor_thread_or_process_behind(warm: WarmProject):
    def ended(count: int) -> bool:
        return sum(event["event"] == "ended" for event in warm.project.history()) >= count

    left_behind = "import subprocess\nif number % 20 == 0: subprocess.Popen(['sleep', '600'], start_new_session=True)"
    warm.write(script(left_behind, count=60))
    warm.project.write_queue([{"script": "net.py", "versions": ["v0", "v1", "v2", "v3"]}])
    daemon = warm.start("--watch")
    wait_until(lambda: ended(4), 60)
    processes = [psutil.Process(daemon.pid), *warm.parents()]
    assert len(processes) == 2
    wait_until(lambda: len(processes[1].children()) == 1)  # the worker that will be next
    at_first = wait_until(lambda: (now := held(processes)) and now == held(processes) and now)
    warm.project.write_queue(["net.py"])
    wait_until(lambda: ended(60), 120, message=lambda: warm.project.log)
    assert [process.pid for process in warm.parents()] == [processes[1].pid]
    wait_until(lambda: held(processes) == at_first, 10, message=lambda: f"{held(processes)}, at first {at_first}")
    daemon.terminate()
    assert daemon.wait(timeout=30) == 128 + 15
    assert warm.project.processes() == []
    assert {warm.how(f"v{number}") for number in range(1, 60)} == {"warm"}

"""GPUs are leased to the runs that ask for them: against an NVML without GPUs, with real daemons and runs."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpus import Box
from support import Project, Started, wait_until

ONE, TWO = {"gpus": 1}, {"gpus": 2}
FIRST, SECOND = "GPU-0-of-the-box", "GPU-1-of-the-box"

MakeProject = Callable[..., Project]


@pytest.fixture(autouse=True)
def no_gpus_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def status(project: Project) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(project.run("status", "--json").stdout)
    return said


def wait_for_wait(project: Project, version: str) -> str:
    """What status says that a version waits for, once it does."""

    def found() -> str | None:
        waits = (status(project)["daemon"] or {}).get("waits", [])
        return next((wait["why"] for wait in waits if wait["what"] == f"net:{version}"), None)

    return wait_until(found, message=lambda: project.log)


def check_ends(daemon: Started, exit_status: int = 0) -> None:
    assert daemon.wait(timeout=90) == exit_status, daemon.out + daemon.err


def test_two_runs_of_one_gpu_each_run_side_by_side_on_their_own(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"a": ONE, "b": ONE, "c": None, "d": {"gpus": 0}})
    daemon = project.start("-r", "-j", "4", env=box.env)
    assert {box.leased("a"), box.leased("b")} == {FIRST, SECOND}
    assert (box.leased("c"), box.leased("d")) == (None, "")
    assert {run["version"]: run["gpus"] for run in status(project)["runs"]} == {
        "a": [{"uuid": FIRST, "index": 0}],
        "b": [{"uuid": SECOND, "index": 1}],
        "c": None,
        "d": [],
    }
    box.open_gates(*"abcd")
    check_ends(daemon)
    assert list((project.cache / "mlpipeline" / "gpus").glob("*.json")) == []


def test_a_run_of_two_gpus_sees_both_in_their_order(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"a": TWO})
    box.open_gates("a")
    assert project.run("-r", env=box.env).returncode == 0
    assert box.leased("a") == f"{FIRST},{SECOND}"


def test_a_run_that_still_loads_keeps_its_gpu_and_the_next_waits_for_it(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)  # that NVML shows unused all the time
    project = box.project(make_project, {"a": ONE, "b": ONE})
    daemon = project.start("-r", "-j", "2", env=box.env)
    assert box.leased("a") == FIRST
    assert wait_for_wait(project, "b") == "waits for 1 GPU: 0 of 1 are free"
    assert "net:b: waits for 1 GPU: 0 of 1 are free" in project.run("status").stdout
    assert not box.has_begun("b")
    box.open_gates("a", "b")
    check_ends(daemon)
    assert box.leased("b") == FIRST
    assert project.log.count("net:b waits for 1 GPU: 0 of 1 are free") == 1


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ({"pids": [4711]}, "GPU 0 is used by process 4711, which is of no run that leases it"),
        ({"free": 80}, "GPU 0 is short of memory: 80% of it is free"),
        ({"error": 15}, "GPU 0 is silent"),
    ],
    ids=["foreign process", "short of memory", "off the bus"],
)
def test_a_gpu_that_others_use_is_not_leased_until_they_leave(
    make_project: MakeProject, tmp_path: Path, trouble: dict[str, Any], why: str
):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"a": ONE, "b": ONE, "c": ONE})
    daemon = project.start("-r", "-j", "2", env=box.env)
    assert (box.leased("a"), box.leased("b")) == (FIRST, SECOND)
    box.gpus[0].update(trouble)
    box.save()
    box.open_gates("a")
    told = wait_for_wait(project, "c")
    assert told.startswith("waits for 1 GPU: 0 of 2 are free (GPU 0 is ")
    assert told == f"waits for 1 GPU: 0 of 2 are free ({why})"
    # Nothing wakes the daemon: it looks by itself.
    for key in trouble:
        del box.gpus[0][key]
    box.save()
    assert box.leased("c") == FIRST
    box.open_gates("b", "c")
    check_ends(daemon)


def test_a_launch_does_not_end_while_something_only_waits_for_a_gpu(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)
    box.gpus[0]["pids"] = [4711]
    box.save()
    project = box.project(make_project, {"a": ONE})
    box.open_gates("a")
    daemon = project.start("-r", env=box.env)
    wait_for_wait(project, "a")
    del box.gpus[0]["pids"]
    box.save()
    # It looks by itself, long before the next heartbeat.
    wait_until(lambda: box.has_begun("a"), timeout=20)
    check_ends(daemon)
    assert box.leased("a") == FIRST
    assert project.log.count("net:a waits for") == 1


def test_a_large_run_is_not_starved_by_small_ones_that_came_later(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"a": ONE, "large": TWO, "b": ONE, "c": ONE, "none": None})
    daemon = project.start("-r", "-j", "3", env=box.env)
    box.leased("a")
    # What needs no GPU passes; what needs one does not, though one is free.
    assert box.leased("none") is None
    assert wait_for_wait(project, "large") == "waits for 2 GPUs: 1 of 2 is free"
    assert wait_for_wait(project, "b") == "waits for 1 GPU: what is free is kept for net:large"
    box.open_gates("none", "a")
    assert box.leased("large") == f"{FIRST},{SECOND}"
    assert not box.has_begun("b")
    box.open_gates("large", "b", "c")
    check_ends(daemon)


def test_more_gpus_than_there_are_is_held_with_the_reason(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"huge": {"gpus": 4}, "a": ONE})
    box.open_gates("a")
    done = project.run("-r", "-j", "2", env=box.env)
    assert done.returncode == 1
    assert "net:huge is held: asks for 4 GPUs; testhost has 2" in project.log
    assert "net:huge: asks for 4 GPUs; testhost has 2" in project.run("status").stdout
    assert (box.has_begun("a"), box.has_begun("huge")) == (True, False)


@pytest.mark.parametrize("visible", ["1", SECOND, "GPU-1", "1,-1,0"])
def test_only_gpus_that_the_daemon_may_use_are_leased(make_project: MakeProject, tmp_path: Path, visible: str):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"two": TWO, "a": ONE, "b": None})
    box.open_gates("a", "b")
    env = {**box.env, "CUDA_VISIBLE_DEVICES": visible}
    assert project.run("-r", "-j", "2", env=env).returncode == 1
    assert (box.leased("a"), box.leased("b")) == (SECOND, visible)
    assert "net:two is held: asks for 2 GPUs; testhost has 1" in project.log


def test_a_gpu_that_is_divided_by_mig_is_not_leased(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    box.gpus[0]["mig"], box.gpus[1]["mig"] = True, False
    box.save()
    project = box.project(make_project, {"a": ONE})
    box.open_gates("a")
    assert project.run("-r", env=box.env).returncode == 0
    assert box.leased("a") == SECOND


@pytest.mark.parametrize("absence", ["no package", "no driver", "no gpu", "hidden"])
def test_without_gpus_runs_start_all_the_same_and_that_is_said_once(
    make_project: MakeProject, tmp_path: Path, absence: str
):
    box = Box(tmp_path, 0 if absence == "no gpu" else 1)
    env = dict(box.env)
    if absence == "no package":
        (tmp_path / "pynvml.py").write_text("raise ImportError('as if it were not installed')")
        env["PYTHONPATH"] = str(tmp_path)
    if absence == "no driver":
        box.save(error=12)
    if absence == "hidden":
        env["CUDA_VISIBLE_DEVICES"] = ""
    project = box.project(make_project, {"a": ONE, "b": TWO, "c": {"gpus": 0}})
    box.open_gates("a", "b", "c")
    assert project.run("-r", env=env).returncode == 0
    assert project.log.count("Runs that ask for some start without") == 1
    told = "pip install 'mlpipeline[gpu]'" if absence == "no package" else "no GPUs to lease: "
    assert told in project.log
    assert (box.leased("a"), box.leased("b"), box.leased("c")) == ("" if absence == "hidden" else None,) * 2 + ("",)


def test_a_driver_in_trouble_costs_a_look_and_not_the_night(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)
    project = box.project(make_project, {"a": ONE, "b": ONE, "c": None})
    daemon = project.start("-r", "-j", "2", env=box.env)
    assert box.leased("a") == FIRST
    box.save(error=18)
    box.open_gates("a")
    assert wait_for_wait(project, "b") == (
        "waits for 1 GPU: 0 of 1 are free (the GPUs cannot be looked at: NVML error 18)"
    )
    box.open_gates("c")
    assert box.leased("c") is None
    box.save()
    assert box.leased("b") == FIRST
    box.open_gates("b")
    check_ends(daemon)
    assert project.log.count("the GPUs cannot be looked at: NVML error 18") == 1
    assert project.log.count("the GPUs can be looked at again") == 1


def test_runs_keep_their_gpus_when_the_daemon_dies_and_the_next_one_adopts_them(
    make_project: MakeProject, tmp_path: Path
):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"a": ONE, "b": ONE, "c": ONE})
    first = project.start("-r", "-j", "2", env=box.env)
    assert (box.leased("a"), box.leased("b")) == (FIRST, SECOND)
    project.wait_for("running", count=2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = project.start("-r", "-u", "-j", "4", env=box.env)
    assert wait_for_wait(project, "c") == "waits for 1 GPU: 0 of 2 are free"
    box.open_gates("b")
    assert box.leased("c") == SECOND
    box.open_gates("a", "c")
    check_ends(second)
    assert list((project.cache / "mlpipeline" / "gpus").glob("*.json")) == []


def test_two_projects_of_a_user_do_not_lease_the_same_gpu(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    env = {**box.env, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    one = box.project(make_project, {"a": ONE}, name="one")
    other = box.project(make_project, {"b": ONE, "c": ONE}, name="other")
    first = one.start("-r", env=env)
    assert box.leased("a") == FIRST
    second = other.start("-r", "-j", "2", env=env)
    assert box.leased("b") == SECOND
    told = wait_for_wait(other, "c")
    assert told.startswith("waits for 1 GPU: 0 of 2 are free (GPU 0 is leased by run ")
    assert told.endswith(f" of {one.root})")
    # A run outlives its daemon, and so does its lease.
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    box.open_gates("b")
    assert box.leased("c") == SECOND
    box.gpus[1]["pids"] = [4711]
    box.save()
    other.write_script("more.py", box.script({"d": ONE}))
    other.write_queue(["net.py", "more.py"])
    wait_until(lambda: "more:d waits for 1 GPU: 0 of 2 are free" in other.log, message=lambda: other.log)
    box.open_gates("a")
    assert box.leased("d") == FIRST
    box.open_gates("c", "d")
    check_ends(second)


def test_forked_and_spare_workers_see_their_gpus_before_any_user_code(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 2)
    box.gpus[0]["pids"] = [4711]
    box.save()
    project = box.project(make_project, {name: ONE for name in "abcd"})
    box.open_gates(*"abcd")
    assert project.run("-r", env=box.env).returncode == 0
    # The script itself compares what it saw when it was imported with what its function sees.
    assert [box.leased(name) for name in "abcd"] == [SECOND] * 4
    how = [json.loads(path.read_text())["how"] for path in project.outputs.glob("runs/*/1/worker.json")]
    assert sum(told.startswith("warm: ") for told in how) >= 2, how


def test_spares_see_their_gpus_before_any_user_code(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)
    project = box.project(make_project, {name: ONE for name in "abcd"}, settings="[worker]\nwarm = false\n")
    box.open_gates(*"abcd")
    assert project.run("-r", env=box.env).returncode == 0
    assert [box.leased(name) for name in "abcd"] == [FIRST] * 4


#: Fails once, and writes down which GPUs each attempt has.
FAILING = """
import os, pathlib
from mlpipeline import FunctionModel, Versions
seen = pathlib.Path({seen!r})
def train():
    with seen.open("a") as file:
        file.write(os.environ["CUDA_VISIBLE_DEVICES"] + "\\n")
    if len(seen.read_text().splitlines()) == 1:
        raise RuntimeError("once")
versions = Versions(resources={{"gpus": 2}}, retries={{"exception": 1}})
versions.add_version("again")
MODEL = FunctionModel(train, versions)
"""


def test_what_is_tried_again_leases_anew_and_is_not_overtaken_by_what_needs_the_same(
    make_project: MakeProject, tmp_path: Path
):
    box = Box(tmp_path, 2)
    project = box.project(make_project, {"a": ONE, "b": ONE}, settings="[queue]\nretry_delay = 0.5\n")
    seen = tmp_path / "seen"
    project.write_script("failing.py", FAILING.format(seen=str(seen)))
    project.write_queue(["failing.py", "net.py"])
    daemon = project.start("-r", "-j", "3", env=box.env)
    # While it waits, what it had is free, and others take it.
    assert box.leased("a") == FIRST
    assert box.leased("b") == SECOND
    why = wait_until(lambda: next((w["why"] for w in (status(project)["daemon"] or {}).get("waits", [])), None))
    assert why == "waits for 2 GPUs: 0 of 2 are free"
    box.open_gates("a", "b")
    check_ends(daemon)
    assert seen.read_text().splitlines() == [f"{FIRST},{SECOND}"] * 2


def test_a_test_run_has_its_gpus_for_itself_and_gives_them_back(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)
    project = box.project(make_project, {"a": ONE, "b": ONE})
    daemon = project.start("-r", "-j", "2", "--test-first", env=box.env)
    # The runs of the tests stand at the same gates as the trainings do.
    assert box.leased("a") == FIRST
    assert not box.has_begun("b")
    box.open_gates("a", "b")
    assert box.leased("b") == FIRST
    check_ends(daemon)
    assert project.log.index("net:b: test passed") < project.log.index("net:a starts")


def test_a_test_that_waits_for_a_gpu_keeps_no_other_waiting_and_says_why(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)
    box.gpus[0]["pids"] = [os.getpid()]
    box.save()
    project = box.project(make_project, {"a": ONE, "b": None})
    daemon = project.start("-r", "-j", "2", "--test-first", env=box.env)
    assert box.leased("b") is None
    box.open_gates("a", "b")
    wait_until(lambda: "net:b: test passed" in project.log, message=lambda: project.log)
    why = wait_for_wait(project, "a")
    assert why.startswith("to be tested first, and waits for 1 GPU: 0 of 1 are free (GPU 0 is used")
    assert f"net:a is {why}" in project.log
    lacks = why.removeprefix("to be tested first, and ")
    wait_until(lambda: wait_for_wait(project, "b") == f"1 to be tested before anything starts: net:a {lacks}")
    box.gpus[0]["pids"] = []
    box.save()
    check_ends(daemon)


def test_without_a_place_for_lease_files_gpus_are_leased_all_the_same(make_project: MakeProject, tmp_path: Path):
    box = Box(tmp_path, 1)
    project = box.project(make_project, {"a": ONE, "b": ONE})
    (tmp_path / "file").touch()
    box.open_gates("a", "b")
    assert project.run("-r", "-j", "2", env={**box.env, "XDG_CACHE_HOME": str(tmp_path / "file")}).returncode == 0
    assert (box.leased("a"), box.leased("b")) == (FIRST, FIRST)
    assert project.log.count("other projects are not told which GPUs are leased here: ") == 1


def real_gpus() -> list[str]:
    """The UUIDs of the GPUs of this machine."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return [
            pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index))
            for index in range(pynvml.nvmlDeviceGetCount())
        ]
    except Exception:
        return []


REAL = """
import ctypes, os
from mlpipeline import FunctionModel, Versions
def train():
    cuda, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
    assert cuda.cuInit(0) == 0
    assert cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
    return {"count": count.value, "leased": os.environ["CUDA_VISIBLE_DEVICES"]}
versions = Versions(resources={"gpus": 1})
versions.add_version("a")
versions.add_version("b")
MODEL = FunctionModel(train, versions)
"""


@pytest.mark.skipif(not real_gpus(), reason="there is no GPU here")
def test_on_a_real_machine_cuda_finds_the_leased_gpu_and_no_other(make_project: MakeProject, tmp_path: Path):
    project = make_project(tmp_path, {"net.py": REAL})
    assert project.run("-r", "-j", "2", timeout=300).returncode == 0, project.log
    results = [event["results"] for event in project.history() if event["event"] == "ended"]
    assert [found["count"] for found in results] == [1, 1]
    assert {found["leased"] for found in results} <= set(real_gpus())

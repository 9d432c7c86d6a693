"""Runs that do odd things and succeed all the same, and what becomes of what they leave behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

SCRIPT = """
import atexit, os, shutil, subprocess, sys, threading, time
from pathlib import Path
from mlpipeline import FunctionModel, Versions

def daemonise():
    # Twice forked, a session of its own, its standard streams closed: what daemons do.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            time.sleep(600)
        os._exit(0)
    os.wait()

def train(kind, model_dir, run):
    run.log_metrics({"x": 1})
    run_dir = Path(os.environ["MLP_RUN_DIR"])
    if kind == "none":
        return None
    if kind == "prints":
        block = (b"x" * 99 + b"\\n") * 10_000
        for _ in range(250):
            os.write(1, block)
        os.write(2, bytes(range(256)) * 100)
        sys.stdout.buffer.write(b"\\xff\\xfe no text\\n")
    if kind == "leaves the folder":
        os.chdir("/")
    if kind == "deletes its model dir":
        shutil.rmtree(model_dir)
    if kind == "deletes its metrics":
        (run_dir / "metrics.jsonl").unlink()
        run.log_metrics({"x": 2})
    if kind == "deletes its run dir":
        while run_dir.exists():
            shutil.rmtree(run_dir, ignore_errors=True)  # TensorBoard events may come to lie in it meanwhile
        run.log_metrics({"x": 2})
    if kind == "closes its descriptors":
        os.closerange(0, 1024)
        run.log_metrics({"x": 2})
        with open(model_dir / "mine", "w") as mine:
            run.log("still here")
            run.log_metrics({"x": 3})
            mine.write("all mine")
    if kind == "closes its streams":
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()
        run.log("still here")
    if kind == "replaces its streams":
        sys.stdout = sys.stderr = object()
        run.log("still here")
    if kind == "leaves children":
        for extra in ({}, {"start_new_session": True}, {"process_group": 0}):
            subprocess.Popen(["sleep", "600"], **extra)
        subprocess.Popen(["sh", "-c", "setsid sleep 600 & exit 0"]).wait()
        daemonise()
    if kind == "leaves children without a trace":
        # Only their session tells whose they are, and that is the run's own in execution mode alone.
        subprocess.Popen(["sleep", "600"], env={})
        subprocess.Popen(["sh", "-c", "env -i sleep 600 & exit 0"], process_group=0).wait()
    if kind == "forks":
        children = []
        for leave in (lambda: sys.exit(5), lambda: 1 / 0, lambda: None):
            child = os.fork()
            if child == 0:
                leave()
                return {"child": True}
            children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return {"children": children}
    if kind == "exits badly":
        atexit.register(os._exit, 5)
    if kind == "dies of a fault":
        import ctypes
        atexit.register(ctypes.string_at, 0)
    return {"kind": kind, "nan": float("nan")}

versions = Versions()
for kind in KINDS:
    versions.add_version(kind, kind=kind)
MODEL = FunctionModel(train, versions)
"""

KINDS = [
    "none",
    "prints",
    "leaves the folder",
    "deletes its model dir",
    "deletes its metrics",
    "deletes its run dir",
    "closes its descriptors",
    "closes its streams",
    "replaces its streams",
    "leaves children",
    "leaves children without a trace",
    "forks",
    "exits badly",
    "dies of a fault",
]

#: Starts the command with less patience for processes that stay after their result.
IMPATIENT = """
import mlpipeline.daemon.active
mlpipeline.daemon.active.LEAVE_TIME_S = 0.5
from mlpipeline.cli.main import main
main()
"""


def script(kinds):
    return f"KINDS = {list(kinds)!r}\n{SCRIPT}"


def metrics_of(project, kind):
    (path,) = project.outputs.glob(f"runs/odd-{kind}-*/metrics.jsonl")
    return [json.loads(line)["metrics"]["x"] for line in path.read_text().splitlines()]


def test_a_run_may_do_odd_things_and_succeed(make_project, tmp_path):
    project = make_project(tmp_path, {"odd.py": script(KINDS)})
    done = project.run("-r", "-j", "3", timeout=120)
    assert done.returncode == 0, done.stdout
    assert f"mlpipeline ends: {len(KINDS)} succeeded" in project.log
    assert project.processes() == []

    runs = json.loads(project.run("runs", "--json").stdout)
    results = {run["version"]: run["results"] for run in runs}
    assert (results["none"], results["forks"]) == ({}, {"children": [5, 1, 0]})
    for kind in set(KINDS) - {"none", "forks"}:
        assert (results[kind]["kind"], results[kind]["nan"]) == (kind, "nan")
    assert len(re.findall(r"^ +nan +nan$", project.results, re.M)) == len(KINDS) - 2

    for kind in ("closes its descriptors", "closes its streams", "replaces its streams"):
        run = next(run["id"] for run in runs if run["version"] == kind)
        assert f" {run} still here\n" in project.log
    assert metrics_of(project, "closes its descriptors") == [1, 2, 3]
    assert metrics_of(project, "deletes its metrics") == [2]
    assert (project.outputs / "model_ckpts" / "odd-closes its descriptors" / "mine").read_text() == "all mine"

    for kind, how in {"exits badly": "ended with exit status 5", "dies of a fault": "was killed by SIGSEGV"}.items():
        run = next(run["id"] for run in runs if run["version"] == kind)
        assert f" {run} note: after its result, its process {how}\n" in project.log

    (forks,) = project.outputs.glob("runs/odd-forks-*/1/output.log")
    assert forks.read_text().count("ZeroDivisionError") == 1  # of the child, and in nobody's log
    assert "ZeroDivisionError" not in project.log

    (output,) = project.outputs.glob("runs/odd-prints-*/1/output.log")
    assert output.stat().st_size == 250_000_000 + 25_600 + 11
    output.unlink()
    assert len(project.log) < 20_000


@pytest.mark.parametrize("arguments", [("-r",), ()], ids=["execution", "test"])
def test_a_thread_that_keeps_a_finished_run_from_ending_is_cut_off(make_project, tmp_path, arguments):
    source = """
    import threading, time
    from mlpipeline import FunctionModel, Versions

    def train():
        threading.Thread(target=time.sleep, args=(600,)).start()
        return {"a": 1}

    versions = Versions()
    versions.add_version("only")
    MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"stays.py": source})
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, *arguments],
        check=False,
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if arguments:
        assert "stays:only succeeded" in project.log
        assert "note: after its result, its process was killed by SIGKILL" in project.log
    else:
        assert "1 version passed" in done.stdout
    assert project.processes() == []


def test_test_mode_takes_odd_things_as_calmly(make_project, tmp_path):
    kinds = ["none", "leaves the folder", "deletes its model dir", "deletes its run dir", "leaves children", "forks"]
    project = make_project(tmp_path, {"odd.py": script(kinds)})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = project.run(env={"TMPDIR": str(temporary)})
    assert (done.returncode, f"{len(kinds)} versions passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert project.processes() == []
    assert list(temporary.iterdir()) == []

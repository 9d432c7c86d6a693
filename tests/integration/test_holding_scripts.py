"""A script whose versions fail one after the other in the same way is held; `mlpipeline release`."""

from __future__ import annotations

import json
import os

import pytest
from support import GATE_SOURCE, HOST, Gate, Project, wait_until

from mlpipeline.executors.processes import ProcessId

SCRIPT = """
import pathlib
from mlpipeline import FunctionModel, Versions

def train(n, *, model_dir, run):
    if n in (0, 1, 2, 3, 5):
        raise KeyError("weights")
    return {"n": n}

versions = Versions()
for n in range(8):
    versions.add_version(f"v{n}", n=n)
MODEL = FunctionModel(train, versions)
"""
GOOD = """
from mlpipeline import FunctionModel, Versions
versions = Versions()
versions.add_version("w")
MODEL = FunctionModel(lambda: None, versions)
"""


def outcomes(project: Project) -> dict[str, str]:
    runs = json.loads(project.run("runs", "--json", "-n", "100").stdout)
    return {f"{run['model']}:{run['version']}": run["outcome"] for run in reversed(runs)}


@pytest.fixture
def project(make_project, tmp_path):
    return make_project(tmp_path, {"net.py": SCRIPT, "other.py": GOOD}, ["net.py", "other.py"])


def test_the_rest_of_a_script_that_failed_in_a_row_is_held_with_the_reason_and_others_go_on(project):
    assert project.run("-r").returncode == 1
    assert outcomes(project) == {"net:v0": "failed", "net:v1": "failed", "net:v2": "failed", "other:w": "succeeded"}
    why = (
        "3 versions in a row failed (exception) at net.py:7: KeyError: 'weights'. "
        "Held until net.py changes, or `mlpipeline release net`"
    )
    assert project.log.count(f"5 versions of net are held: {why}") == 1
    assert project.log.count(" held: ") == 1
    assert f"5 versions of net: {why}" in project.run("status").stdout
    assert "3 failed, 5 could not be used" in project.log


def test_what_is_held_stays_so_for_the_next_launch_until_the_script_changes(project):
    project.run("-r")
    assert project.run("-r", "-u").returncode == 1
    assert len(outcomes(project)) == 4
    script = project.models_dir / "net.py"
    script.write_text(script.read_text().replace("(0, 1, 2, 3, 5)", "(5,)"))
    project.run("-r", "-u")
    assert outcomes(project) == {f"net:v{n}": "failed" if n == 5 else "succeeded" for n in range(8)} | {
        "other:w": "succeeded"
    }


def test_released_it_goes_on_at_once_and_is_held_again_only_after_as_many_failures(project):
    daemon = project.start("-r", "--watch")
    wait_until(lambda: "other:w succeeded" in project.log and "5 versions of net are held" in project.log)
    released = project.run("release", "net")
    assert (released.returncode, released.stdout) == (0, "net is released\n")
    wait_until(lambda: "net:v7 succeeded" in project.log, message=lambda: project.log)
    daemon.terminate()
    daemon.wait(60)
    assert outcomes(project) == {f"net:v{n}": "failed" if n in (0, 1, 2, 3, 5) else "succeeded" for n in range(8)} | {
        "other:w": "succeeded"
    }


def test_one_version_can_be_released_and_a_name_that_is_none_releases_nothing(project):
    daemon = project.start("-r", "--watch")
    wait_until(lambda: "other:w succeeded" in project.log and "5 versions of net are held" in project.log)
    unknown = project.run("release", "net:v44")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert 'there is no version "net:v44"' in unknown.stderr
    assert 'Did you mean "net:v4"?' in unknown.stderr
    nothing = project.run("release", "other:w")
    assert (nothing.returncode, nothing.stdout) == (0, "other:w is not held by anything that can be released\n")
    assert project.run("release", "net:v5").stdout == "net:v5 is released\n"
    wait_until(lambda: "net:v5 failed" in project.log, message=lambda: project.log)
    wait_until(
        lambda: "4 versions of net: " in project.run("status").stdout, message=lambda: project.run("status").stdout
    )
    daemon.terminate()
    daemon.wait(60)
    assert "net:v6" not in outcomes(project)


def test_who_lists_a_version_of_a_script_that_is_held_is_told_and_what_to_type(project):
    project.run("-r")
    why = "3 versions in a row failed (exception) at net.py:7: KeyError: 'weights'."
    for version in ("v4", "v4@n=6"):
        arguments = ("net:v4", "--set", "n=6") if "@" in version else ("net:v4",)
        told = project.run("queue", "add", *arguments, "--first").stdout.splitlines()
        assert told[-1] == (
            f"net.py is held all the same: {why} Held until net.py changes, or `mlpipeline release net`"
        )
    assert "held" not in project.run("queue", "add", "other", "--first").stdout
    script = project.models_dir / "net.py"
    script.write_text(script.read_text().replace("(0, 1, 2, 3, 5)", "()"))
    assert "held" not in project.run("queue", "add", "net:v5", "--first").stdout


def test_a_release_that_nobody_answers_is_heeded_by_the_next_launch(project):
    project.run("-r")
    released = project.run("release", "net.py")
    assert released.returncode == 1
    assert f"and no daemon of {HOST} has answered yet: none runs there. The next launch does" in released.stdout
    project.run("-r", "-u")
    # What had failed is resumed first, and holds the rest again: nothing was mended.
    assert project.log.count("net:v0 starts, resuming") == project.log.count("net:v2 starts, resuming") == 1
    assert len(outcomes(project)) == 4


def test_failures_that_are_to_be_tried_again_count_and_a_success_of_one_lets_the_rest_go_on(make_project, tmp_path):
    script = SCRIPT.replace("Versions()", "Versions(retries={'exception': 1})")
    # Only first attempts fail.
    script = script.replace("if n in (0, 1, 2, 3, 5):", 'if not pathlib.Path(f"tried-{n}").exists():')
    script = script.replace("        raise", '        pathlib.Path(f"tried-{n}").touch()\n        raise')
    project = make_project(tmp_path, {"net.py": script}, settings="[queue]\nretry_delay = 3000\n")
    daemon = project.start("-r")
    wait_until(lambda: "5 versions of net are held: 3 versions in a row failed (exception)" in project.log)
    assert "net:v3 starts" not in project.log
    assert "goes on at once" in project.run("retry", "net:v0").stdout
    wait_until(lambda: "net:v0 succeeded" in project.log and "net:v3 starts" in project.log)
    daemon.terminate()
    daemon.wait(60)


def test_hold_after_0_holds_nothing(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT}, settings="[queue]\nhold_after = 0\n")
    project.run("-r")
    assert len(outcomes(project)) == 8


def test_failures_at_different_places_hold_nothing(make_project, tmp_path):
    script = SCRIPT.replace('raise KeyError("weights")', 'exec("\\n" * n + "raise KeyError(n)")')
    script = script.replace('exec("\\n" * n', 'exec(compile("\\n" * n').replace('(n)")', '(n)", __file__, "exec"))')
    project = make_project(tmp_path, {"net.py": script})
    project.run("-r")
    assert len(outcomes(project)) == 8


def test_commands_that_end_with_the_same_last_words_are_held_too(make_project, tmp_path):
    script = """
        import sys
        from mlpipeline import CommandModel, Versions
        versions = Versions()
        for n in range(5):
            versions.add_version(f"v{n}", n=n)
        MODEL = CommandModel([sys.executable, "-c", "import sys; sys.exit('no data after {n} s')"], versions)
    """
    project = make_project(tmp_path, {"net.py": script})
    project.run("-r")
    assert len(outcomes(project)) == 3
    assert "no data after 0 s" in project.run("status").stdout


def test_runs_that_somebody_killed_hold_nothing(make_project, tmp_path):
    script = SCRIPT.replace('raise KeyError("weights")', "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    project = make_project(tmp_path, {"net.py": script})
    project.run("-r")
    assert len(outcomes(project)) == 8


def claim_of(project: Project, host: str, run: str) -> None:
    path = project.outputs / "claims" / "other-w.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    run_dir = project.outputs / "runs" / f"other-w-{run}"
    run_dir.mkdir(parents=True)
    (run_dir / "spec.json").write_text(json.dumps({"model": "other", "version": "w"}))
    claim = {"host": host, "run": run, "run_dir": str(run_dir), "at": "2026-11-20T21:34:55+01:00"}
    path.write_text(json.dumps(claim))


@pytest.mark.parametrize("name", ["other", "other:w"])
def test_the_model_dir_of_a_host_that_is_gone_for_good_can_be_released(project, name):
    project.write_queue(["other.py"])
    claim_of(project, "box9", "aaaaaa")
    assert project.run("-r").returncode == 1
    released = project.run("release", name)
    assert f"{name}: its model dir is free; run aaaaaa of box9 had it" in released.stdout
    assert project.run("-r").returncode == 0
    assert outcomes(project) == {"other:w": "succeeded"}


def test_a_run_of_a_host_that_is_gone_for_good_is_resumed_here_once_it_is_released(make_project, tmp_path):
    gate = tmp_path / "gate"
    script = f"""
        import pathlib, time
        from mlpipeline import FunctionModel, Versions
        def train(*, model_dir, run):
            for step in run.steps(2):
                (model_dir / f"step-{{step}}").touch()
                while step == 1 and not pathlib.Path({str(gate)!r}).exists():
                    time.sleep(0.05)
        versions = Versions()
        versions.add_version("v")
        MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"net.py": script})
    daemon = project.start("-r", env={"MLP_HOST": "box9"})
    step = project.outputs / "model_ckpts/net-v/step-1"
    wait_until(step.exists)
    project.wait_for("running", host="box9")
    refused = project.run("release", "net:v")
    assert refused.returncode == 1
    assert "whose daemon on box9 is there. Stop it first: mlpipeline stop " in refused.stdout
    daemon.kill()
    daemon.wait()
    project.kill_everything()
    gate.touch()
    # The machine is gone: its daemon has not been heard of for a long time.
    heartbeat = project.outputs / "heartbeat-box9"
    os.utime(heartbeat, (heartbeat.stat().st_atime, heartbeat.stat().st_mtime - 3600))
    project.run("-r")
    assert "net:v" not in str([event for event in project.history() if event["event"] == "selected"])
    assert "its model dir is free" in project.run("release", "net:v").stdout
    assert project.run("-r").returncode == 0
    assert "net:v starts, resuming" in project.log


def test_a_run_that_is_not_over_keeps_its_model_dir_and_an_unknown_model_is_told(project):
    claim_of(project, HOST, "aaaaaa")
    worker = project.outputs / "runs/other-w-aaaaaa/1/worker.json"
    worker.parent.mkdir()
    worker.write_text(json.dumps(ProcessId.of_child(os.getpid()).to_json()))
    refused = project.run("release", "other")
    assert refused.returncode == 1
    assert "is in use by run aaaaaa, which is not over. Stop it first: mlpipeline stop aaaaaa" in refused.stdout
    unknown = project.run("release", "othr")
    assert unknown.returncode == 2
    assert 'there is no model "othr". Did you mean "other"?' in unknown.stderr


def test_what_runs_well_is_no_matter_where_the_rest_of_its_script_is_released(make_project, tmp_path):
    gate = Gate(tmp_path / "open")
    script = f"""
        from mlpipeline import FunctionModel, Versions
        from _gate import wait_for
        def train(n):
            if n == 0:
                wait_for({str(gate)!r})
            elif n < 5:
                raise KeyError("weights")
        versions = Versions()
        for n in range(6):
            versions.add_version(f"v{{n}}", n=n)
        MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"net.py": script, "_gate.py": GATE_SOURCE})
    daemon = project.start("-r", "-j", "2")
    wait_until(lambda: "2 versions of net are held" in project.log, message=lambda: project.log)
    gate.wait_reached()
    released = project.run("release", "net")
    assert (released.returncode, released.stdout) == (0, "net is released\n")
    wait_until(lambda: "net:v5 succeeded" in project.log, message=lambda: project.log)
    # Now nothing is held, and that is said of what may be meant.
    nothing = project.run("release", "net")
    assert nothing.returncode == 0
    told, in_use, *_ = nothing.stdout.splitlines()
    assert told == "net is not held by anything that can be released"
    assert in_use.startswith("net: its model dir is in use by run ")
    in_use = project.run("release", "net:v0")
    assert in_use.returncode == 1
    assert "its model dir is in use by run " in in_use.stdout
    gate.open()
    daemon.wait(60)

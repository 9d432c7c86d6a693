"""Pipelines in the queue: what shows, what is shared, what is stopped, tested and set."""

from __future__ import annotations

import json
import re

import pytest
from support import GATE_SOURCE, Gate, wait_until

#: Much for a stage, but what eight tests side by side may take.
PATIENCE_S = 120
#: How long a stage took, as it is shown.
TIME = r"(under 1 ms|[\d.]+ m?s)"


def lines(log, about):
    """What the log says after date, time and run of the lines with `about`."""
    return [line.split(maxsplit=3)[3] for line in log.splitlines() if about in line]


def outcomes(project):
    return [event["outcome"] for event in project.history() if event["event"] == "ended"]


def running(project):
    found = [run for run in json.loads(project.run("status", "--json").stdout)["runs"] if run["state"] == "running"]
    return found[0] if found else {"progress": None}


SHOWN = """
    import os
    import numpy as np
    from joblib import Parallel, delayed
    from _gate import wait_for
    from mlpipeline import Pipeline, Versions, stage
    from mlpipeline.utils import MetricContainer

    @stage
    class Features:
        def run(self):
            return {"table": np.ones((1000, 100)), "rows": 1000, "title": "ones", "is_plain": True}

    @stage
    class TrainModel:
        def __init__(self, epochs=3):
            self.epochs = epochs

        def run(self, table, run):
            means = Parallel(n_jobs=2)(delayed(np.mean)(part) for part in np.split(table, 2))
            for epoch in run.steps(self.epochs):
                if epoch == 2:
                    wait_for("GATE")
                run.log_metrics({"loss": 1 / (epoch + 1)}, epoch)
                seen = MetricContainer(metrics=["error"])
                seen.error.update(epoch)
                seen.reset_epoch()
                seen.log_metrics()
            print("printed by train_model", run.model_dir.is_dir())
            return {"weights": table.sum(0), "mean": np.mean(means)}

    @stage(cache=False)
    def metrics(weights, mean):
        return {"f1": np.float32(0.5), "recall": float("nan"), "mean": mean}

    versions = Versions()
    versions.add_version("v", resources={"cpus": 1}, timeout="1h", epochs=3)
    MODEL = Pipeline(versions=versions)
"""


def test_stages_show_in_the_log_in_progress_and_as_results(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    project = make_project(tmp_path, {"net.py": SHOWN.replace("GATE", str(gate)), "_gate.py": GATE_SOURCE})
    daemon = project.start("-r")
    gate.wait_reached(PATIENCE_S)
    # The loop of the stage, not that of the stages: its first two steps are done.
    assert wait_until(lambda: running(project)["progress"], PATIENCE_S) == {"done": 2, "of": 3, "unit": "steps"}
    gate.open()
    assert daemon.wait(PATIENCE_S) == 0
    features, train, metrics = lines(project.log, " stage ")
    assert re.fullmatch(rf"net:v stage features ran in {TIME}, 800 kB", features)
    assert re.fullmatch(rf"net:v stage train_model ran in {TIME}, [\d.]+ (kB|bytes)", train)
    assert re.fullmatch(rf"net:v stage metrics ran in {TIME}", metrics)
    (first,) = json.loads(project.run("runs", "--json").stdout)
    numbers = {"rows": 1000, "is_plain": 1, "mean": 1.0, "metrics.f1": 0.5, "metrics.mean": 1.0}
    assert first["results"] == {**numbers, "metrics.recall": "nan"}
    (run_dir,) = (project.outputs / "runs").iterdir()
    assert "printed by train_model True" in (run_dir / "1/output.log").read_text()
    assert len((run_dir / "metrics.jsonl").read_text().splitlines()) == 6
    assert json.loads((run_dir / "1/stages.jsonl").read_text())["done"] == 3

    # Called again, everything is there but for what is not to be kept, of which the numbers are results again.
    called = project.run("-r")
    assert called.returncode == 0
    assert lines(project.log, " stage ")[3:5] == ["net:v stage features cached", "net:v stage train_model cached"]
    _, took = re.findall("net:v succeeded in (.+)", project.log)
    assert f"net:v     succeeded   {took}   " in called.stdout
    again, _ = json.loads(project.run("runs", "--json").stdout)
    assert again["results"] == first["results"]
    # Nothing changed: skipped.
    project.run("-r", "-u")
    assert outcomes(project) == ["succeeded"] * 2


SHARED = """
    from _gate import wait_for
    from mlpipeline import Pipeline, Versions, stage

    @stage
    def features():
        print("runs features", flush=True)
        wait_for("GATE")
        return [1.0, 2.0]

    @stage
    def model(features, factor):
        return sum(features) * factor

    versions = Versions()
    for factor in FACTORS:
        versions.add_version(f"v{factor}", factor=factor)
    MODEL = Pipeline(versions=versions)
"""


def shared(gate, factors=(1, 2)):
    return {
        "net.py": SHARED.replace("GATE", str(gate)).replace("FACTORS", str(factors)),
        "_gate.py": GATE_SOURCE,
    }


def printed(project, text):
    return sum(path.read_text().count(text) for path in (project.outputs / "runs").glob("*/1/output.log"))


def test_one_run_waits_for_what_another_makes_and_hears_that_it_is_to_stop(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    project = make_project(tmp_path, shared(gate, (1, 2, 3)))
    daemon = project.start("-r", "-j", "3")
    gate.wait_reached(PATIENCE_S)
    wait_until(lambda: project.log.count("being made by run") == 2, PATIENCE_S, lambda: project.log)
    runs = {event["run"]: event["version"] for event in project.history() if event["event"] == "selected"}
    waiting = {line.split()[2] for line in project.log.splitlines() if "being made by" in line}
    (maker,) = set(runs) - waiting
    assert f"stage features: being made by run {maker}" in project.log
    stopped = sorted(waiting)[0]
    assert project.run("stop", stopped).returncode == 0
    wait_until(lambda: "stopped" in outcomes(project), PATIENCE_S, lambda: project.log)
    gate.open()
    daemon.wait(PATIENCE_S)
    assert sorted(outcomes(project)) == ["stopped", "succeeded", "succeeded"]
    assert project.log.count("being made by run") == 2
    assert printed(project, "runs features") == 1


STOPPED = """
    import pathlib, signal, time
    from _gate import wait_for
    from mlpipeline import Pipeline, Versions, stage

    @stage
    def first():
        return 1

    @stage
    def careful(first, run):
        pathlib.Path("REACHED").touch()
        for step in run.steps(10_000):
            time.sleep(0.01)
        return step

    @stage
    def careless(first):
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *args: (before(*args), pathlib.Path("GATE").touch()))
        wait_for("GATE")
        return 2

    @stage
    def last(WHICH):
        print("runs last")
        return 2

    versions = Versions()
    versions.add_version("v")
    MODEL = Pipeline(stages=[first, WHICH, last], versions=versions)
"""


@pytest.mark.parametrize("which", ["careful", "careless"])
def test_what_a_stopped_run_has_made_is_kept_but_not_what_was_cut_short(make_project, tmp_path, which):
    """A stage that takes `run` may return early; one that does not is done. Then no other begins."""
    gate = Gate(tmp_path / "gate")
    source = STOPPED.replace("GATE", str(gate)).replace("REACHED", f"{gate}.reached").replace("WHICH", which)
    project = make_project(tmp_path, {"net.py": source, "_gate.py": GATE_SOURCE})
    daemon = project.start("-r")
    gate.wait_reached(PATIENCE_S)
    assert project.run("stop", "net:v").returncode == 0
    daemon.wait(PATIENCE_S)
    assert outcomes(project) == ["stopped"]
    assert printed(project, "runs last") == 0
    stopped = "stage careful was stopped" if which == "careful" else "stopped before stage last"
    assert stopped in project.log

    project.write_script("net.py", source.replace("10_000", "10_000 if run.id == 'never' else 1"))
    if which == "careless":
        project.write_script("net.py", source)
    assert project.run("-r", timeout=PATIENCE_S).returncode == 0
    found = lines(project.log, "cached")
    assert found == [f"net:v stage {name} cached" for name in (["first"] if which == "careful" else ["first", which])]
    assert printed(project, "runs last") == 1


FAILING = """
    from mlpipeline import Pipeline, Versions, stage

    @stage
    def fine():
        return 1.5

    @stage
    def broken(fine):
        return helper(fine)

    def helper(value):
        raise ValueError("it is no good")

    versions = Versions()
    versions.add_version("v")
    MODEL = Pipeline(versions=versions)
"""


def test_of_a_stage_that_fails_the_log_says_which_and_the_traceback_begins_in_user_code(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": FAILING})
    project.run("-r")
    assert "net:v stage broken failed: ValueError: it is no good" in lines(project.log, " stage ")
    (run_dir,) = (project.outputs / "runs").iterdir()
    result = json.loads((run_dir / "1/result.json").read_text())
    files = re.findall('File "(.*)"', result["traceback"])
    assert files == [str(project.models_dir / "net.py")] * 2
    assert result["results"] == {"fine": 1.5}


def test_in_test_mode_the_cache_is_a_temporary_one_that_versions_share(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    gate.open()
    project = make_project(tmp_path, shared(gate, (1, 2, 3)))
    folder = tmp_path / "tmp"
    folder.mkdir()
    tested = project.run(env={"TMPDIR": str(folder)}, timeout=PATIENCE_S)
    assert tested.returncode == 0
    assert tested.stdout.count("runs features") == 1
    assert list(folder.iterdir()) == []
    assert not project.outputs.exists()

    project.run("-r", "--test-first", env={"TMPDIR": str(folder)}, timeout=PATIENCE_S)
    assert outcomes(project) == ["succeeded"] * 3
    # What tests made is not what is trained with, and goes with them.
    assert printed(project, "runs features") == 1
    assert list(folder.iterdir()) == []


def test_what_follows_a_kill_of_test_mode_is_cleared_away(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    project = make_project(tmp_path, shared(gate))
    folder = tmp_path / "tmp"
    folder.mkdir()
    project.start(env={"TMPDIR": str(folder)})
    gate.wait_reached(PATIENCE_S)
    project.kill_everything()
    assert list(folder.iterdir())
    gate.open()
    assert project.run(env={"TMPDIR": str(folder)}, timeout=PATIENCE_S).returncode == 0
    assert list(folder.iterdir()) == []


def test_set_reaches_the_parameters_of_stages_by_either_name(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    gate.open()
    scripts = shared(gate)
    scripts["net.py"] = scripts["net.py"].replace("def model(features, factor)", "def model(features, factor, plus=0)")
    scripts["net.py"] = scripts["net.py"].replace("* factor", "* factor + plus")
    project = make_project(tmp_path, scripts)
    project.write_queue([{"script": "net.py", "versions": ["v1"], "set": {"model.plus": 5}}])
    for setting in ("model.factor=7", "plus=0.5"):
        assert project.run("queue", "add", "net:v2", "--set", setting).returncode == 0
    wrong = project.run("queue", "add", "net:v2", "--set", "model.pluss=1")
    assert (wrong.returncode, 'Did you mean "model.plus"?' in wrong.stderr) == (2, True)
    assert project.run("-r", timeout=PATIENCE_S).returncode == 0
    results = {run["version"]: run["results"]["model"] for run in json.loads(project.run("runs", "--json").stdout)}
    assert results == {"v1@model.plus=5": 8.0, "v2@model.factor=7": 21.0, "v2@plus=0.5": 6.5}

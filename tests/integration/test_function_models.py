"""Models that are one function, run by the command."""

from __future__ import annotations

import json

from support import GATE_SOURCE, Gate


def _results(project):
    listed = json.loads(project.run("runs", "--json", "-n", "100").stdout)
    return {run["version"]: run for run in reversed(listed)}


def test_arguments_come_by_name_and_what_is_returned_is_the_results(make_project, tmp_path):
    project = make_project(
        tmp_path,
        {
            "net.py": """
            import decimal, pathlib
            import numpy as np
            from mlpipeline import FunctionModel, Versions

            def train(kind, lr=0.5, *, model_dir, run, seed):
                assert isinstance(model_dir, pathlib.Path) and model_dir.is_dir()
                run.log(f"in mode {run.mode}, [{lr}]")
                run.log("only here", log_to_file=False)
                print(f"seed {seed} {run.seed} {run.model_dir == model_dir}")
                if kind == "scalars":
                    return {"f": np.float32(0.5), "i": np.int64(3), "b": np.bool_(True), "nan": float("nan"),
                            "inf": np.float64("inf"), "list": [np.float64(1.5), (2, None)], "text": "as it is",
                            "path": model_dir.name, "lr": lr}
                if kind == "none":
                    return None
                if kind == "number":
                    return 0.5
                if kind == "key":
                    return {3: 1}
                if kind == "nested":
                    return {"good": 1, "matrix": {"rows": [1, np.zeros(3)]}}
                return {"accuracy": decimal.Decimal(1)}

            v = Versions()
            v.add_version("scalars", kind="scalars", lr=0.1, seed=7)
            for kind in ("none", "number", "key", "nested", "decimal"):
                v.add_version(kind, kind=kind)
            MODEL = FunctionModel(train, v)
            """
        },
        test_queue=[{"script": "net.py", "versions": ["scalars", "none"]}],
    )
    done = project.run("-r")
    assert done.returncode == 1
    runs = _results(project)

    scalars = runs["scalars"]["results"]
    assert (scalars.pop("nan"), scalars.pop("inf")) == ("nan", "inf")  # JSON has no such numbers
    assert scalars == {
        "f": 0.5,
        "i": 3,
        "b": True,
        "list": [1.5, [2, None]],
        "text": "as it is",
        "path": "net-scalars",
        "lr": 0.1,
    }
    assert (runs["none"]["outcome"], runs["none"]["results"]) == ("succeeded", {})
    failed = {name: run["error"] for name, run in runs.items() if run["outcome"] == "failed"}
    assert failed["number"] == "results: the function returned a float; return a dict of results."
    assert failed["key"] == "3: the name of a result must be a text."
    assert failed["nested"].startswith("matrix.rows[1]: is a numpy.ndarray, which cannot be JSON.")
    assert failed["decimal"].startswith("accuracy: is a decimal.Decimal, which cannot be JSON.")
    assert runs["nested"]["results"] == {"good": 1}  # what was collected before stays

    assert f"{runs['scalars']['id']} in mode Train, [0.1]\n" in project.log
    assert f"{runs['scalars']['id']} only here" not in project.log
    output = (project.outputs / "runs" / runs["scalars"]["run"] / "1/output.log").read_text()
    assert output == "in mode Train, [0.1]\nonly here\nseed 7 7 True\n"

    tested = project.run()
    assert (tested.returncode, tested.stderr) == (0, "")
    assert "in mode Test, [0.1]\nonly here\nseed 7 7 True\n" in tested.stdout


UNFIT = {
    "typo": ("lr=0.1, lrr=0.2", '"lrr" is no argument of typo.train, which takes lr. Did you mean "lr"?'),
    "lacking": ("", 'lacking.train needs "lr", which the version does not have'),
    "model_dir": ("lr=1, model_dir='x'", '"model_dir" comes from the run'),
    "run": ("lr=1, run='x'", '"run" comes from the run'),
    "text": ("lr=1, seed='x'", "seed must be a whole number, got 'x'"),
    "float": ("lr=1, seed=0.5", "seed must be a whole number, got 0.5"),
}


def test_a_parameter_that_does_not_fit_is_an_error_in_both_modes(make_project, tmp_path):
    script = """
    from mlpipeline import FunctionModel, Versions
    def train(lr, *, model_dir, run):
        print("trained")
    v = Versions()
    v.add_version("v", PARAMETERS)
    MODEL = FunctionModel(train, v)
    """
    scripts = {f"{name}.py": script.replace("PARAMETERS", parameters) for name, (parameters, _) in UNFIT.items()}
    project = make_project(tmp_path, scripts)
    executed = project.run("-r")
    assert executed.returncode == 1
    for name, (_, told) in UNFIT.items():
        assert f'{name}.py: version "v": {told}' in project.log
    assert not (project.outputs / "runs").exists()

    tested = project.run()
    assert tested.returncode == 1
    assert f'typo.py: version "v": {UNFIT["typo"][1]}' in tested.stderr
    assert "trained" not in tested.stdout + executed.stdout


def test_results_that_cannot_be_recorded_fail_test_mode_too(make_project, tmp_path):
    script = """
    from mlpipeline import FunctionModel, Versions
    v = Versions()
    v.add_version("v")
    MODEL = FunctionModel(lambda: {"shape": {1, 2}}, v)
    """
    tested = make_project(tmp_path, {"net.py": script}).run()
    assert tested.returncode == 1
    assert "net:v: shape: is a set, which cannot be JSON. A set has no order: use `sorted(...)`." in tested.stderr


def test_steps_are_what_is_left_shown_while_they_run_and_one_in_test_mode(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    script = f"""
    from _gate import wait_for
    from mlpipeline import FunctionModel, Versions

    def train(n, *, model_dir, run):
        saved = model_dir / "steps"
        steps = []
        for step in run.steps(n):
            if step == 3 and not saved.exists():
                saved.touch()
                wait_for({str(gate)!r})
                raise RuntimeError("at step 3")
            steps.append(step)
            run.log_metrics({{"loss": 1 / (step + 1)}}, step=step)
        return {{"steps": steps, "none": list(run.steps(0))}}

    v = Versions()
    v.add_version("v", n=5)
    MODEL = FunctionModel(train, v)
    """
    project = make_project(tmp_path, {"_gate.py": GATE_SOURCE, "net.py": script})

    tested = project.run()
    assert tested.returncode == 0, tested.stderr
    assert "net:v: ok in " in tested.stdout
    assert ", steps=[0] none=[]\n" in tested.stdout

    daemon = project.start("-r")
    gate.wait_reached()
    status = project.run("status").stdout
    assert "net:v" in status
    assert "3 of 5" in status
    gate.open()
    assert daemon.wait(timeout=30) == 1

    assert project.run("-r").returncode == 0
    run = _results(project)["v"]
    assert run["results"] == {"steps": [3, 4], "none": []}
    lines = [json.loads(line) for line in (project.outputs / "runs" / run["run"] / "metrics.jsonl").open("rb")]
    assert [(line["step"], line["metrics"]) for line in lines] == [(3, {"loss": 0.25}), (4, {"loss": 0.2})]

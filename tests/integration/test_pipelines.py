"""Pipelines of cached stages, run as scripts and by the queue."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
    import numpy as np
    from mlpipeline import Pipeline, Versions, stage

    @stage("gen_data")
    class GenerateData:
        def run(self):
            print("runs gen_data")
            rng = np.random.default_rng(0)
            return {"train_data": rng.normal(size=(100, 3)), "test_data": rng.normal(size=(20, 3))}

    @stage("train_model")
    class TrainModel:
        def __init__(self, epochs: int = 3):
            self.epochs = epochs

        def run(self, train_data):
            print("runs train_model")
            return {"model_weights": train_data.mean(0) * self.epochs}

    @stage
    def accuracy(model_weights, test_data) -> float:
        print("runs accuracy")
        return float((test_data @ model_weights).mean())

    versions = Versions()
    versions.add_version("short", epochs=1)
    versions.add_version("long", epochs=3)
    MODEL = Pipeline(versions=versions)

    if __name__ == "__main__":
        print(Pipeline().run("accuracy"))
"""


def test_what_is_needed_runs_first_and_what_is_cached_does_not_run(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT})

    def said():
        script = project.models_dir / "net.py"
        return subprocess.run(
            [sys.executable, script], check=True, capture_output=True, text=True, timeout=60
        ).stdout.splitlines()

    *first, value = said()
    assert first == ["runs gen_data", "runs train_model", "runs accuracy"]
    assert said() == [value]


def test_versions_share_what_has_the_same_inputs(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": SCRIPT})
    project.run("-r")
    log = project.log
    assert [line.split(maxsplit=3)[3] for line in log.splitlines() if "stage gen_data" in line][-1] == (
        "net:long stage gen_data cached"
    )
    assert log.count("net:long stage gen_data cached") == 1
    assert log.count("stage train_model cached") == 0

"""What the READMEs of PipeLite and pipedown promise, on data that come with scikit-learn."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

PIPELITE = """
    import json
    import sys

    import numpy as np
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import SGDClassifier

    from mlpipeline import Artifact, Pipeline, stage


    class TestData(Artifact):
        pass


    @stage("gen_data")
    class GenerateTrainData:
        def run(self):
            print("runs gen_data", file=sys.stderr)
            X, y = load_breast_cancer(return_X_y=True)
            data = np.column_stack([(X - X.mean(0)) / X.std(0), y])
            np.random.default_rng(0).shuffle(data)
            return {"train_data": data[:400], TestData: data[400:]}


    @stage("train_model")
    class TrainModel:
        def __init__(self, epochs: int):
            self.epochs = epochs

        def run(self, train_data: np.ndarray):
            print("runs train_model", file=sys.stderr)
            model = SGDClassifier(max_iter=self.epochs, tol=None, random_state=0)
            model.fit(train_data[:, :-1], train_data[:, -1])
            return {"model_weights": np.append(model.coef_[0], model.intercept_)}


    @stage
    def accuracy(model_weights, data: TestData) -> float:
        print("runs accuracy", file=sys.stderr)
        guessed = data[:, :-1] @ model_weights[:-1] + model_weights[-1] > 0
        return float((guessed == data[:, -1]).mean())


    parameters, outputs = json.loads(sys.argv[1])
    made = Pipeline(parameters=parameters).run(outputs)
    print(json.dumps(made, default=np.shape))
"""

PIPEDOWN = """
    import json
    import sys

    import numpy as np
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    from mlpipeline import Input, Pipeline, Primary, Stage


    class LoadData:
        def run(self):
            data = load_diabetes()
            X = data.data.copy()
            X[::7, 2] = np.nan
            return {"features": X[:300], "target": data.target[:300], "validation": X[300:], "truth": data.target[300:]}


    class MeanImputer(Stage):
        def fit(self, X):
            self.means = np.nanmean(X, axis=0)

        def run(self, X):
            return np.where(np.isnan(X), self.means, X)


    class RidgeRegression(Stage):
        def __init__(self, alpha: float = 1.0):
            self.alpha = alpha

        def fit(self, X, y):
            self.model = Ridge(alpha=self.alpha).fit(X, y)

        def run(self, X):
            return self.model.predict(X)


    class Mean:
        def run(self, **predictions):
            return np.mean(list(predictions.values()), axis=0)


    class Diabetes(Pipeline):
        def stages(self):
            return {
                "load_data": LoadData(),
                "test_input": Input(),
                "primary": Primary(),
                "imputer": MeanImputer(),
                "strong": RidgeRegression(alpha=1.0),
                "weak": RidgeRegression(alpha=0.01),
                "mean": Mean(),
            }

        def edges(self):
            return {
                "primary": {"train": "features", "test": "test_input"},
                "imputer": "primary",
                "strong": {"X": "imputer", "y": "target"},
                "weak": ["imputer", "target"],
                "mean": ["strong", "weak"],
            }


    if __name__ == "__main__":
        pipeline = Diabetes()
        fitted = pipeline.fit_run(outputs="mean")
        data = LoadData().run()
        validated = pipeline.run({"test_input": data["validation"]}, "mean")
        single = pipeline.run({"test_input": data["validation"][:1]}, ["strong", "weak", "mean"])

        def r2(guessed, true):
            return 1 - ((guessed - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()

        print(json.dumps({
            "train": r2(fitted, data["target"]),
            "validation": r2(validated, data["truth"]),
            "single": {name: float(value[0]) for name, value in single.items()},
            "first": float(validated[0]),
        }))
"""

#: Stages as a user annotates them; WRONG stands where a marker class may be misspelt.
ANNOTATED = """
    from typing import Annotated

    from mlpipeline import Artifact, Pipeline, artifact, stage


    class TrainData(Artifact):
        pass


    @artifact("weights")
    class Weights(Artifact):
        pass


    class NoArtifact:
        pass


    @stage("load", outputs=[TrainData])
    class Load:
        def __init__(self, size: int = 3) -> None:
            self.size = size

        def run(self) -> dict[type[Artifact], list[float]]:
            return {TrainData: [1.0] * self.size}


    @stage(outputs=[WRONG])
    class Train:
        def run(self, data: Annotated[list[float], TrainData]) -> dict[type[Artifact], float]:
            return {Weights: sum(data)}


    @stage
    def score(weights: Annotated[float, Weights], threshold: float = 0.5) -> bool:
        return weights > threshold


    size: int = Load(size=3).size
    good: bool = score(2.0)
    print(Pipeline().run("score"))
"""


@pytest.fixture
def script(tmp_path):
    """Write a script, and return what runs it: the last line of its output as JSON, and which stages ran."""

    def write(source):
        file = tmp_path / "script.py"
        file.write_text(textwrap.dedent(source), "utf-8")

        def run(*arguments):
            done = subprocess.run(
                [sys.executable, file, *map(json.dumps, arguments)],
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            ran = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("runs ")]
            assert done.returncode == 0 or not ran, done.stderr
            return json.loads(done.stdout) if done.returncode == 0 else done.stderr.splitlines()[-1], ran

        return run

    return write


def test_pipelite_runs_one_stage_and_takes_the_rest_from_what_was_kept(script):
    run = script(PIPELITE)
    shapes = {"train_data": [400, 31], "test_data": [169, 31]}
    # A stage that needs nothing runs, though another one lacks a parameter.
    assert run([{}, "gen_data"]) == (shapes, ["gen_data"])
    told, ran = run([{}, "train_model"])
    assert 'its constructor takes "epochs", which has neither a value nor a default.' in told
    assert ran == []
    assert run([{"epochs": 30}, "train_model"]) == ([31], ["train_model"])
    made, ran = run([{"epochs": 30}, ["accuracy", "gen_data"]])
    assert ran == ["accuracy"]
    assert made["accuracy"] > 0.93
    assert {name: made[name] for name in shapes} == shapes
    assert run([{"train_model.epochs": 2}, "accuracy"])[1] == ["train_model", "accuracy"]


def test_pipedown_learns_validates_and_infers_by_one_path(script):
    made, _ = script(PIPEDOWN)()
    assert made["train"] > 0.45
    assert made["validation"] > 0.35
    single = made["single"]
    assert single["mean"] == pytest.approx((single["strong"] + single["weak"]) / 2)
    assert single["mean"] == pytest.approx(made["first"])


def test_pipedowns_stages_are_tested_each_by_itself(tmp_path):
    (tmp_path / "script.py").write_text(textwrap.dedent(PIPEDOWN), "utf-8")
    check = """
import numpy as np
from script import MeanImputer, Mean
imputer = MeanImputer()
imputer.fit(np.array([[1.0, np.nan], [3.0, 4.0]]))
assert imputer.run(np.array([[np.nan, np.nan]])).tolist() == [[2.0, 4.0]]
assert Mean().run(a=np.array([1.0]), b=np.array([3.0])).tolist() == [2.0]
"""
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, check=True, timeout=120)


def test_a_type_checker_follows_marker_classes(tmp_path):
    (tmp_path / "right.py").write_text(textwrap.dedent(ANNOTATED.replace("WRONG", "Weights")), "utf-8")
    (tmp_path / "wrong.py").write_text(textwrap.dedent(ANNOTATED.replace("WRONG", "NoArtifact")), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "right.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line.partition(":")[0] for line in errors] == ["wrong.py"], done.stdout + done.stderr
    assert "type[NoArtifact]" in errors[0]
    assert subprocess.run(
        [sys.executable, "right.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    ).stdout.splitlines() == ["True"]

"""A pipeline that is trained and saved in one environment, and served in another."""

from __future__ import annotations

import json
import shutil

import pytest
from environments import Environment

#: What a scikit-learn needs that lies in an environment by itself.
SCIENCE = ["numpy", "scipy", "joblib", "threadpoolctl", "narwhals"]
FILES = {
    "train.py": """
        import json
        import sys
        from pathlib import Path

        import needed
        import small
        from mlpipeline import Input, Pipeline, Primary, Stage
        from sklearn.datasets import load_breast_cancer
        from sklearn.linear_model import LogisticRegression

        from features import Features, chosen
        from shapes.scaling import Scaler

        try:
            import missing_anyway
        except ImportError:
            missing_anyway = None


        class Box:
            def __init__(self, value): self.value = value


        class Model(Stage):
            def __init__(self, C=1.0): self.C = C

            def fit(self, X, y):
                self.box = Box(LogisticRegression(C=self.C, max_iter=500).fit(X, y))
                self.threshold = lambda probability: probability > LIMIT

            def run(self, X):
                assert type(self.box) is Box
                return self.box.value.predict_proba(X)[:, 1]


        LIMIT = 0.5


        def load():
            data = load_breast_cancer()
            return [dict(zip(data.feature_names, row), target=int(y)) for row, y in zip(data.data[:300], data.target)]


        def labels(primary): return [record["target"] for record in primary]


        def decision(model): return [bool(one > LIMIT) for one in model]


        if __name__ == "__main__":
            pipeline = Pipeline(
                stages={"load": load, "test_input": Input(), "primary": Primary(), "labels": labels,
                        "features": Features(columns=chosen), "scaler": Scaler, "model": Model, "decision": decision},
                edges={"primary": {"train": "load", "test": "test_input"}, "labels": "primary", "features": "primary",
                       "scaler": "features", "model": {"X": "scaler", "y": "labels"}, "decision": "model"},
                parameters={"C": 0.5},
            )
            pipeline.fit()
            pipeline.save(sys.argv[1])
            Path("../server/records.json").write_text(json.dumps(load()[:20]))
            print(json.dumps(list(pipeline.run({"test_input": load()[:20]}, "model"))))
    """,
    "features.py": """
        import numpy as np
        from mlpipeline import Stage

        chosen = ["mean radius", "mean texture", "worst area"]

        class Features(Stage):
            def __init__(self, columns): self.columns = columns
            def run(self, records): return np.array([[one[name] for name in self.columns] for one in records])
    """,
    "shapes/__init__.py": "from .scaling import Scaler",
    "shapes/scaling.py": """
        from mlpipeline import Stage

        class Scaler(Stage):
            def fit(self, X): self.mean, self.std = X.mean(0), X.std(0)

            def run(self, X):
                from shapes import numbers
                return (X - self.mean) / self.std * numbers.ONE
    """,
    "shapes/numbers.py": "ONE = 1.0",
}
SERVER = """
    import json, sys, warnings
    import features, train
    from mlpipeline import Pipeline
    from mlpipeline.errors import MlpipelineError

    records = json.load(open("records.json"))
    said = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for trust in [False, True]:
            try:
                pipeline = Pipeline.load(sys.argv[1], trust=trust)
                said["model"] = list(pipeline.run({"test_input": records}, "model"))
                said["one"] = pipeline.run({"test_input": records[:1]})
                said["state"] = sorted(pipeline.states)
            except MlpipelineError as error:
                said[f"trust={trust}"] = str(error)
    said["warned"] = [str(warning.message) for warning in warned if "model.zip" in str(warning.message)]
    said["live"] = [features.NAME, train.NAME]
    print(json.dumps(said))
"""


def write(folder, files):
    import textwrap

    for name, source in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Where an archive is whose project is gone, beside a server, and what the pipeline made before."""
    root = tmp_path_factory.mktemp("saved")
    write(root / "project", FILES)
    write(root / "server", {"serve.py": SERVER, "features.py": "NAME = 'live'", "train.py": "NAME = 'live'"})
    training = Environment(root / "training", ["scikit-learn", *SCIENCE], own={"small": "1.0", "needed": "1.0"})
    archive = root / "model.zip"
    done = training.run(root / "project" / "train.py", str(archive), cwd=root / "project")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(root / "project")
    shutil.rmtree(root / "training")
    return root, archive, json.loads(done.stdout)


def test_it_loads_where_neither_project_nor_environment_is_the_same(saved):
    root, archive, before = saved
    server = root / "server"
    environment = Environment(root / "serving", SCIENCE, own={"small": "2.0"})

    def served():
        done = environment.run(server / "serve.py", str(archive), cwd=server)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # What is missing is said at once.
    missing = served()["trust=True"]
    assert "not installed here: needed==1.0, scikit-learn==" in missing and "small" not in missing

    environment.install("scikit-learn")
    environment.make("needed", "1.0")
    files = sorted(server.rglob("*"))
    said = served()
    assert said["model"] == before
    assert said["one"] == [before[0] > 0.5]
    assert said["state"] == ["model", "scaler"]
    assert said["live"] == ["live", "live"], "the server's own modules of the same names"
    assert said["warned"] == [
        f"{archive}: what it needs is here in other versions than where it was saved: small was 1.0, is 2.0. "
        "What it makes may differ, too."
    ]
    assert "box of model (train.Box), threshold of model (function)" in said["trust=False"]
    assert [path for path in sorted(server.rglob("*")) if "__pycache__" not in path.parts] == [
        path for path in files if "__pycache__" not in path.parts
    ]

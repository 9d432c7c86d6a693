"""Models that learn: the same stages for training, validation and single records, on real data."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from mlpipeline import Input, Pipeline, Primary, Stage, stage
from mlpipeline.errors import PipelineError


def shuffled():
    return load_breast_cancer(as_frame=True).frame.sample(frac=1, random_state=0)


@stage
def load_csv(rows=400):
    print("ran load_csv")
    return shuffled()[:rows]


def labels(primary):
    return primary["target"]


class Features(Stage):
    """One record, a dict of columns, or a table, with or without labels: a table of the columns that it learned."""

    def fit(self, data):
        self.columns = [name for name in data.columns if name != "target"]

    def run(self, data):
        if isinstance(data, dict) and not isinstance(next(iter(data.values())), list):
            data = [data]
        return pd.DataFrame(data, columns=self.columns)


class Imputer(Stage):
    def fit(self, X):
        print("ran imputer.fit")
        self.means = X.mean().to_dict()

    def run(self, X):
        return X.fillna(self.means)


class Scaler(Stage):
    def __init__(self, center=True):
        self.center = center
        self.seen = []

    def fit(self, X):
        self.mean, self.std = X.mean().to_numpy() * self.center, X.std().to_numpy()
        return self

    def run(self, X):
        scaled = (X - self.mean) / self.std
        # What a run does to itself is gone with it.
        self.seen.append(len(X))
        self.mean *= 0
        assert len(self.seen) == 1
        return scaled


class Model(Stage):
    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        print("ran model.fit")
        self.model = LogisticRegression(C=self.C).fit(X.to_numpy(), y)

    def run(self, X):
        print("ran model")
        return self.model.predict_proba(X.to_numpy())[:, 1]


def metrics(model, y):
    return {"accuracy": float(((model > 0.5) == y).mean()), "rows": len(y)}


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(
        stages={
            "load_csv": load_csv,
            "test_input": Input(),
            "primary": Primary(),
            "labels": labels,
            "features": Features(),
            "imputer": Imputer(),
            "scaler": Scaler(),
            "model": Model,
            "metrics": stage(outputs=["metrics"])(metrics),
        },
        edges={
            "primary": {"train": "load_csv", "test": "test_input"},
            "labels": "primary",
            "features": "primary",
            "imputer": "features",
            "scaler": "imputer",
            "model": {"X": "scaler", "y": "labels"},
            "metrics": ["model", "labels"],
        },
        cache=tmp_path / "cache",
    )


def kept(tmp_path):
    return {path for path in (tmp_path / "cache").rglob("*") if path.is_file()}


def test_training_validation_and_single_records_take_one_path(pipeline, tmp_path, capsys):
    train, new = shuffled()[:400], shuffled()[400:]
    assert pipeline.fit() is pipeline
    assert "ran model\n" not in capsys.readouterr().out
    assert set(pipeline.states) == {"features", "imputer", "scaler", "model"}
    assert pipeline.states["imputer"]["means"]["mean radius"] == pytest.approx(train["mean radius"].mean())

    files = kept(tmp_path)
    validated = pipeline.run({"test_input": new})
    assert validated["rows"] == len(new) and validated["accuracy"] > 0.95

    # Without labels; as a table, records, columns and one record: what is asked for is had, all alike.
    unlabelled = new.drop(columns="target")
    unlabelled.iloc[0, 0] = np.nan
    before = unlabelled.copy()
    probabilities = pipeline.run({"test_input": unlabelled}, "model")
    for given in [unlabelled.to_dict("records"), unlabelled.to_dict("list")]:
        assert (pipeline.run({"test_input": given}, "model") == probabilities).all()
    records = unlabelled.to_dict("records")
    one_by_one = [pipeline.run({"test_input": record}, "model")[0] for record in records[:3]]
    assert one_by_one == pytest.approx(probabilities[:3])
    assert unlabelled.equals(before)
    assert kept(tmp_path) == files, "what depends on what is handed in is not kept"

    # From any artifact on, and to several.
    made = pipeline.run({"features": unlabelled[:5]}, ["imputer", "model"])
    assert list(made) == ["imputer", "model"] and len(made["imputer"]) == 5
    with pytest.raises(KeyError, match="target"):
        pipeline.run({"test_input": unlabelled})


def test_nothing_is_learned_twice_and_other_data_or_parameters_are_learned_anew(pipeline, tmp_path, capsys):
    trained = pipeline.fit_run()
    assert trained["rows"] == 400
    first = pipeline.states
    capsys.readouterr()
    assert pipeline.fit_run("metrics") == trained
    assert capsys.readouterr().out == ""

    pipeline.fit(parameters={"rows": 100, "C": 0.01})
    assert pipeline.states["imputer"] != first["imputer"]
    assert (pipeline.states["model"]["model"].C, pipeline.states["model"]["C"]) == (0.01, 0.01)
    pipeline.fit()
    assert capsys.readouterr().out.count("ran model.fit") == 1
    assert pipeline.states["imputer"] == first["imputer"]

    # Handed-in data count by content while training.
    pipeline.fit({"load_csv": shuffled()[:200]})
    other = pipeline.states["imputer"]
    assert other != first["imputer"]
    capsys.readouterr()
    pipeline.fit({"load_csv": shuffled()[:200]})
    assert (pipeline.states["imputer"], capsys.readouterr().out) == (other, "")


def test_threads_run_a_fitted_pipeline_at_the_same_time(pipeline):
    pipeline.fit()
    records = shuffled()[400:440].drop(columns="target").to_dict("records")
    alone = [pipeline.run({"test_input": record}, "model")[0] for record in records]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda record: pipeline.run({"test_input": record}, "model")[0], records))
    assert together == alone


def test_what_has_not_learned_says_so(pipeline, tmp_path):
    with pytest.raises(PipelineError, match=r"features, imputer, scaler, model have not been fitted\. .*fit_run"):
        pipeline.run({"test_input": shuffled()}, "model")
    pipeline.fit(outputs="imputer")
    assert set(pipeline.states) == {"features", "imputer"}
    assert len(pipeline.run({"test_input": shuffled()}, "imputer")) == len(shuffled())
    with pytest.raises(PipelineError, match=r"scaler, model have not been fitted"):
        pipeline.run({"test_input": shuffled()}, "model")
    # Without stages that learn, there is nothing to fit.
    plain = Pipeline(stages=[load_csv], cache=tmp_path / "cache")
    assert len(plain.run("load_csv")) == len(plain.fit().run()) == 400
    for wrong in [shuffled(), 3]:
        with pytest.raises(PipelineError, match="Hand in what it is by its name"):
            pipeline.run(wrong)


def test_what_a_run_draws_is_its_own_and_leaves_others_generators_alone(tmp_path):
    def noisy(data):
        return data + random.random()

    pipeline = Pipeline(stages={"data": Input(), "noisy": noisy}, edges={"noisy": "data"}, cache=tmp_path / "cache")
    random.seed(1)
    drawn = [pipeline.run({"data": 0}, "noisy"), random.random()]
    random.seed(1)
    assert drawn == [random.random(), random.random()]

"""A `Pipeline` as an object: what it is shown as, and what it refuses in words."""

from __future__ import annotations

import sys

import pytest

from mlpipeline import Input, Pipeline, Stage, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import StageDefinition


@stage
def load():
    return 1


@stage
def train(load):
    return load + 1


@pytest.fixture
def pipeline(tmp_path):
    return Pipeline(stages=[load, train], cache=tmp_path)


def test_it_is_shown_by_its_stages_and_whether_it_is_fitted(pipeline):
    assert repr(pipeline) == "<Pipeline of load, train; not fitted>"
    assert repr(pipeline.fit()) == "<Pipeline of load, train; fitted>"


def test_one_that_does_not_fit_together_is_shown_all_the_same():
    assert repr(Pipeline(stages=[])) == "<Pipeline whose stages do not fit together>"


@pytest.mark.parametrize("method", ["run", "fit", "fit_run"])
def test_a_stage_to_force_that_is_not_there_is_refused_with_the_nearest_or_all(pipeline, method):
    with pytest.raises(PipelineError, match=r'force: there is no stage "trian"\. Did you mean "train"'):
        getattr(pipeline, method)(force=["trian"])
    with pytest.raises(PipelineError, match=r'force: there is no stage "zz"\. There are load, train\.'):
        getattr(pipeline, method)(force="zz")


def test_a_bare_name_forces_that_stage(pipeline):
    assert pipeline.run("train", force="train") == 2


def test_outputs_that_are_no_names_are_refused(pipeline):
    with pytest.raises(PipelineError, match="outputs: 3 is no name of a stage or an artifact"):
        pipeline.run(outputs=3)


@pytest.mark.parametrize("cache", [False, True, 3])
def test_a_cache_that_is_no_folder_is_refused_and_what_was_meant_is_named(cache):
    with pytest.raises(PipelineError, match=rf"not {cache}\. .*@stage\(cache=False\)"):
        Pipeline(stages=[load], cache=cache)


def test_what_is_no_stage_is_refused_where_it_is_given():
    with pytest.raises(PipelineError, match="no method `run`"):
        Pipeline(stages=[3])


def test_an_input_that_mlpipeline_made_has_no_place():
    assert StageDefinition.of(Input(), "new_data").title == "stage new_data"


class Center(Stage):
    def fit(self, load):
        self.mean = load

    def run(self, load):
        return {"centered": load - self.mean}


def test_what_a_pipeline_becomes_by_being_used_is_no_attribute_of_a_subclass(tmp_path, monkeypatch):
    # What is loaded stays importable.
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    made = Pipeline(stages=[load, Center], cache=tmp_path / "cache")
    fitted = Pipeline(stages=[load, Center], cache=tmp_path / "cache").fit()
    fitted.run()
    fitted.save(tmp_path / "model.zip")
    settled = fitted.in_module(globals()).settled()
    settled.wired({})
    for used in (fitted, settled, Pipeline.load(tmp_path / "model.zip")):
        *_, of_subclass = used.__mlpipeline_parts__()
        assert (of_subclass, vars(used).keys()) == ({}, vars(made).keys())


def test_a_subclass_that_says_no_stages_is_asked_once():
    class Empty(Pipeline):
        asked = 0

        def stages(self):
            self.asked += 1
            return []

    pipeline = Empty()
    with pytest.raises(PipelineError, match="the pipeline has no stages"):
        pipeline.run()
    assert pipeline.asked == 1

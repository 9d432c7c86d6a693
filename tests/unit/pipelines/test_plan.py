"""What of a pipeline has to run, with what is handed in, for what is asked for."""

from __future__ import annotations

import pytest

from mlpipeline import Input, Primary, Stage, stage
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import defined
from mlpipeline.pipelines.plan import Plan, artifact_handed_in
from mlpipeline.pipelines.wiring import Purpose, StageCall, Wiring

TRAINING, INFERENCE = Purpose.TRAINING, Purpose.INFERENCE


class Model(Stage):
    def fit(self, data, labels): ...

    def run(self, data): ...


def load_csv(): ...


def labels(primary): ...


def metrics(model, truth): ...


def report(model, notes=None): ...


STAGES = {
    "load_csv": load_csv,
    "test_input": Input(),
    "truth": Input(),
    "notes": Input(),
    "primary": Primary(),
    "labels": labels,
    "model": Model(),
    "metrics": metrics,
    "report": report,
}
EDGES = {
    "primary": {"train": "load_csv", "test": "test_input"},
    "model": {"data": "primary", "labels": "labels"},
}


def plan(purpose, handed_in=(), outputs=None, only_states=False, stages=STAGES, edges=EDGES):
    wiring = Wiring(defined(stages), edges, {})
    made = Plan.of(wiring, purpose, handed_in, outputs, only_states=only_states)
    return [call.name for call in made.calls], list(made.outputs), made.dependent


def test_training_takes_the_training_parent_and_makes_the_states():
    calls, outputs, dependent = plan(TRAINING, ["truth"])
    assert set(calls) == {"load_csv", "primary", "labels", "model.fit", "model", "report", "metrics"}
    assert sorted(outputs) == ["metrics", "report"]
    assert dependent == {"metrics"}


def test_running_takes_the_test_parent_and_the_states_that_are_there():
    calls, outputs, dependent = plan(INFERENCE, ["test_input"], ["model"])
    assert (calls, outputs) == (["primary", "model"], ["model"])
    assert dependent >= {"primary", "model"}


def test_only_what_can_be_had_of_what_is_handed_in_is_asked_for():
    assert plan(INFERENCE, ["test_input"])[1] == ["report"]
    assert sorted(plan(INFERENCE, ["test_input", "truth"])[1]) == ["metrics", "report"]
    without_report = {name: stage for name, stage in STAGES.items() if name != "report"}
    # What fit alone takes, the labels, and what only training takes, load_csv, nobody asks for.
    assert plan(INFERENCE, ["test_input"], stages=without_report)[1] == ["model"]


def test_an_input_that_is_not_handed_in_is_no_argument_where_that_has_a_default():
    wiring = Wiring(defined(STAGES), EDGES, {})
    assert set(wiring.graph(INFERENCE, ["model.state"]).calls["report"].takes) == {"model"}
    assert set(wiring.graph(INFERENCE, ["model.state", "notes"]).calls["report"].takes) == {"model", "notes"}


def test_only_the_states_that_are_needed_are_fitted():
    stages = {**STAGES, "other": Model()}
    edges = {**EDGES, "other": {"data": "model", "labels": "labels"}}
    calls, outputs, _ = plan(TRAINING, only_states=True, outputs=["model"], stages=stages, edges=edges)
    assert (set(calls), outputs) == ({"load_csv", "primary", "labels", "model.fit"}, ["model.state"])
    calls, outputs, _ = plan(TRAINING, only_states=True, stages=stages, edges=edges)
    assert outputs == ["model.state", "other.state"]
    assert plan(TRAINING, only_states=True, stages=[load_csv], edges={})[:2] == ([], [])


def test_what_is_handed_in_is_not_made():
    calls, _, dependent = plan(TRAINING, ["primary"], ["model"])
    assert set(calls) == {"labels", "model.fit", "model"}
    assert dependent >= set(calls)


def test_what_is_not_handed_in_is_said_all_at_once():
    with pytest.raises(PipelineError, match=r'test_input, truth are not handed in\. .*run\({"test_input": …, "truth"'):
        plan(INFERENCE, outputs=["metrics"])
    with pytest.raises(PipelineError, match=r"test_input.* not handed in"):
        plan(INFERENCE)
    with pytest.raises(PipelineError, match=r"pipeline\.fit\("):
        plan(TRAINING, only_states=True, edges={**EDGES, "primary": {"train": "truth", "test": "test_input"}})


def test_a_stage_may_be_handed_in_by_its_name_if_it_makes_one_thing():
    @stage(outputs=["data"])
    def load(): ...

    wiring = Wiring(defined([load, labels]), {"labels": "data"}, {})
    assert [artifact_handed_in(wiring, name) for name in ["load", "data", "dta"]] == ["data", "data", "dta"]
    with pytest.raises(PipelineError, match=r'"dta" is handed in.*Did you mean "data"'):
        Plan.of(wiring, INFERENCE, ["dta"])


def test_what_a_long_pipeline_takes_is_looked_at_a_few_times_each(monkeypatch):
    looked = []
    needs = StageCall.needs
    monkeypatch.setattr(StageCall, "needs", lambda call: looked.append(call.name) or needs(call))

    def linked(before=None): ...

    count = 60
    edges = {f"s{at}": f"s{at - 1}" for at in range(1, count)}
    wiring = Wiring(defined({f"s{at}": linked for at in range(count)}), edges, {})
    assert Plan.of(wiring, TRAINING).outputs == (f"s{count - 1}",)
    assert len(looked) <= 20 * count

from dataclasses import replace

import pytest
from runs import SUCCEEDED

from mlpipeline.domain.measures import Measure
from mlpipeline.domain.rankings import rankings


def run(version, model="net", parameters=(), **results):
    return replace(
        SUCCEEDED,
        id=f"{model}{version}",
        model=model,
        version=version,
        parameters=dict(parameters),
        results={name.replace("__", "."): value for name, value in results.items()},
    )


def order(runs, wanted=None):
    (ranking,) = rankings(runs, wanted)
    return str(ranking.measure), [run.version for run in ranking.runs]


def test_versions_are_ranked_by_the_first_result_of_which_a_better_direction_is_known():
    runs = [run("a", size=3, loss=0.3, accuracy=0.7), run("b", size=2, loss=0.1, accuracy=0.2)]
    assert order(runs) == ("loss", ["b", "a"])


@pytest.mark.parametrize("name", ["test__accuracy", "val_accuracy", "validation__f1"])
def test_what_is_of_data_that_was_not_trained_on_comes_first(name):
    runs = [run("a", train__loss=0.1, **{name: 0.7}), run("b", train__loss=0.2, **{name: 0.8})]
    assert order(runs) == (name.replace("__", "."), ["b", "a"])


def test_what_is_wanted_is_taken_where_there_is_such_and_the_own_elsewhere():
    runs = [run("a", loss=1, energy=5), run("b", loss=2, energy=4), run("c", "other", loss=1)]
    wanted = Measure.parse("energy:min")
    assert [(ranking.model, str(ranking.measure), ranking.runs[0].version) for ranking in rankings(runs, wanted)] == [
        ("net", "energy:min", "b"),
        ("other", "loss", "c"),
    ]


def test_where_no_direction_is_known_the_newest_is_first():
    assert order([run("a", size=3), run("b", size=9), run("c", note="loss")]) == ("None", ["c", "b", "a"])


def test_nan_and_what_has_no_number_come_last():
    runs = [run("nan", loss=float("nan")), run("none"), run("text", loss="low"), run("true", loss=True)]
    assert order([*runs, run("big", loss=10**400), run("b", loss=1)])[1][:2] == ["b", "big"]


def test_of_a_version_that_ran_more_than_once_the_latest_run_counts():
    assert order([run("a", loss=0.1), run("b", loss=0.2), run("a", loss=0.3)]) == ("loss", ["b", "a"])


def test_the_parameters_that_differ_are_told():
    (ranking,) = rankings(
        [run("a", parameters={"lr": 1, "n": 5}, loss=1), run("b", parameters={"n": 5, "lr": 2, "extra": None}, loss=2)],
        None,
    )
    assert ranking.differing == ["lr", "extra"]


def test_nested_results_and_parameters_have_dotted_names():
    parameters = {"lr": 1, "optimizer": {"name": "adam", "decay": 0.1}}
    others = {"lr": 1, "optimizer": {"name": "sgd", "decay": 0.1}}
    runs = [run("a", parameters=parameters, val={"loss": 0.3}), run("b", parameters=others, val={"loss": 0.2})]
    assert order(runs) == ("val.loss", ["b", "a"])
    (ranking,) = rankings(runs, None)
    assert ranking.differing == ["optimizer.name"]
    assert order(runs, Measure.parse("val.loss:max")) == ("val.loss:max", ["a", "b"])

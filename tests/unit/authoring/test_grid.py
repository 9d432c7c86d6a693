from __future__ import annotations

import pytest

from mlpipeline.authoring.versions import Versions
from mlpipeline.errors import VersionsError


class Loader:
    pass


def grid(**arguments) -> Versions:
    versions = Versions(batch_size=8)
    versions.rangeOnParameters(**arguments)
    return versions


def names(**parameters) -> list[str]:
    versions = grid(combining_parameters=list(parameters), parameters=parameters)
    return [version.name for version in versions.in_order()]


def test_combines_all_values_in_order_and_keeps_the_rest_the_same():
    versions = grid(
        combining_parameters=["learning_rate", "layers"],
        parameters={"learning_rate": [0.1, 0.01], "layers": [2, 3], "sizes": [5, 6]},
    )
    assert [
        {"learning_rate": rate, "layers": layers, "sizes": [5, 6], "batch_size": 8}
        for rate in (0.1, 0.01)
        for layers in (2, 3)
    ] == [version.own_parameters() for version in versions.in_order()]
    assert [version.name for version in versions.in_order()] == [
        "learning_rate=0.1,layers=2",
        "learning_rate=0.1,layers=3",
        "learning_rate=0.01,layers=2",
        "learning_rate=0.01,layers=3",
    ]
    versions.check()


def test_takes_its_arguments_in_the_positional_order_of_v1():
    versions = Versions()
    versions.rangeOnParameters(["a", "b"], ["x"], {"x": [1, 2]})
    assert versions.getVersion("b").own_parameters() == {"x": 2}


def test_the_correct_spelling_is_the_same():
    versions = Versions()
    versions.range_on_parameters(combining_parameters=["x"], parameters={"x": [1]})
    assert [version.name for version in versions.in_order()] == ["x=1"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 1e-05], ["x=0.1", "x=1e-05"]),
        ([True, None, 3], ["x=True", "x=None", "x=3"]),
        (["a/b", "c\nd"], ["x=a_b", "x=c_d"]),
        ([[3, "a/b"], {"k": 1}], ['x=[3,"a_b"]', 'x={"k":1}']),
        ([Loader, Loader()], [f"x={__name__}.Loader"] * 2),
        ((1, 2), ["x=1", "x=2"]),
        (range(2), ["x=0", "x=1"]),
        (5, ["x=5"]),
        ("word", ["x=word"]),
    ],
)
def test_names_are_made_of_the_values(values, expected):
    assert expected == names(x=values)


def test_both_spellings_of_the_epoch_count_are_combined():
    versions = grid(combining_parameters=["epoch_count"], parameters={"epoc_count": [1, 2]})
    assert [version["epoc_count"] for version in versions.in_order()] == [1, 2]


def test_the_dict_and_lists_of_the_caller_stay_as_they_are():
    parameters = {"x": 1, "y": [1, 2]}
    combining = ["x", "y"]
    grid(combining_parameters=combining, parameters=parameters)
    assert parameters == {"x": 1, "y": [1, 2]}
    assert combining == ["x", "y"]


@pytest.mark.parametrize("given", [[], ["a"], ["a", "b", "c"]])
def test_another_number_of_names_is_an_error_that_says_how_many(given):
    with pytest.raises(VersionsError, match=f"{len(given)} names for 2 combinations. Give 2"):
        grid(names=given, combining_parameters=["x"], parameters={"x": [1, 2]})


@pytest.mark.parametrize(
    ("combining", "told"),
    [
        ([], "names no parameter to combine"),
        (["layer"], '"layer" is to be combined but is not among .*: layers, empty. Did you mean "layers"?'),
        (["hooks"], '"hooks" is to be combined but is not'),
        (["empty"], '"empty" has no values'),
        ("layer", '"layer" is to be combined'),
    ],
)
def test_combining_what_has_no_values_is_an_error(combining, told):
    with pytest.raises(VersionsError, match=told):
        grid(combining_parameters=combining, parameters={"layers": [1], "empty": []})


def test_a_refused_grid_defines_nothing():
    versions = Versions()
    with pytest.raises(VersionsError):
        versions.rangeOnParameters(["a"], ["x"], {"x": [1, 2]})
    assert versions.in_order() == []

from collections import OrderedDict
from pathlib import Path
from typing import ClassVar

import pytest

from mlpipeline.domain.changes import Changes, Further
from mlpipeline.errors import NoSuchParameter


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"lr": 0.1}, "small@lr=0.1"),
        ({"layers": 2, "lr": 1e-05}, "small@layers=2,lr=1e-05"),
        ({"augment": True, "tag": "a b"}, "small@augment=true,tag=a b"),
        ({"hidden": [64, 32], "names": ["x"]}, 'small@hidden=[64,32],names=["x"]'),
        ({"optimizer": {"lr": 0.1, "betas": [0.9]}}, "small@optimizer.lr=0.1,optimizer.betas=[0.9]"),
        ({"data": "corpora/wiki\\x\n", "empty": {}}, "small@data=corpora_wiki_x_,empty={}"),
        ({"lr": float("inf")}, "small@lr=inf"),
    ],
)
def test_a_version_is_called_after_what_changes_in_the_order_written(values, name):
    assert Changes(values=values).name_of("small") == name


def test_values_take_the_place_of_those_that_are_there():
    own = {"lr": 0.01, "layers": 3, "hidden": [64]}
    assert Changes(values={"hidden": [1, 2], "lr": 1}).in_place(own) == {"lr": 1, "layers": 3, "hidden": [1, 2]}
    assert own == {"lr": 0.01, "layers": 3, "hidden": [64]}


def test_a_table_changes_what_it_names_of_a_table_and_replaces_all_else():
    own = {"optimizer": OrderedDict(lr=0.01, momentum=0.9), 1: {2: "a", "b": {"c": 1}}, "none": None}
    changes = Changes(values={"optimizer": {"lr": 0.1}, "1": {"2": "z", "b": {"c": 2}}, "none": {"x": 1}})
    changed = changes.in_place(own)
    assert changed == {"optimizer": {"lr": 0.1, "momentum": 0.9}, 1: {2: "z", "b": {"c": 2}}, "none": {"x": 1}}
    assert type(changed["optimizer"]) is OrderedDict
    assert own["optimizer"]["lr"] == 0.01
    assert Changes(values={"optimizer": {}}).in_place(own)["optimizer"] == {}


def test_a_text_that_replaces_a_path_is_one():
    own = {"data": Path("a.csv"), "files": (Path("a.csv"),), "by": {"test": Path("a.csv")}, "tag": "a", "none": ()}
    changes = Changes(values={"data": "b.csv", "files": ["b", "c"], "by": {"test": "b"}, "tag": "b", "none": ["b"]})
    assert changes.in_place(own) == {
        "data": Path("b.csv"),
        "files": [Path("b"), Path("c")],
        "by": {"test": Path("b")},
        "tag": "b",
        "none": ["b"],
    }
    further = Further(defaults={"load.data": Path("a.csv")}, names={"load.data": "load.data"})
    assert Changes(values={"load.data": "b.csv"}).in_place({}, further) == {"load.data": Path("b.csv")}
    assert Changes(values={"data": 5}).in_place(own)["data"] == 5


@pytest.mark.parametrize(
    ("values", "key", "advice"),
    [
        ({"lrr": 0.1}, "lrr", ' Did you mean "lr"?'),
        ({"optimizer": {"momentun": 0.1}}, "optimizer.momentun", ' Did you mean "optimizer.momentum"?'),
        ({"optimzer": {"momentum": 0.1}}, "optimzer.momentum", ' Did you mean "optimizer.momentum"?'),
        ({"x": 1}, "x", " It has lr, optimizer."),
        ({"x": {"y": {"z": 1}}}, "x.y.z", " It has lr, optimizer."),
        ({"timeout": "1h"}, "timeout", " It is a condition: say it beside `set`, { timeout = …, set = … }."),
    ],
)
def test_what_a_version_does_not_have_is_never_added(values, key, advice):
    with pytest.raises(NoSuchParameter) as caught:
        Changes(values=values).in_place({"lr": 0.01, "optimizer": {"momentum": 0.9}})
    assert (caught.value.key, caught.value.advice) == (key, advice)


def test_changes_are_the_same_where_they_call_and_do_the_same():
    assert Changes(values={"lr": 0.1}) == Changes(values={"lr": 0.1})
    assert hash(Changes(values={"x": [1]})) == hash(Changes(values={"x": [1]}))
    ones = [Changes(values={"x": value}) for value in (1, 1.0, True, "1")]
    assert len(set(ones)) == 4
    assert Changes(values={"x": 1, "y": 2}) != Changes(values={"y": 2, "x": 1})


class TestFurther:
    """What stages of a pipeline take, though the version gives it no value."""

    own: ClassVar = {"epochs": 1, "load.path": "a"}
    further = Further(
        defaults={"train.width": 8, "train.optimizer": {"lr": 0.1, "beta": 0.9}},
        names={
            "train.epochs": "epochs",
            "epochs": "epochs",
            "load.path": "load.path",
            "path": "load.path",
            "width": "train.width",
            "train.width": "train.width",
            "train.optimizer": "train.optimizer",
        },
    )

    @pytest.mark.parametrize(
        ("values", "changed"),
        [
            ({"train.epochs": 5}, {"epochs": 5}),
            ({"train": {"epochs": 5}}, {"epochs": 5}),
            ({"path": "b"}, {"load.path": "b"}),
            ({"width": 9}, {"train.width": 9}),
            ({"train": {"width": 9, "epochs": 2}}, {"train.width": 9, "epochs": 2}),
            ({"train": {"optimizer": {"lr": 1.0}}}, {"train.optimizer": {"lr": 1.0, "beta": 0.9}}),
        ],
    )
    def test_a_parameter_of_a_stage_is_changed_by_any_of_its_names(self, values, changed):
        assert Changes(values=values).in_place(self.own, self.further) == {**self.own, **changed}

    def test_one_that_no_stage_takes_is_an_error_with_the_nearest(self):
        with pytest.raises(NoSuchParameter, match=r'"train\.epocs"\. Did you mean "train\.epochs"'):
            Changes(values={"train": {"epocs": 5}}).in_place(self.own, self.further)
        with pytest.raises(NoSuchParameter, match=r'"trian\.width"\. Did you mean "train\.width"'):
            Changes(values={"trian": {"width": 5}}).in_place(self.own, self.further)

    def test_one_may_not_be_given_two_values(self):
        with pytest.raises(NoSuchParameter, match='"epochs" stands for it already'):
            Changes(values={"epochs": 1, "train.epochs": 2}).in_place(self.own, self.further)

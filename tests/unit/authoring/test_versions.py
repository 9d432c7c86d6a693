from __future__ import annotations

import inspect
import math

import pytest

from mlpipeline.authoring.versions import Version, Versions, version_parameters
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.resources import Resources
from mlpipeline.errors import VersionsError


def names(versions: Versions) -> list[str]:
    return [version.name for version in versions.in_order()]


class TestDefining:
    def test_versions_takes_its_defaults_in_the_positional_order_of_v1(self):
        versions = Versions(0.1, "loader", 32, 5, "suffix", 7, "hooks", True, 10, 2)
        versions.addV("a")
        assert versions.getVersion("a") == {
            "name": "a",
            "learning_rate": 0.1,
            "dataloader": "loader",
            "batch_size": 32,
            "epoch_count": 5,
            "model_dir_suffix": "suffix-a",
            "order": 7,
            "hooks": "hooks",
            "use_all_classes": True,
            "classes_count": 10,
            "classes_offset": 2,
        }

    @pytest.mark.parametrize("method", ["addV", "add_version"])
    def test_add_takes_its_values_in_the_positional_order_of_v1(self, method):
        versions = Versions()
        getattr(versions, method)("a", "loader", 32, 5, 0.1, "suffix", 7, {"own": 1}, "hooks", True, 10, 2)
        assert versions.getVersion("a") == {
            "name": "a",
            "dataloader": "loader",
            "batch_size": 32,
            "epoch_count": 5,
            "learning_rate": 0.1,
            "model_dir_suffix": "suffix",
            "order": 7,
            "own": 1,
            "hooks": "hooks",
            "use_all_classes": True,
            "classes_count": 10,
            "classes_offset": 2,
        }

    def test_what_is_given_wins_over_the_default_and_none_does_not(self):
        versions = Versions(0.1, layers=2, width=8)
        versions.add_version("a", learning_rate=None, layers=3)
        assert versions.get_version("a").own_parameters() == {"learning_rate": 0.1, "layers": 3, "width": 8}

    def test_only_what_was_given_is_a_parameter(self):
        versions = Versions(batch_size=None)
        versions.addV("a", None, None, None, None, None, None, {"dropout": None})
        assert versions.getVersion("a").own_parameters() == {"dropout": None}

    @pytest.mark.parametrize("spelling", ["custom_paramters", "custom_parameters"])
    def test_custom_parameters_win_over_everything(self, spelling):
        versions = Versions(batch_size=1)
        versions.addV("a", batch_size=2, **{spelling: {"batch_size": 3, "epoc_count": 4, "order": 9}})
        version = versions.getVersion("a")
        assert (version["batch_size"], version["epoch_count"], version["order"]) == (3, 4, 9)

    def test_epoch_count_is_the_other_spelling(self):
        versions = Versions(epoch_count=3)
        versions.add_version("a")
        versions.add_version("b", epoch_count=4)
        versions.add_version("c", epoch_count=None)
        assert [version["epoc_count"] for version in versions.in_order()] == [3, 4, 3]

    def test_giving_both_spellings_is_an_error(self):
        with pytest.raises(VersionsError, match="same parameter"):
            Versions(epoc_count=3, epoch_count=3)

    def test_each_object_has_its_own_defaults_and_versions(self):
        first, second = Versions(0.1, layers=1), Versions()
        first.addV("a")
        second.addV("a")
        assert second.getVersion("a").own_parameters() == {}
        assert len(second.in_order()) == 1

    def test_the_dicts_of_the_caller_stay_as_they_are(self):
        custom = {"layers": 3}
        versions = Versions()
        versions.addV("a", custom_paramters=custom)
        versions.getVersion("a")["layers"] = 4
        versions.addV("b", custom_paramters=custom)
        assert custom == {"layers": 3}
        assert versions.getVersion("b")["layers"] == 3

    def test_no_default_argument_is_mutable(self):
        for method in (Versions.addV, Versions.rangeOnParameters):
            for argument in inspect.signature(method).parameters.values():
                assert not isinstance(argument.default, dict | list), argument

    @pytest.mark.parametrize(("name", "text"), [("a", "a"), (3, "3"), (0.5, "0.5")])
    def test_names_become_text(self, name, text):
        versions = Versions()
        versions.addV(name)
        assert [text] == names(versions)
        assert text == versions.getVersion(name)["name"]

    @pytest.mark.parametrize("name", [None, ("a",), b"a"])
    def test_other_names_are_an_error(self, name):
        with pytest.raises(VersionsError, match="name must be text, not"):
            Versions().addV(name)

    def test_conditions_are_no_parameters_and_a_versions_own_come_first(self):
        versions = Versions(timeout="8h", resources={"gpus": 1, "cpus": 2}, width=3)
        versions.add_version("plain")
        versions.add_version("own", timeout="90s", resources={"gpus": 2}, retries={"lost": 1}, stop_if_diverged=True)
        assert versions.getVersion("own").own_parameters() == {"width": 3}
        assert versions.conditions("plain") == Conditions(timeout_s=28800, resources=Resources(gpus=1, cpus=2))
        assert versions.conditions("own") == Conditions(
            timeout_s=90, resources=Resources(gpus=2, cpus=2), retries={"lost": 1}, stop_if_diverged=True
        )

    @pytest.mark.parametrize("word", ["resources", "retries", "timeout", "silence", "stop_if_diverged"])
    def test_a_wrong_condition_says_where_and_how_to_give_a_parameter_of_that_name(self, word):
        with pytest.raises(VersionsError, match=rf"Versions: {word} = .*; expected .* goes in custom_parameters\."):
            Versions(**{word: [1]})
        with pytest.raises(VersionsError, match=f'version "a": {word} = '):
            Versions().add_version("a", **{word: [1]})

    @pytest.mark.parametrize("wrong", [{"timeout": -3}, {"timeout": "soon"}, {"retries": {"lots": 1}}])
    def test_a_condition_of_the_right_type_was_not_meant_as_a_parameter(self, wrong):
        with pytest.raises(VersionsError) as refused:
            Versions(**wrong)
        assert "custom_parameters" not in str(refused.value)

    def test_the_words_of_the_queue_may_be_parameters_of_the_user_as_in_v1(self):
        versions = Versions()
        versions.addV("a", custom_paramters={"timeout": 3})
        assert versions.getVersion("a").own_parameters() == {"timeout": 3}

    @pytest.mark.parametrize("custom", [{"name": "b"}, {3: 1}])
    def test_keys_that_cannot_be_parameters_are_refused(self, custom):
        with pytest.raises(VersionsError, match='version "a"'):
            Versions().addV("a", custom_paramters=custom)

    def test_the_name_is_no_default(self):
        with pytest.raises(VersionsError, match="name is no default"):
            Versions(name="a")


class TestGetting:
    def test_the_version_can_be_changed_in_place(self):
        versions = Versions()
        versions.addV("a")
        versions.getVersion("a")["layers"] = 3
        assert versions.in_order()[0].own_parameters() == {"layers": 3}

    def test_an_unknown_name_is_an_error_with_the_nearest(self):
        versions = Versions()
        versions.addV("small")
        versions.addV("large")
        with pytest.raises(VersionsError, match=r'no version "smal". There are: small, large. Did you mean "small"?'):
            versions.getVersion("smal")


class TestOrder:
    def test_is_as_defined(self):
        versions = Versions()
        for name in "cab":
            versions.addV(name)
        assert names(versions) == ["c", "a", "b"]
        assert [version["order"] for version in versions.in_order()] == [0, 1, 2]

    def test_is_by_order_then_as_defined(self):
        versions = Versions()
        versions.addV("a", order=5)
        versions.addV("b", order=1.5)
        versions.addV("c", order=5)
        versions.addV("d")
        assert names(versions) == ["d", "b", "a", "c"]

    @pytest.mark.parametrize("order", ["first", math.nan, [1]])
    def test_of_anything_but_a_number_is_an_error(self, order):
        versions = Versions()
        versions.addV("a", order=order)
        with pytest.raises(VersionsError, match='version "a": order'):
            versions.check()
        with pytest.raises(VersionsError, match='version "a": order'):
            versions.in_order()


class TestSuffix:
    def test_is_the_name_unless_one_is_given(self):
        versions = Versions()
        versions.addV("a")
        versions.addV("b", model_dir_suffix="mine")
        versions.addV("c", model_dir_suffix=3)
        assert [version.suffix for version in versions.in_order()] == ["a", "mine", "3"]

    def test_of_all_versions_gets_the_name_appended(self):
        versions = Versions(model_dir_suffix="big")
        versions.addV("a")
        versions.addV("b", model_dir_suffix="mine")
        versions.addV("c", custom_paramters={version_parameters.MODEL_DIR_SUFFIX: "own"})
        assert [version.suffix for version in versions.in_order()] == ["big-a", "mine", "own"]
        assert versions.getVersion("a")[version_parameters.MODEL_DIR_SUFFIX] == "big-a"


class TestCheck:
    def test_passes_what_can_live_side_by_side(self):
        versions = Versions()
        versions.addV("a")
        versions.addV("b", model_dir_suffix="c")
        versions.check()

    def test_refuses_equal_names(self):
        versions = Versions()
        versions.addV("a", layers=1)
        versions.addV("b")
        versions.addV("a", layers=2)
        with pytest.raises(VersionsError, match='2 versions are called "a"'):
            versions.check()

    @pytest.mark.parametrize("second", [{"model_dir_suffix": "x"}, {"name": "x"}])
    def test_refuses_equal_model_dir_suffixes(self, second):
        versions = Versions()
        versions.addV("a", model_dir_suffix="x")
        versions.addV(**{"name": "b", **second})
        with pytest.raises(VersionsError, match=r'versions "a" and "[bx]" would share the model dir suffix "x"'):
            versions.check()

    def test_refuses_that_there_are_none(self):
        with pytest.raises(VersionsError, match="there are no versions"):
            Versions().check()


def test_versions_are_dicts_with_name_and_order():
    versions = Versions()
    versions.add_version("a")
    assert isinstance(versions.in_order()[0], Version)
    assert versions.in_order()[0] == {"name": "a", "order": 0}

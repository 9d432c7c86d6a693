from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from mlpipeline.authoring.function_model import FunctionModel
from mlpipeline.authoring.versions import Versions
from mlpipeline.errors import VersionsError


def train(lr, epochs=3, *, model_dir, run):
    return {}


def model_and_version(function, **parameters):
    versions = Versions()
    versions.add_version("a", **parameters)
    return FunctionModel(function, versions), versions.getVersion("a")


def arguments_of(function, **parameters):
    model, version = model_and_version(function, **parameters)
    model.check_version(version)
    return model.arguments(version, model_dir=Path("dir"), run="the run", seed=7)


class TestArguments:
    def test_come_by_name_from_the_version_and_the_run(self):
        assert {"lr": 0.1, "model_dir": Path("dir"), "run": "the run"} == arguments_of(train, lr=0.1)
        assert arguments_of(train, lr=0.1, epochs=5)["epochs"] == 5

    def test_of_the_run_are_given_only_if_the_function_takes_them(self):
        assert arguments_of(lambda: None) == {}
        assert arguments_of(lambda seed: None) == {"seed": 7}

    def test_keep_the_defaults_of_the_function(self):
        assert arguments_of(lambda lr=0.1: None) == {}

    @pytest.mark.parametrize("given", ["epoch_count", "epoc_count"])
    def test_take_the_epoch_count_under_either_name(self, given):
        assert arguments_of(lambda epoch_count: None, **{given: 3}) == {"epoch_count": 3}
        assert arguments_of(lambda epoc_count: None, **{given: 3}) == {"epoc_count": 3}

    def test_take_the_parameters_with_a_meaning_like_any_other(self):
        assert arguments_of(
            lambda hooks, batch_size: None, hooks=["h"], batch_size=8, order=3, model_dir_suffix="s"
        ) == {"hooks": ["h"], "batch_size": 8}

    def test_that_nobody_named_go_to_the_keywords_of_the_function(self):
        def everything(lr, epoc_count=1, **others):
            return None

        expected = {"lr": 0.1, "epoc_count": 2, "layers": 3, "width": 4}
        assert expected == arguments_of(everything, lr=0.1, epoch_count=2, layers=3, width=4, seed=5)

    def test_a_seed_of_the_version_need_not_be_taken(self):
        assert arguments_of(lambda: None, seed=5) == {}
        assert arguments_of(lambda seed: None, seed=7) == {"seed": 7}

    def test_the_dict_is_not_the_versions_own(self):
        model, version = model_and_version(lambda **all: None, lr=0.1)
        model.arguments(version, model_dir=Path(), run=None, seed=0)["lr"] = 9
        assert version["lr"] == 0.1

    @pytest.mark.parametrize("function", [partial(train, epochs=9), type("Net", (), {"__init__": train})])
    def test_of_anything_that_can_be_called(self, function):
        model, _ = model_and_version(function)
        assert function is model.train


class TestCheck:
    def test_a_parameter_that_no_argument_takes_is_an_error_with_the_nearest(self):
        with pytest.raises(VersionsError) as caught:
            arguments_of(train, lrr=0.1)
        assert (
            f'version "a": "lrr" is no argument of {__name__}.train, which takes lr, epochs. Did you mean "lr"?'
            == str(caught.value)
        )

    def test_a_typo_beside_a_default_is_an_error(self):
        with pytest.raises(VersionsError, match='"epoch" is no argument'):
            arguments_of(train, lr=0.1, epoch=3)

    def test_an_argument_without_default_or_parameter_is_an_error(self):
        with pytest.raises(VersionsError, match=r'train needs "lr", which the version does not have; it has epochs\.'):
            arguments_of(train, epochs=3)

    def test_a_missing_argument_beside_keywords_gets_the_nearest(self):
        with pytest.raises(VersionsError, match=r'needs "layers".*Did you mean "layer"?'):
            arguments_of(lambda layers, **others: None, layer=3)

    @pytest.mark.parametrize("key", ["run", "model_dir"])
    def test_a_parameter_with_a_name_of_the_run_is_an_error(self, key):
        with pytest.raises(VersionsError, match=f'"{key}" comes from the run'):
            arguments_of(train, lr=1, **{key: 1})

    def test_the_name_of_the_version_is_no_parameter(self):
        with pytest.raises(VersionsError, match='needs "name"'):
            arguments_of(lambda name: None)


class TestConstructor:
    def test_refuses_what_cannot_be_called(self):
        with pytest.raises(VersionsError, match=r"train must be a function, not dict.*without calling it"):
            FunctionModel({}, Versions())

    def test_refuses_other_versions(self):
        with pytest.raises(VersionsError, match="FunctionModel: versions must be a `Versions` object, not list"):
            FunctionModel(train, [])

    def test_refuses_arguments_by_position_only(self):
        def positional(lr, /, epochs):
            return None

        with pytest.raises(VersionsError, match=r"takes lr by position only.*Remove the `/`"):
            FunctionModel(positional, Versions())

    def test_refuses_what_has_no_readable_arguments(self):
        with pytest.raises(VersionsError, match=r"the arguments of dict.update cannot be read|by position only"):
            FunctionModel(dict.update, Versions())

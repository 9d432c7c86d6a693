from __future__ import annotations

import math

import numpy
import pytest

from mlpipeline.authoring.model import DataLoader, Model, is_overridden
from mlpipeline.authoring.versions import Versions
from mlpipeline.errors import VersionsError


class Trained(Model):
    def train_model(self, input_fn, steps):
        return None


def versions_with(**parameters) -> Versions:
    versions = Versions()
    versions.add_version("a", **parameters)
    return versions


class TestModel:
    def test_takes_its_arguments_in_the_positional_order_of_v1(self):
        versions = Versions()
        model = Model(versions, True, True)
        assert (versions, True, True) == (model.versions, model.allow_delete_model_dir, model.reset_steps)

    def test_keeps_what_is_there_by_default(self):
        model = Model(versions=Versions())
        assert (model.allow_delete_model_dir, model.reset_steps, model.run) == (False, False, None)

    @pytest.mark.parametrize("versions", [None, {}, Versions])
    def test_refuses_other_versions(self, versions):
        with pytest.raises(VersionsError, match="Trained: versions must be a `Versions` object, not"):
            Trained(versions)

    def test_a_subclass_that_calls_no_super_init_is_told_to(self):
        class Forgetful(Model):
            def __init__(self):
                self.layers = 3

        with pytest.raises(VersionsError, match=r"Forgetful has no versions.*super\(\).__init__\(versions\)"):
            Forgetful().versions  # noqa: B018
        assert Forgetful().allow_delete_model_dir is False
        assert Forgetful().run is None

    def test_a_subclass_may_set_its_versions_itself(self):
        own = Versions()

        class OnInstance(Model):
            def __init__(self):
                self.versions = own

        class OnClass(Model):
            versions = own

            def __init__(self):
                pass

        assert own is OnInstance().versions
        assert own is OnClass().versions

    @pytest.mark.parametrize(
        "method", ["train_model", "evaluate_model", "get_trained_step_count", "clean_model_dir", "pre_execution_hook"]
    )
    def test_what_a_model_has_to_do_itself_is_not_implemented(self, method):
        arguments = {
            "train_model": (None, 1),
            "evaluate_model": (None, 1),
            "get_trained_step_count": (),
            "clean_model_dir": ("",),
            "pre_execution_hook": ({}, ""),
        }[method]
        with pytest.raises(NotImplementedError):
            getattr(Model(Versions()), method)(*arguments)

    def test_stopping_is_nothing_special_by_default(self):
        assert Model(Versions()).on_stop("dir") is None


class TestCheckVersion:
    def test_a_model_that_does_not_train_needs_only_a_name(self):
        versions = versions_with()
        Model(versions).check_version(versions.getVersion("a"))

    def test_a_model_that_trains_needs_data_and_sizes(self):
        versions = versions_with(batch_size=1)
        with pytest.raises(VersionsError, match='version "a": DATALOADER, EPOC_COUNT missing'):
            Trained(versions).check_version(versions.getVersion("a"))

    @pytest.mark.parametrize("sizes", [(32, 5), (numpy.int64(1), 0.5), (1.5, 0)])
    def test_sensible_sizes_pass(self, sizes):
        versions = versions_with(dataloader=DataLoader(), batch_size=sizes[0], epoc_count=sizes[1])
        Trained(versions).check_version(versions.getVersion("a"))

    @pytest.mark.parametrize(
        ("batch_size", "epoch_count", "told"),
        [
            (0, 1, "batch_size must be above 0, got 0"),
            (-1, 1, "batch_size must be above 0"),
            (math.nan, 1, "batch_size must be above 0"),
            ("32", 1, "batch_size: is a str"),
            (1, -1, "epoc_count must be 0 or more, got -1"),
            (1, math.inf, "epoc_count must be 0 or more"),
            (1, [3], "epoch_count: is a list"),
        ],
    )
    def test_other_sizes_are_an_error(self, batch_size, epoch_count, told):
        versions = versions_with(dataloader=DataLoader(), batch_size=batch_size, epoc_count=epoch_count)
        with pytest.raises(VersionsError, match=f'version "a": {told}'):
            Trained(versions).check_version(versions.getVersion("a"))


class TestSummary:
    @pytest.mark.parametrize("make", [lambda: Model(Versions()), DataLoader])
    def test_both_spellings_are_one(self, make):
        thing = make()
        assert thing.summery is None
        assert thing.summary is None
        thing.add_to_summery("first")
        thing.add_to_summary(2)
        assert "first\n2\n" == thing.summery == thing.summary
        thing.summery = "new"
        assert thing.summary == "new"
        thing.summary = "newer"
        assert thing.summery == "newer"

    def test_is_each_objects_own(self):
        first, second = DataLoader(), DataLoader()
        first.add_to_summery("x")
        assert second.summery is None
        assert DataLoader.summery is None

    def test_goes_on_from_the_one_of_the_class(self):
        class Loader(DataLoader):
            summery = "digits\n"

        loader = Loader()
        loader.add_to_summary("8x8")
        assert loader.summary == "digits\n8x8\n"
        assert Loader.summery == "digits\n"

    @pytest.mark.parametrize("overridden", ["get_dataloader_summery", "get_dataloader_summary"])
    def test_overriding_one_spelling_of_a_method_overrides_both(self, overridden):
        loader = type("Loader", (DataLoader,), {overridden: lambda self, **kargs: "8x8"})()
        assert "8x8" == loader.get_dataloader_summery() == loader.get_dataloader_summary()
        assert is_overridden(loader, DataLoader, "get_dataloader_summery")
        assert is_overridden(loader, DataLoader, "get_dataloader_summary")


class TestDataLoader:
    def test_a_subclass_that_calls_no_super_init_works(self, capsys):
        class Loader(DataLoader):
            def __init__(self, size):
                self.log("creating")
                self.size = size

        loader = Loader(3)
        loader.add_to_summery("x")
        assert loader.summery == "x\n"
        assert capsys.readouterr().out == "DataLoader- creating\n"

    def test_takes_keywords(self):
        DataLoader(path="somewhere", size=3)

    def test_what_a_loader_has_to_do_itself_is_not_implemented(self):
        for method in ("get_train_input", "get_test_input", "get_train_sample_count", "get_test_sample_count"):
            with pytest.raises(NotImplementedError):
                getattr(DataLoader(), method)()


def test_logging_takes_the_arguments_of_v1(capsys):
    model = Model(Versions())
    model.log("steps: ", 3)
    model.log("loud", log_to_file=True, level=40, modifier_1="\x1b[31m")
    assert capsys.readouterr().out == "Model- steps: \nERROR: Model- loud\n"


class TestIsOverridden:
    def test_tells_own_methods_from_the_bases(self):
        model = Trained(Versions())
        assert is_overridden(model, Model, "train_model")
        assert not is_overridden(model, Model, "evaluate_model")

    def test_sees_methods_of_a_mixin_of_an_instance_and_static_ones(self):
        class Mixin:
            def train_model(self, input_fn, steps):
                return None

        class Mixed(Mixin, Model):
            @staticmethod
            def clean_model_dir(model_dir):
                return None

        mixed = Mixed(Versions())
        mixed.evaluate_model = lambda input_fn, steps: None
        for method in ("train_model", "evaluate_model", "clean_model_dir"):
            assert is_overridden(mixed, Model, method)
        assert not is_overridden(mixed, Model, "on_stop")

    def test_takes_anything_that_has_the_method(self):
        class Duck:
            def get_test_input(self):
                return None

        assert is_overridden(Duck(), DataLoader, "get_test_input")
        assert not is_overridden(Duck(), DataLoader, "get_train_input")
        assert not is_overridden(None, DataLoader, "get_train_input")

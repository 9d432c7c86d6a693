from __future__ import annotations

import copy
import pickle

import pytest

from mlpipeline.authoring.version import Version, version_parameters


def test_both_spellings_of_the_epoch_count_are_one_key():
    assert "epoch_count" == version_parameters.EPOC_COUNT == version_parameters.EPOCH_COUNT
    version = Version({"epoc_count": 3})
    assert version == {"epoch_count": 3}
    assert 3 == version["epoc_count"] == version["epoch_count"] == version.epoc_count == version.epoch_count
    assert 3 == version.get("epoc_count") == version.setdefault("epoc_count", 9)
    assert "epoc_count" in version
    version["epoc_count"] = 4
    assert version == {"epoch_count": 4}
    assert version.pop("epoc_count") == 4
    assert "epoc_count" not in version
    version.update(epoc_count=5)
    del version["epoc_count"]
    assert version == {}


def test_keys_that_every_version_once_had_read_as_none_when_not_given():
    version = Version({"name": "a"})
    assert version["hooks"] is None
    assert version[version_parameters.EPOC_COUNT] is None
    assert version.learning_rate is None
    assert "hooks" not in version
    assert version.get("hooks", 7) == 7
    assert version == {"name": "a"}


def test_any_other_key_that_was_not_given_is_an_error():
    version = Version({"layers": 3})
    with pytest.raises(KeyError, match="layer"):
        version["layer"]
    with pytest.raises(AttributeError, match=r'no parameter "layer".*Did you mean "layers"'):
        version.layer  # noqa: B018
    assert not hasattr(version, "layer")


def test_parameters_are_attributes_too():
    version = Version({"learning_rate": 0.1})
    version.layers = 3
    assert version.learning_rate == 0.1
    assert version == {"learning_rate": 0.1, "layers": 3}


def test_an_attribute_of_the_class_cannot_be_set():
    with pytest.raises(AttributeError, match="suffix"):
        Version().suffix = "x"


def test_its_own_parameters_leave_out_what_only_names_places_or_keeps_it():
    version = Version({"name": "a", "order": 1, "model_dir_suffix": "s", "layers": 3, "epoc_count": 2})
    assert version.own_parameters() == {"layers": 3, "epoch_count": 2}


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, Version.copy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_versions(duplicate):
    version = Version({"name": "a", "epoc_count": 2})
    twin = duplicate(version)
    assert version == twin
    assert version is not twin
    assert twin["epoc_count"] == 2

"""What every serializer does for the cache, and which one stores what."""

from __future__ import annotations

import gc

import artifact_values
import pytest
from artifact_values import is_alike

from mlpipeline.pipelines.artifact_files import content_digest
from mlpipeline.pipelines.serializers import pickle_folders
from mlpipeline.pipelines.serializers.registry import BUILT_IN, save, serializer_named


@pytest.fixture(scope="module", params=artifact_values.ALL, ids=lambda values: values.__name__)
def stored(request, tmp_path_factory):
    """Values of one library, each stored: (the serializer that it is for, the value, who stored it, where)."""
    folder = tmp_path_factory.mktemp("stored")
    found = []
    for name, values in request.param(tmp_path_factory.mktemp("values")).items():
        for value in values:
            path = folder / str(len(found))
            found.append((name, value, save(value, path, "it"), path))
    return found


def said(value):
    return f"{type(value).__name__} {value if type(value) is not int else hex(value)}"


def test_each_value_goes_to_its_serializer_and_comes_back_as_it_was(stored):
    for name, value, serializer, path in stored:
        assert serializer.name == name, said(value)
        assert is_alike(value, serializer.load(path)), said(value)


def test_what_was_stored_can_be_stored_again_and_is_the_same_bytes(stored, tmp_path):
    for name, value, serializer, path in stored:
        if name.startswith("pickle"):
            continue  # Of these nobody promises it.
        digest = content_digest(path)
        # Of a part of a larger table there is more in memory, and Parquet's encoders see it.
        for again in (value, serializer.load(path))[: 1 if serializer.suffix == ".parquet" else 2]:
            second = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            assert save(again, second, "it") is serializer
            assert content_digest(second) == digest, said(value)


def test_what_a_receiver_does_to_a_value_changes_no_artifact(stored):
    changed = 0
    before = [content_digest(path) for _, _, _, path in stored]
    for _, _, serializer, path in stored:
        value = serializer.load(path)
        if type(value).__module__ == "numpy" and getattr(value, "size", 0) and hasattr(value, "fill"):
            value.reshape(-1)[...] = value.reshape(-1)[::-1].copy()
            value.view("u1").fill(1) if value.ndim and not value.dtype.hasobject and value.flags.c_contiguous else None
            changed += 1
        elif type(value).__name__ == "Tensor" and value.numel() and value.device.type == "cpu" and not value.is_sparse:
            value.detach().fill_(1)
            changed += 1
        elif isinstance(value, list | dict):
            value.clear()
    del value
    gc.collect()
    assert [content_digest(path) for _, _, _, path in stored] == before
    assert changed or stored[0][0] in ("text", "pandas", "arrow", "path")


def test_nothing_but_pickles_is_unpickled(stored, monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise AssertionError("unpickled")

    import pickle

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(pickle_folders, "_Unpickler", refuse)
    for _, _, serializer, path in stored:
        if serializer.is_pickle:
            with pytest.raises(AssertionError, match="unpickled"):
                serializer.load(path)
        else:
            serializer.load(path)


def test_serializers_are_called_as_records_call_them():
    assert [serializer_named(name).name for name in BUILT_IN] == list(BUILT_IN)

"""Which serializer stores what, what is in containers, and what is said of values that cannot be stored."""

from __future__ import annotations

import json
import threading
import tomllib
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlpipeline.errors import NotStored
from mlpipeline.pipelines.serializers import files, optional, save, save_unpickled
from mlpipeline.pipelines.serializers.registry import BUILT_IN, GROUP, candidates, serializer_named


class Model:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class Lying:
    def __getstate__(self):
        return {"of": "another"}

    def __setstate__(self, state):
        raise KeyError("weights")


class Refusing:
    def __reduce__(self):
        raise RuntimeError("not today\nnor tomorrow")


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_our_own_serializers_are_declared_as_those_of_others_are():
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert list(declared["project"]["entry-points"][GROUP].items()) == list(BUILT_IN.items())


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (
            Model(callbacks=[1, {"log": threading.Lock()}]),
            r"a .*Model with callbacks\[1\]\['log'\], a _thread.lock, which",
        ),
        (
            {"model": Refusing()},
            r"a dict with \['model'\], a .*Refusing, which cannot be pickled: RuntimeError: not today$",
        ),
        (threading.Lock(), r"a _thread.lock cannot be pickled: TypeError"),
        ((number for number in range(3)), r"a generator cannot be pickled"),
        (Lying(), r"a .*Lying that is pickled cannot be unpickled: KeyError: 'weights'$"),
        (nested(100_000), r"a list is nested too deeply$"),
        (Model(inside=nested(100_000)), r"a .*Model is nested too deeply$"),
    ],
)
def test_what_cannot_be_stored_is_said_in_one_line(value, why, tmp_path):
    with pytest.raises(NotStored, match=rf'^"model": {why}') as raised:
        save(value, tmp_path / "it", "model")
    assert len(str(raised.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_open_file_is_not_stored_as_what_it_holds(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with file.open() as opened, pytest.raises(NotStored, match="it is an open file"):
        save({"file": opened}, tmp_path / "it", "log")


def test_lambdas_and_what_holds_itself_are_pickled(tmp_path):
    factor = 3
    serializer = save(lambda number: number * factor, tmp_path / "lambda", "it")
    assert serializer.load(tmp_path / "lambda")(2) == 6
    ring: list = []
    ring.append(ring)
    loaded = save(ring, tmp_path / "ring", "it").load(tmp_path / "ring")
    assert loaded[0] is loaded


@pytest.mark.parametrize("leaf", [1, threading.Lock(), object()], ids=["plain", "a lock", "an object"])
def test_what_is_in_a_container_often_is_looked_at_once(leaf):
    deep = [leaf]
    for _ in range(60):
        deep = [deep, deep]
    assert [serializer.name for serializer in candidates(deep)][-1] == "pickle"


def test_large_arrays_are_mapped_alone_and_in_containers(tmp_path):
    large, small = np.arange(300_000.0), np.zeros(3)
    Split = namedtuple("Split", "train test")
    alone = save(large, tmp_path / "alone", "it").load(tmp_path / "alone")
    both = save((large, small, large), tmp_path / "both", "it").load(tmp_path / "both")
    named = save({"split": [Split(large, small)], "model": {1, 2}}, tmp_path / "named", "it").load(tmp_path / "named")
    for mapped in (alone, both[0], named["split"][0].train):
        assert isinstance(mapped.base, np.memmap)
        assert mapped.flags.writeable
    assert not isinstance(both[1].base, np.memmap)
    assert both[0] is both[2]
    assert sorted(path.name for path in (tmp_path / "both").iterdir()) == ["0.npy", "1.npy", "index.json"]


def test_a_container_of_many_arrays_does_not_use_up_the_files_that_may_be_open(tmp_path):
    many = [np.full(150_000, number, dtype="f8") for number in range(101)]
    serializer = save(many, tmp_path / "many", "it")
    before = len(list(Path("/proc/self/fd").iterdir()))
    loaded = serializer.load(tmp_path / "many")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert [array[-1] for array in loaded] == list(range(101))


def test_a_folder_that_is_to_hold_no_pickle_is_not_loaded_if_it_does(tmp_path):
    serializer = save([np.zeros(3)], tmp_path / "it", "it")
    index = tmp_path / "it" / "index.json"
    said = json.loads(index.read_bytes())
    said["leaves"][0]["serializer"] = "pickle"
    index.write_text(json.dumps(said))
    with pytest.raises(ValueError, match=r"0\.npy is a pickle, where none is to be"):
        serializer.load(tmp_path / "it")


def test_where_no_pickle_is_wanted_none_is_made(tmp_path):
    assert save_unpickled([{1, 2}], tmp_path / "it", "it") is None
    assert save_unpickled([np.zeros(3), {1, 2}], tmp_path / "it", "it") is None
    assert list(tmp_path.iterdir()) == []
    assert save_unpickled([np.zeros(3), (1, 2)], tmp_path / "it", "it").name == "folder"


def test_without_a_library_its_values_are_pickled_and_that_is_said_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(optional, "find_spec", lambda library: None)
    optional.is_installed.cache_clear()
    frame = pd.DataFrame({"a": [1, 2]})
    try:
        names = [save(frame, tmp_path / str(number), "it").name for number in range(3)]
    finally:
        optional.is_installed.cache_clear()
    assert names == ["pickle"] * 3
    (said,) = caplog.messages
    assert said.startswith("pyarrow is not installed")
    assert said.endswith("pip install 'mlpipeline[artifacts]'")


def test_small_files_are_copied_and_large_ones_share_their_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_COPIED_BYTES", 10)
    small, large = tmp_path / "small.csv", tmp_path / "large.bin"
    small.write_bytes(b"a" * 10)
    large.write_bytes(b"b" * 11)
    small.chmod(0o755)
    (tmp_path / "out").mkdir()
    loaded = {}
    for path in (small, large):
        stored = tmp_path / "out" / path.stem
        loaded[path] = save(path, stored, "it").load(stored)
        assert (loaded[path].name, loaded[path].read_bytes()) == (path.name, path.read_bytes())
    assert not loaded[small].samefile(small)
    assert loaded[small].stat().st_mode & 0o777 == 0o555
    # Linked, or cloned where the file system can do that; then the mode is its own.
    assert loaded[large].samefile(large) or loaded[large].stat().st_mode & 0o222 == 0
    assert large.stat().st_mode & 0o200


def test_links_out_of_a_folder_are_followed_and_circles_refused(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("it")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    stored = tmp_path / "stored"
    assert (save(folder, stored, "it").load(stored) / "link").read_text() == "it"
    (folder / "around").symlink_to(folder)
    # A path that cannot be taken in is a mere value.
    assert save(folder, tmp_path / "again", "it").name == "pickle"


def test_another_name_is_of_no_serializer():
    with pytest.raises(LookupError, match='"zarr" is not installed here'):
        serializer_named("zarr")

"""What there is in a cache, what of it may go, and what is damaged."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mlpipeline.pipelines import collecting
from mlpipeline.pipelines import inventory as inventory_module
from mlpipeline.pipelines.artifact_files import room_of
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.collecting import Kind, collect, delete_damaged, least_used
from mlpipeline.pipelines.inventory import Entry, Inventory
from mlpipeline.pipelines.records import Basis
from mlpipeline.pipelines.serializers import files

NOW = 2_000_000_000.0
DAY = 24 * 3600
LARGE = np.arange(200_000)


def basis(stage, **parameters):
    return Basis(stage=stage, makes=("it",), parameters=parameters, inputs={}, parts=(), packages={})


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def folder(cache):
    return CacheFolder(cache.folder)


def put(cache, stage, values, used_at=0.0, **parameters):
    """Put something there that was last used at a time, and return its record."""
    made = cache.put(basis(stage, **parameters), values, 0.0)
    record = cache.folder / "1" / "made" / stage / f"{made.key}.json"
    os.utime(record, (used_at, used_at))
    return record


def collected(folder, *, max_bytes=None, are_formats_too=False, is_dry=False, now=NOW):
    done = collect(folder, max_bytes=max_bytes, are_formats_too=are_formats_too, is_dry=is_dry, now=now)
    return {(item.kind, item.path.name) for item in done.items}, done


def entry(name, used_at, **artifacts):
    return Entry(
        path=Path(name),
        made=None,
        trouble=None,
        used_at=used_at,
        size_bytes=10,
        artifacts=tuple((Path(path), size) for path, size in artifacts.items()),
    )


def test_what_was_used_last_stays_and_what_several_name_is_there_once():
    old, middle, new = entry("old", 1, a=100, b=50), entry("middle", 2, b=50), entry("new", 3, a=100)
    every = [old, middle, new]

    def names(max_bytes):
        return [one.path.name for one in least_used(every, max_bytes)]

    assert names(180) == []
    # Without the oldest alone, all artifacts are still named.
    assert names(179) == ["old"]
    assert names(170) == ["old"]
    assert names(169) == ["old", "middle"]
    assert names(110) == ["old", "middle"]
    assert names(109) == ["old", "middle", "new"]
    assert names(0) == ["old", "middle", "new"]
    # What is read stays, and the others go for it.
    in_use = {Path("b")}
    assert [one.path.name for one in least_used(every, 179, in_use)] == ["new"]


def test_what_was_not_used_for_longest_goes_with_what_nobody_else_names(cache, folder):
    old = put(cache, "load", {"it": LARGE, "own": [1]}, used_at=1)
    new = put(cache, "load", {"it": LARGE}, used_at=2, seed="1")
    limit = Inventory(folder).size_bytes - 1
    only_shown, _ = collected(folder, max_bytes=limit, is_dry=True)
    assert old.exists()
    gone, done = collected(folder, max_bytes=limit)
    assert only_shown == gone
    assert sorted(kind for kind, _ in gone) == [Kind.ARTIFACT, Kind.RECORD]
    assert (old.exists(), new.exists(), done.left_records) == (False, True, 1)
    assert done.left_bytes == Inventory(folder).size_bytes <= limit
    assert done.freed_bytes == limit + 1 - done.left_bytes
    gone, done = collected(folder, max_bytes=0)
    # With the large artifact goes the note of what it looked like, at once or the next time.
    collected(folder)
    assert [path for path in (cache.folder / "1").rglob("*") if path.is_file()] == [folder.lock]


def test_without_a_limit_only_that_goes_which_nobody_can_find(cache, folder, tmp_path):
    kept = put(cache, "load", {"it": LARGE})
    cut = put(cache, "cut", {"it": [1]})
    broken = put(cache, "broken", {"it": [2]})
    (artifact,) = folder.artifacts.glob("*.npy")
    assert collected(folder)[0] == set()
    (record,) = [one for one in Inventory(folder).entries if one.stage == "cut"]
    record.artifacts[0][0].unlink()
    broken.write_text("{")
    asides = [folder.aside / f"{'0' * 64}.0123456789abcdef", kept.with_name(f".{kept.name[:32]}.0123456789ab")]
    for aside in asides:
        aside.write_text("half")
    (folder.aside / f"{'1' * 64}.fedcba").mkdir()
    lock = folder.locks / ("2" * 64)
    lock.parent.mkdir()
    lock.touch()
    (folder.checked / "gone.npy").write_text("{}")
    gone, _ = collected(folder)
    assert gone >= {
        (Kind.RECORD, cut.name),
        (Kind.RECORD, broken.name),
        *((Kind.LEFTOVER, aside.name) for aside in asides),
        (Kind.LEFTOVER, f"{'1' * 64}.fedcba"),
        (Kind.LEFTOVER, lock.name),
        (Kind.NOTE, "gone.npy"),
    }
    # That of the broken record: nobody knows any more that it is needed.
    assert sorted(kind for kind, _ in gone if kind is Kind.ARTIFACT) == [Kind.ARTIFACT]
    assert collected(folder)[0] == set()
    assert kept.exists()
    assert artifact.exists()


def is_open_to_all(folder):
    """Whether a stage could store something now."""
    with folder.lock.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_nobody_who_stores_something_waits_while_all_is_read_or_deleted(cache, folder, monkeypatch):
    put(cache, "load", {"it": [1]})
    seen = []

    def spy_on(place, name):
        real = getattr(place, name)

        def spied(path):
            seen.append((name, is_open_to_all(folder)))
            return real(path)

        monkeypatch.setattr(place, name, spied)

    spy_on(inventory_module, "read_record")
    spy_on(collecting, "delete")
    collected(folder, max_bytes=0)
    assert seen == [("read_record", True), ("delete", True), ("delete", True)]
    assert list(folder.aside.iterdir()) == []


def test_what_is_made_or_used_after_all_was_listed_stays(cache, folder, monkeypatch):
    first = put(cache, "first", {"it": [1]}, used_at=1)
    used = put(cache, "second", {"it": [2]}, used_at=2)
    limit = Inventory(folder).size_bytes - 1
    real = collecting._notes

    def meanwhile(*arguments):
        os.utime(first, (3, 3))
        put(cache, "third", {"it": [2]}, used_at=4)
        return real(*arguments)

    monkeypatch.setattr(collecting, "_notes", meanwhile)
    gone, done = collected(folder, max_bytes=limit)
    assert (Kind.RECORD, used.name) in gone
    assert [entry.stage for entry in Inventory(folder).entries] == ["first", "third"][-done.left_records :]
    assert list(Inventory(folder).damages()) == []


def test_what_was_made_again_since_it_was_found_damaged_stays(cache, folder):
    record = put(cache, "load", {"it": [1], "other": [2]})
    (path, _), (other, _) = Inventory(folder).entries[0].artifacts
    for damaged in (path, other):
        damaged.chmod(0o644)
        damaged.write_text("[9]")
    damages = list(Inventory(folder).damages())
    assert len(damages) == 2
    put(cache, "load", {"it": [1], "other": [2]})
    assert delete_damaged(folder, damages) == 0
    assert (record.exists(), path.exists(), other.exists()) == (True, True, True)
    for damaged in (path, other):
        damaged.chmod(0o644)
        damaged.write_text("[9]")
    assert delete_damaged(folder, damages) == 2
    assert (record.exists(), path.exists(), other.exists()) == (False, False, False)


def test_what_is_linked_to_a_file_of_the_users_takes_no_room_and_frees_none(cache, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_COPIED_BYTES", 0)
    monkeypatch.setattr(files, "_cloned", lambda *_: False)
    own = tmp_path / "model.bin"
    own.write_bytes(bytes(10**6))
    put(cache, "load", {"it": own})
    (found,) = Inventory(folder).entries
    assert found.total_bytes == 0
    assert Inventory(folder).size_bytes < 10**4
    _, done = collected(folder, max_bytes=0, is_dry=True)
    assert done.freed_bytes < 10**4
    own.unlink()
    _, done = collected(folder, max_bytes=0)
    assert done.freed_bytes > 10**6


def test_a_file_with_holes_takes_the_room_that_it_takes(tmp_path):
    path = tmp_path / "holes"
    with path.open("wb") as file:
        file.write(b"x" * 5000)
        file.truncate(10**8)
        os.fsync(file.fileno())
    assert room_of(path) < 10**6


def test_where_there_are_no_locks_what_is_young_stays(cache, folder, monkeypatch):
    put(cache, "load", {"it": [1]}).unlink()
    (artifact,) = Inventory(folder).unnamed
    os.utime(artifact, (NOW - DAY / 2,) * 2)
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(37, "no locks")))
    assert collected(folder)[0] == set()
    assert collected(folder, now=NOW + DAY)[0] == {(Kind.ARTIFACT, artifact.name)}


def test_older_formats_go_when_that_is_asked_for_and_newer_ones_never(cache, folder):
    put(cache, "load", {"it": [1]})
    for number in ("0", "2"):
        (cache.folder / number / "made").mkdir(parents=True)
        (cache.folder / number / "made" / "x.json").write_text("12345")
    assert collected(folder, max_bytes=10**9)[0] == set()
    gone, done = collected(folder, are_formats_too=True)
    assert (gone, done.freed_bytes) == ({(Kind.FORMAT, "0")}, 5)
    assert list(folder.other_formats()) == [2]


def test_what_is_remembered_of_files_that_are_gone_goes(cache, folder, tmp_path):
    data = tmp_path / "data.csv"
    put(cache, "load", {"it": [1]})
    folder.files.mkdir()
    (folder.files / "1.json").write_text(json.dumps({"path": str(data), "files": {}}))
    folder.sources.mkdir()
    (folder.sources / "2.cpython-311").write_text(json.dumps({"path": str(tmp_path / "net.py")}) + "\nfacts")
    aside = folder.sources / f".3.cpython-311.{'a' * 12}"
    aside.write_text("")
    assert collected(folder)[0] == {
        (Kind.NOTE, "1.json"),
        (Kind.NOTE, "2.cpython-311"),
        (Kind.LEFTOVER, aside.name),
    }
    (folder.files / "1.json").write_text(json.dumps({"path": str(tmp_path), "files": {}}))
    assert collected(folder)[0] == set()


def test_a_folder_that_is_not_there_yet_has_nothing_in_it(tmp_path):
    folder = CacheFolder(tmp_path / "none")
    assert collected(folder, max_bytes=0)[0] == set()
    assert (Inventory(folder).size_bytes, list(Inventory(folder).damages())) == (0, [])
    assert not folder.path.exists()


def test_what_is_damaged_is_found_named_and_deleted(cache, folder):
    put(cache, "sound", {"it": {1, 2}})
    record = put(cache, "large", {"it": LARGE, "other": "x"})
    twin = put(cache, "large", {"it": LARGE}, seed="1")
    broken = put(cache, "broken", {"it": [2]})
    (path,) = folder.artifacts.glob("*.npy")
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    broken.write_text("{")
    (folder.artifacts / f"{'0' * 64}.json").write_text("1")
    damages = list(Inventory(folder).damages())
    assert {(one.stage, one.artifact, one.record, one.path.name) for one in damages} == {
        ("large", "it", record, path.name),
        ("large", "it", twin, path.name),
        ("broken", None, broken, broken.name),
        (None, None, None, f"{'0' * 64}.json"),
    }
    assert {one.what for one in damages if one.stage == "large"} == {"its content has changed"}
    assert delete_damaged(folder, damages) == 4
    assert list(Inventory(folder).damages()) == []
    assert [one.stage for one in Inventory(folder).entries] == ["sound"]

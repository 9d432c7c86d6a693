"""What a cache finds, keeps and refuses."""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from mlpipeline.errors import CacheError, DamagedArtifact, NotStored
from mlpipeline.pipelines import artifact_files
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.code import Part
from mlpipeline.pipelines.inventory import Inventory
from mlpipeline.pipelines.records import Basis, Made
from mlpipeline.pipelines.serializers import files as files_module

BASIS = Basis(
    stage="train",
    makes=("weights",),
    parameters={"epochs": "1"},
    inputs={"data": "2"},
    parts=(Part(name="net.train", digest="3", file="net.py", line=7),),
    packages={"numpy": "2.0"},
)
LARGE = np.arange(200_000)


class Unpicklable:
    def __reduce__(self):
        raise TypeError("a socket is open")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def files(cache, kind):
    return sorted(path for path in (cache.folder / "1" / kind).rglob("*") if path.is_file())


def the(cache, kind):
    (path,) = files(cache, kind)
    return path


def spoil(path, at=-1):
    """Change a byte, with the size as it was."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_the_key_changes_with_all_that_counts_and_with_nothing_else():
    key = BASIS.key()
    (part,) = BASIS.parts
    for same in (
        replace(BASIS, shown={"epochs": "3"}),
        replace(BASIS, parts=(replace(part, file="other.py", line=None),)),
        replace(BASIS, packages=dict(BASIS.packages)),
    ):
        assert same.key() == key
    others = [
        replace(BASIS, stage="test"),
        replace(BASIS, makes=("bias",)),
        replace(BASIS, parameters={"epochs": "2"}),
        replace(BASIS, parameters={"epoch": "1"}),
        replace(BASIS, inputs={"data": "1"}),
        replace(BASIS, parameters=BASIS.inputs, inputs=BASIS.parameters),
        replace(BASIS, parts=(replace(part, digest="4"),)),
        replace(BASIS, parts=(replace(part, name="net.fit"),)),
        replace(BASIS, parts=(part, part)),
        replace(BASIS, packages={"numpy": "2.1"}),
        replace(BASIS, version="2"),
    ]
    assert len({key, *(other.key() for other in others)}) == len(others) + 1


def test_the_order_of_names_does_not_count():
    forth = replace(BASIS, parameters={"a": "1", "b": "2"})
    assert forth.key() == replace(BASIS, parameters={"b": "2", "a": "1"}).key()


def test_what_was_put_is_found_again_with_all_that_was_said_of_it(cache):
    made = cache.put(BASIS, {"weights": [1, 2], "bias": "x"}, 1.5, "7k2m9q")
    found = Cache(cache.folder).use("train", BASIS.key())
    assert found == made
    assert (found.basis, found.seconds, found.run) == (BASIS, 1.5, "7k2m9q")
    assert {artifact.name: cache.load(artifact) for artifact in found.artifacts} == {"weights": [1, 2], "bias": "x"}
    assert cache.all_made("train") == [made]
    assert cache.find("train", "0" * 64) is None


def test_equal_content_is_there_once_and_read_only(cache):
    cache.put(BASIS, {"weights": LARGE}, 0.0)
    inode = the(cache, "artifacts").stat().st_ino
    cache.put(replace(BASIS, version="2"), {"weights": LARGE, "again": LARGE.copy()}, 0.0)
    status = the(cache, "artifacts").stat()
    assert (status.st_ino, stat.S_IMODE(status.st_mode)) == (inode, 0o444)
    assert files(cache, "aside") == []


@pytest.mark.parametrize("value", [[1, 2, 3], LARGE, {1, 2}], ids=["small", "large", "pickle"])
def test_a_changed_artifact_is_not_loaded_and_can_be_put_anew(cache, value):
    (artifact,) = cache.put(BASIS, {"weights": value}, 0.0).artifacts
    spoil(the(cache, "artifacts"))
    with pytest.raises(DamagedArtifact, match="its content has changed"):
        cache.load(artifact)
    cache.put(BASIS, {"weights": value}, 0.0)
    assert np.array_equal(cache.load(artifact), value) if value is LARGE else cache.load(artifact) == value


@pytest.mark.parametrize(
    ("harm", "what", "gone"),
    [
        (lambda path: os.truncate(path, 10), "it has 10 bytes, and had ", []),
        (lambda path: path.unlink(), "it is gone", ["weights"]),
    ],
    ids=["cut", "deleted"],
)
def test_an_artifact_that_is_cut_short_or_gone_is_noticed_when_it_is_looked_for(cache, harm, what, gone):
    made = cache.put(BASIS, {"weights": LARGE}, 0.0)
    the(cache, "artifacts").chmod(0o644)
    harm(the(cache, "artifacts"))
    with pytest.raises(DamagedArtifact, match=what):
        cache.use("train", made.key)
    assert cache.find("train", made.key) is None
    assert cache.gone(made) == gone
    assert cache.damaged(made, at_a_glance=True) == ["weights"]


def test_a_record_that_cannot_be_understood_is_damaged_and_never_leads_elsewhere(cache):
    made = cache.put(BASIS, {"weights": [1]}, 0.0)
    record = the(cache, "made")
    whole = record.read_text()
    elsewhere = json.loads(whole)
    elsewhere["artifacts"][0]["digest"] = "../../../secrets"
    upwards = json.loads(whole)
    upwards["artifacts"][0]["suffix"] = "./../../secrets"
    for damaged, what in (
        (whole[:50], "cannot be understood"),
        ("", "cannot be understood"),
        ("[]", "cannot be understood"),
        ("{}", "cannot be understood"),
        (json.dumps(elsewhere), "cannot be understood"),
        (json.dumps(upwards), "cannot be understood"),
        (whole.replace(made.key, "0" * 64), "another one's"),
    ):
        record.write_text(damaged)
        with pytest.raises(DamagedArtifact, match=what):
            cache.use("train", made.key)
        assert cache.find("train", made.key) is None


@pytest.mark.parametrize(
    "where",
    [
        *(["key"], ["seconds"], ["made_at"], ["numbers"], ["numbers", "weights"], ["basis"], ["artifacts"]),
        *(["basis", name] for name in ("stage", "makes", "parameters", "inputs", "parts", "packages", "shown")),
        *(["artifacts", 0, name] for name in ("name", "digest", "serializer", "size_bytes", "suffix", "uses")),
        *(["basis", "parts", 0], ["basis", "parts", 0, "digest"], ["basis", "inputs", "data"]),
    ],
    ids=str,
)
def test_a_record_with_something_of_a_wrong_type_is_damaged_for_everybody(cache, where):
    made = cache.put(BASIS, {"weights": 1}, 0.0)
    record = the(cache, "made")
    said = json.loads(record.read_bytes())
    inside = said
    for part in where[:-1]:
        inside = inside[part]
    for wrong in (None, {"a": [1]}, [None]):
        inside[where[-1]] = wrong
        record.write_text(json.dumps(said))
        with pytest.raises(DamagedArtifact, match="cannot be understood"):
            cache.use("train", made.key)
        (entry,) = Inventory(CacheFolder(cache.folder)).entries
        assert (entry.made, entry.trouble) == (None, "its record cannot be understood")


def test_what_a_serializer_stored_that_is_not_here_is_made_again_and_left_for_others(cache):
    (artifact,) = cache.put(BASIS, {"weights": [1]}, 0.0).artifacts
    record = the(cache, "made")
    record.write_text(record.read_text().replace('"serializer":"json"', '"serializer":"zarr"'))
    made = cache.use("train", BASIS.key())
    with pytest.raises(DamagedArtifact, match='the serializer "zarr", which is not installed here'):
        cache.load(made.artifacts[0])
    cache.forget(made)
    assert cache.use("train", BASIS.key()) is None
    assert the(cache, "artifacts").name == artifact.file_name


def test_a_large_artifact_is_read_again_only_if_it_looks_different(cache, monkeypatch):
    read = []
    real = artifact_files.content_digest

    def spy(path):
        read.append(path)
        return real(path)

    (artifact,) = cache.put(BASIS, {"weights": LARGE}, 0.0).artifacts
    monkeypatch.setattr(artifact_files, "content_digest", spy)
    cache.load(artifact)
    assert read == []
    path = the(cache, "artifacts")
    os.utime(path)
    cache.load(artifact)
    cache.load(artifact)
    assert read == [path]
    # As after the machine lost its power: what it looks like may be on the disk, and its content not.
    monkeypatch.setattr(artifact_files, "boot_id", lambda: "the next one")
    cache.load(artifact)
    monkeypatch.setattr(artifact_files, "boot_id", lambda: "and one more")
    cache.load(artifact)
    assert read == [path] * 2
    the(cache, "checked").write_text("{")
    cache.load(artifact)
    assert read == [path] * 3


@pytest.mark.parametrize("moment", ["before it is in place", "while it is read again"])
def test_a_linked_file_that_is_written_to_after_it_was_read_is_not_taken_for_checked(
    cache, tmp_path, monkeypatch, moment
):
    monkeypatch.setattr(files_module, "_COPIED_BYTES", 0)
    monkeypatch.setattr(files_module, "_cloned", lambda *_: False)
    own = tmp_path / "model.bin"
    own.write_bytes(bytes(2 * 10**6))
    os.utime(own, (0, 0))
    real = artifact_files.content_digest

    def read_and_written_to(path):
        found = real(path)
        with own.open("r+b") as file:
            file.write(b"x")
        return found

    if moment.startswith("while"):
        (artifact,) = cache.put(BASIS, {"weights": own}, 0.0).artifacts
        os.utime(own, (1, 1))
        monkeypatch.setattr(artifact_files, "content_digest", read_and_written_to)
        cache.load(artifact)
    else:
        monkeypatch.setattr(artifact_files, "content_digest", read_and_written_to)
        (artifact,) = cache.put(BASIS, {"weights": own}, 0.0).artifacts
    monkeypatch.setattr(artifact_files, "content_digest", real)
    with pytest.raises(DamagedArtifact, match="its content has changed"):
        cache.load(artifact)


def test_a_pickle_of_another_user_is_not_loaded(cache, monkeypatch):
    made = cache.put(BASIS, {"weights": {1, 2}}, 0.0)
    (artifact,) = made.artifacts
    assert cache.load(artifact) == {1, 2}
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(DamagedArtifact, match=f"another user wrote it, uid {mine}, and it is a pickle"):
        cache.load(artifact)
    cache.forget(made)
    assert (files(cache, "artifacts"), files(cache, "made")) == ([], [])


def test_what_is_no_pickle_may_be_anybodys(cache, monkeypatch):
    (artifact,) = cache.put(BASIS, {"weights": [1, 2]}, 0.0).artifacts
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert cache.load(artifact) == [1, 2]


def test_only_what_is_damaged_still_is_forgotten(cache):
    made = cache.put(BASIS, {"weights": [1], "bias": [2]}, 0.0)
    cache.forget(made)
    assert cache.find("train", made.key) == made
    spoil(cache.folder / "1" / "artifacts" / f"{made.artifacts[0].digest}.json")
    cache.forget(made)
    assert cache.find("train", made.key) is None
    assert [path.stem for path in files(cache, "artifacts")] == [made.artifacts[1].digest]


def test_a_value_that_cannot_be_stored_leaves_nothing(cache):
    with pytest.raises(NotStored, match=r'"weights": a .*Unpicklable cannot be pickled: TypeError: a socket is open'):
        cache.put(BASIS, {"bias": LARGE, "weights": Unpicklable()}, 0.0)
    assert [files(cache, kind) for kind in ("aside", "artifacts", "made")] == [[], [], []]


@dataclass
class Report:
    table: Path
    title: str = "it"


@pytest.mark.parametrize("holds", [lambda it: it, lambda it: [1, it], lambda it: {"a": {"b": (it,)}}, Report])
def test_a_path_that_leads_nowhere_is_not_stored_and_that_is_said(cache, tmp_path, holds):
    gone = tmp_path / "gone" / "table.csv"
    with pytest.raises(NotStored, match=f'^"weights": there is nothing at the path {gone}. Return it while'):
        cache.put(BASIS, {"bias": LARGE, "weights": holds(gone)}, 0.0)
    assert [files(cache, kind) for kind in ("aside", "artifacts", "made")] == [[], [], []]


@pytest.mark.parametrize("holds", [lambda it: it, lambda it: [1, it], Report])
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_folder_that_holds_the_cache_is_not_taken_into_itself_and_that_is_said(
    cache, tmp_path, monkeypatch, holds, is_linked
):
    project = cache.folder.parent
    (project / ".data").write_text("1")
    taken_in = []
    monkeypatch.setattr(files_module, "_take_in_file", lambda source, *_: taken_in.append(source))
    folder = project
    if is_linked:
        folder = tmp_path / "holds-a-link"
        folder.mkdir()
        (folder / "link").symlink_to(project)
    with pytest.raises(NotStored, match=r'^"weights": the folder .* holds the place where it would be kept, .*aside'):
        cache.put(BASIS, {"bias": LARGE, "weights": holds(folder)}, 0.0)
    assert taken_in == []
    assert [files(cache, kind) for kind in ("aside", "artifacts", "made")] == [[], [], []]


def test_an_interruption_leaves_nothing_aside(cache):
    class Interrupted:
        def __reduce__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.put(BASIS, {"bias": LARGE, "weights": Interrupted()}, 0.0)
    assert files(cache, "aside") == []


def test_a_full_disk_is_told_in_the_systems_words(cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(artifact_files.ArtifactFiles, "put", full)
    with pytest.raises(NotStored, match=r"^No space left on device$"):
        cache.put(BASIS, {"weights": LARGE}, 0.0)
    assert [files(cache, kind) for kind in ("aside", "artifacts", "made")] == [[], [], []]


def test_a_use_is_noted(cache):
    made = cache.put(BASIS, {"weights": [1]}, 0.0)
    record = the(cache, "made")
    os.utime(record, (0, 0))
    cache.find("train", made.key)
    assert record.stat().st_mtime == 0
    cache.use("train", made.key)
    assert record.stat().st_mtime > 0


def test_a_new_cache_is_marked_and_a_folder_of_something_else_refused(tmp_path, cache):
    cache.put(BASIS, {"weights": [1]}, 0.0)
    assert (cache.folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert (cache.folder / ".gitignore").read_text() == "*\n"
    (cache.folder / "notes.txt").write_text("mine")
    Cache(cache.folder)
    data = tmp_path / "data"
    data.mkdir()
    Cache(data)
    (data / "train.csv").touch()
    with pytest.raises(CacheError, match=r'data is no cache: it holds "train\.csv"'):
        Cache(data)
    with pytest.raises(CacheError, match="is a file; a cache is a folder"):
        Cache(data / "train.csv")


def test_another_format_is_left_alone(cache):
    other = cache.folder / "0" / "made"
    other.mkdir(parents=True)
    made = cache.put(BASIS, {"weights": [1]}, 0.0)
    assert Cache(cache.folder).find("train", made.key) == made
    assert other.is_dir()


def test_a_record_reads_back_as_it_was(cache):
    made = cache.put(BASIS, {"weights": [1]}, 0.25)
    assert Made.from_json(json.loads(json.dumps(made.to_json()))) == made

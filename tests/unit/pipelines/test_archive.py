"""A pipeline in one file: what is in it, and what is said of a file that is none."""

from __future__ import annotations

import gc
import importlib
import json
import pickle
import shutil
import sys
import textwrap
import traceback
import zipfile
from contextlib import contextmanager

import pytest

from mlpipeline import Pipeline
from mlpipeline.errors import ArchiveError, NotTrusted, PipelineError
from mlpipeline.pipelines.content import bytes_digest

MODULES = {
    "features_of_archive.py": """
        from mlpipeline import Stage
        FACTOR = 2

        def factor():
            import helpers_of_archive.late as late
            return FACTOR * late.ONE

        class Fraction:
            def __init__(self, value): self.value = value

        class Mean(Stage):
            def __init__(self, start=0.0): self.start = start

            def fit(self, data): self.mean = self.start + sum(data) / len(data)

            def run(self, data):
                from helpers_of_archive import scaled
                return scaled(self.mean, data)

        class Pickled(Mean):
            def fit(self, data):
                super().fit(data)
                self.fraction, self.kind, self.function = Fraction(2), Fraction, factor

            def run(self, data):
                assert type(self.fraction) is self.kind is Fraction and self.function is factor
                return super().run(data)

        def source(): return [1.0, 2.0, 3.0]

        import pathlib

        class Wordy(Stage):
            def fit(self, data):
                self.file = pathlib.Path("words.txt")
                self.file.write_text("some words")

            def run(self, data): return self.file.read_text()

        def lines(data, file=pathlib.Path("not there")): return [str(file), *data]

        def failing(data): raise RuntimeError("in the archive")
    """,
    "helpers_of_archive/__init__.py": """
        from .scaling import scaled
    """,
    "helpers_of_archive/scaling.py": """
        import importlib
        from importlib import import_module
        import features_of_archive

        def scaled(mean, data):
            from . import late
            other = importlib.import_module("features_of_archive")
            assert import_module(".late", __package__) is late
            assert other is features_of_archive is __import__("features_of_archive")
            return [(one - mean) * other.factor() * late.ONE for one in data]
    """,
    "helpers_of_archive/late.py": "ONE = 1",
}
NAMES = ["features_of_archive", "helpers_of_archive", "helpers_of_archive.scaling", "helpers_of_archive.late"]


def forget():
    for name in NAMES:
        sys.modules.pop(name, None)


@contextmanager
def importable(folder):
    for name, source in MODULES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(source))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setattr(sys, "meta_path", list(sys.meta_path))
        yield folder
    forget()


@pytest.fixture
def project(tmp_path):
    """The modules of a project, which is gone after the test, and of which the test is done with what it imported."""
    with importable(tmp_path / "project") as folder:
        yield folder


def fitted(tmp_path, kind="Mean", **parameters):
    features = importlib.import_module("features_of_archive")
    return Pipeline(
        stages={"source": features.source, "mean": getattr(features, kind), "failing": features.failing},
        edges={"mean": "source", "failing": "mean"},
        parameters=parameters,
        cache=tmp_path / "cache",
    ).fit()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """An archive to be copied: to make it, all that is installed is read."""
    folder = tmp_path_factory.mktemp("saved")
    with importable(folder / "project"):
        fitted(folder, start=1.0).save(folder / "model.zip")
    return folder / "model.zip"


@pytest.fixture
def archive(saved, project, tmp_path):
    return shutil.copy(saved, tmp_path / "model.zip")


def test_a_loaded_pipeline_does_what_the_saved_one_did_without_its_project(project, tmp_path):
    pipeline = fitted(tmp_path, start=1.0)
    path = tmp_path / "model.zip"
    pipeline.save(path)
    assert sorted(zipfile.ZipFile(path).namelist())[:4] == [
        "code/features_of_archive.py",
        "code/helpers_of_archive/__init__.py",
        "code/helpers_of_archive/late.py",
        "code/helpers_of_archive/scaling.py",
    ]
    before = pipeline.run("mean")
    (project / "features_of_archive.py").write_text("FACTOR = 7")
    forget()
    live = importlib.import_module("features_of_archive")

    loaded = Pipeline.load(path)
    files = set(tmp_path.rglob("*"))
    assert loaded.run("mean") == before == [-4.0, -2.0, 0.0]
    assert loaded.run({"source": [5.0]}, "mean") == [4.0]
    assert loaded.states == {"mean": {"start": 1.0, "mean": 3.0}}
    assert loaded.fit({"source": [1.0]}).states == {"mean": {"start": 1.0, "mean": 2.0}}
    assert (live.FACTOR, sys.modules["features_of_archive"]) == (7, live)
    assert set(tmp_path.rglob("*")) == files
    with pytest.raises(RuntimeError) as raised:
        loaded.run("failing")
    shown = "".join(traceback.format_exception(raised.value))
    assert 'model.zip/code/features_of_archive.py", line' in shown
    assert 'def failing(data): raise RuntimeError("in the archive")' in shown


def test_two_archives_with_the_same_names_live_side_by_side_and_one_twice_shares_its_code(project, tmp_path):
    fitted(tmp_path).save(tmp_path / "one.zip")
    forget()
    source = project / "features_of_archive.py"
    source.write_text(source.read_text().replace("FACTOR = 2", "FACTOR = 20"))
    importlib.invalidate_caches()
    fitted(tmp_path).save(tmp_path / "two.zip")
    fitted(tmp_path, start=5.0).save(tmp_path / "three.zip")
    one, two, three = (Pipeline.load(tmp_path / f"{name}.zip") for name in ["one", "two", "three"])
    assert [each.run({"source": [4.0]}, "mean") for each in (one, two, three)] == [[4.0], [40.0], [-60.0]]
    assert len([finder for finder in sys.meta_path if hasattr(finder, "sources")]) == 2


def test_pickles_are_loaded_only_with_trust_and_refer_to_what_is_in_the_archive(project, tmp_path):
    path = tmp_path / "model.zip"
    fitted(tmp_path, "Pickled").save(path)
    forget()
    for name in MODULES:
        (project / name).unlink()
    modules = set(sys.modules)
    with pytest.raises(
        NotTrusted, match=r"fraction of mean \(.*Fraction\), kind of mean \(.*\), function of mean"
    ) as e:
        Pipeline.load(path)
    assert "start of mean" not in str(e.value)
    assert set(sys.modules) == modules, "nothing of it ran"
    loaded = Pipeline.load(path, trust=True)
    assert loaded.run({"source": [4.0]}, "mean") == [4.0]

    # Objects of it can be pickled, and the whole saved again.
    state = loaded.states["mean"]
    assert type(pickle.loads(pickle.dumps(state["fraction"]))) is state["kind"]
    again = tmp_path / "again.zip"
    loaded.save(again)
    assert Pipeline.load(again, trust=True).run({"source": [4.0]}, "mean") == [4.0]
    assert json.loads(zipfile.ZipFile(again).read("manifest.json"))["modules"].keys() == set(NAMES)


def test_what_cannot_be_saved_says_why(project, tmp_path):
    features = importlib.import_module("features_of_archive")
    unfitted = Pipeline(stages={"source": features.source, "mean": features.Mean}, edges={"mean": "source"})
    with pytest.raises(PipelineError, match=r"mean has not been fitted\. Call pipeline\.fit"):
        unfitted.save(tmp_path / "model.zip")
    with pytest.raises(PipelineError, match=r"stage local: .*\.local.* top level of a file"):

        def local(): ...

        Pipeline(stages={"local": local}).save(tmp_path / "model.zip")
    with pytest.raises(ArchiveError, match=r"nowhere.*cannot be written: No such file"):
        fitted(tmp_path).save(tmp_path / "nowhere" / "model.zip")
    pipeline = fitted(tmp_path)
    pipeline._fitted.states["mean"].value["file"] = (tmp_path / "open").open("w")
    with pytest.raises(PipelineError, match=r"file of mean cannot be saved: _io\.TextIOWrapper .*__getstate__"):
        pipeline.save(tmp_path / "model.zip")
    assert [path.name for path in tmp_path.glob("*.zip")] == []


def test_paths_among_the_parameters_stay_paths_whether_or_not_there_is_anything(project, tmp_path):
    features = importlib.import_module("features_of_archive")
    (tmp_path / "data.csv").write_text("a,b")
    for file in [tmp_path / "data.csv", tmp_path / "nothing"]:
        pipeline = Pipeline(
            stages={"source": features.source, "lines": features.lines},
            edges={"lines": "source"},
            parameters={"file": file},
        )
        pipeline.save(tmp_path / "model.zip")
        assert Pipeline.load(tmp_path / "model.zip").run("lines") == [str(file), 1.0, 2.0, 3.0]
        assert b"a,b" not in (tmp_path / "model.zip").read_bytes()


def test_a_file_that_a_stage_has_learned_comes_with_it(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fitted(tmp_path, "Wordy").save(tmp_path / "model.zip")
    for path in [tmp_path / "words.txt", *(tmp_path / "cache").rglob("words.txt")]:
        path.unlink()
    loaded = Pipeline.load(tmp_path / "model.zip")
    assert loaded.run("mean") == "some words"
    unpacked = loaded.states["mean"]["file"]
    del loaded
    gc.collect()
    assert not unpacked.exists()


def test_what_a_module_of_it_raises_is_raised(archive, tmp_path):
    def change(members, manifest):
        members["code/features_of_archive.py"] = b"open('/not/there')"
        manifest["members"]["code/features_of_archive.py"] = bytes_digest(members["code/features_of_archive.py"])

    rewritten(archive, tmp_path / "raises.zip", change)
    with pytest.raises(FileNotFoundError, match="/not/there") as raised:
        Pipeline.load(tmp_path / "raises.zip")
    assert "loading" in raised.value.__notes__[0] and "raises.zip" in raised.value.__notes__[0]


def test_a_script_that_saves_when_it_is_imported_is_told_so(project, tmp_path):
    source = (project / "features_of_archive.py").read_text()
    training = """
from mlpipeline import Pipeline
pipeline = Pipeline(stages={"source": source, "mean": Mean}, edges={"mean": "source"}, cache=CACHE).fit()
"""
    script = project / "features_of_archive.py"
    script.write_text(
        f"CACHE = {str(tmp_path / 'cache')!r}\n{source}{training}pipeline.save({str(tmp_path / 'm.zip')!r})"
    )
    with pytest.raises(PipelineError, match=r'features_of_archive\.py:\d+: .*`if __name__ == "__main__":`'):
        importlib.import_module("features_of_archive")
    # Where it is saved from elsewhere, loading says it, and does not train.
    forget()
    script.write_text(f"CACHE = {str(tmp_path / 'cache')!r}\n{source}{training}")
    importlib.invalidate_caches()
    module = importlib.import_module("features_of_archive")
    module.pipeline.save(tmp_path / "m.zip")
    with pytest.raises(PipelineError, match="runs a pipeline when it is imported"):
        Pipeline.load(tmp_path / "m.zip")


def rewritten(archive, path, change):
    """Write a copy of an archive in which `change` had its way with the members: name -> content."""
    with zipfile.ZipFile(archive) as old:
        members = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(members, manifest)
    if "manifest.json" in members:
        members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)


def renamed(to):
    def change(members, manifest):
        members[to] = members.pop("values/1.json")
        manifest["members"][to] = manifest["members"].pop("values/1.json")

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda members, manifest: manifest.update(format=99), r"has format 99, .*reads format 1\. .*mlpipeline 2"),
        (lambda members, manifest: members.pop("manifest.json"), r"manifest\.json is missing"),
        (lambda members, manifest: manifest.pop("format"), "no archive of a pipeline"),
        (lambda members, manifest: manifest.pop("stages"), r"manifest is damaged \(KeyError"),
        (lambda members, manifest: manifest["stages"][0].pop("target"), "manifest is damaged"),
        (lambda members, manifest: manifest.update(members=[]), "manifest.json in it is damaged"),
        (lambda members, manifest: members.pop("values/1.json"), r'"values/1\.json" is missing'),
        (lambda members, manifest: members.pop("code/features_of_archive.py"), "is missing"),
        (lambda members, manifest: manifest["members"].pop("code/features_of_archive.py"), "is missing"),
        (lambda members, manifest: members.update({"values/1.json": b"7"}), r"values/1\.json.* not what was saved"),
        (renamed("../evil"), r'"\.\./evil" in it would lie outside'),
        (renamed("/evil"), "would lie outside"),
        (renamed("a\\..\\..\\evil"), "would lie outside"),
        (lambda members, manifest: manifest["packages"].append(
            {"name": "no-such-thing", "version": "1.2", "imported_as": "no_such_thing", "is_needed": True}
        ), r"not installed here: no-such-thing==1\.2\. Install them: pip install no-such-thing==1\.2"),
    ],
)  # fmt: skip
def test_a_bad_archive_is_told_in_words(archive, tmp_path, change, said):
    path = tmp_path / "bad.zip"
    rewritten(archive, path, change)
    with pytest.raises(ArchiveError, match=rf"bad\.zip: .*{said}"):
        Pipeline.load(path)
    assert not list(tmp_path.rglob("evil"))


def test_a_file_that_is_no_archive_is_told_in_words(archive, tmp_path):
    bad = tmp_path / "bad.zip"
    content = archive.read_bytes()
    start = zipfile.ZipFile(archive).getinfo("values/1.json").header_offset + 30 + len("values/1.json")
    flipped = content[:start] + bytes([content[start] ^ 0xFF]) + content[start + 1 :]
    for data, said in [
        (b"", "is no archive"),
        (b"PK\3\4 no zip", "is no archive"),
        (content[: len(content) // 2], "not all of it is there"),
        (flipped, r'"values/1\.json" in it is damaged'),
    ]:
        bad.write_bytes(data)
        with pytest.raises(ArchiveError, match=said):
            Pipeline.load(bad)
    with pytest.raises(ArchiveError, match=r"nothing\.zip: cannot be read: No such file"):
        Pipeline.load(tmp_path / "nothing.zip")
    with pytest.raises(ArchiveError, match="directory"):
        Pipeline.load(tmp_path)


def test_other_versions_are_one_warning(archive, tmp_path):
    def change(members, manifest):
        manifest.update(python="3.2.1")
        manifest["packages"] += [
            {"name": "cloudpickle", "version": "0.1", "imported_as": "cloudpickle", "is_needed": True},
            {"name": "no-such-thing", "version": "1.2", "imported_as": "no_such_thing", "is_needed": False},
        ]

    rewritten(archive, tmp_path / "other.zip", change)
    with pytest.warns(UserWarning) as warned:
        Pipeline.load(tmp_path / "other.zip")
    (warning,) = warned
    assert warning.filename == __file__
    assert "python was 3.2.1, is " in str(warning.message)
    assert "cloudpickle was 0.1, is " in str(warning.message)
    assert "no-such-thing was 1.2, is not installed" in str(warning.message)

"""What of the parameters of a stage counts in its key."""

from __future__ import annotations

import os
import shutil
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from mlpipeline import Pipeline, Stage
from mlpipeline.domain.rerun import differences
from mlpipeline.errors import CallLacks, FileKeepsChanging
from mlpipeline.pipelines import content
from mlpipeline.pipelines.bases import Bases
from mlpipeline.pipelines.wiring import Purpose

DATA, HERE = Path("data.csv"), Path(__file__)
BOTH = [Path("a/data.csv"), Path("b/data.csv")]
#: Another way to the same file.
LINK = Path("link", HERE.name)


@dataclass
class Config:
    path: Path = DATA
    rate: float = 0.1


@dataclass(slots=True)
class Slotted:
    path: Path = DATA


class Guarded:
    """What has no digest of its own."""

    def __init__(self):
        self.path = DATA
        self.lock = threading.Lock()


def function(path=DATA):
    return path.read_text()


def in_tuple(paths=(1, DATA)):
    return [path.read_text() for path in paths]


def in_dict(paths={"train": [DATA]}):  # noqa: B006 (what users write)
    return paths["train"][0].read_text()


def in_object(config=Config()):  # noqa: B008
    return config.path.read_text()


def in_slots(config=Slotted()):  # noqa: B008
    return config.path.read_text()


def beside_a_lock(guarded=Guarded()):  # noqa: B008
    return guarded.path.read_text()


class Load:
    def __init__(self, path: Path = DATA):
        self.path = path

    def run(self):
        return {"raw": self.path.read_text()}


class LoadStage(Stage):
    def __init__(self, path: Path = DATA):
        self.path = path

    def run(self):
        return {"raw": self.path.read_text()}


@dataclass
class LoadDataclass:
    path: Path = DATA
    others: list[Path] = field(default_factory=list)

    def run(self):
        return {"raw": self.path.read_text()}


def constant():
    return DATA.read_text()


class OwnPath(type(Path())):
    pass


OWN = OwnPath("data.csv")


def by_own_kind_of_path():
    return OWN.read_text()


def both():
    return [path.read_text() for path in BOTH]


def beside_itself():
    return HERE.with_name("data.csv"), LINK.with_name("data.csv")


def helper(path=DATA):
    return path.read_text()


def by_helper():
    return helper()


def closed_over(path):
    def read():
        return path.read_text()

    return read


class Attribute:
    path = DATA

    def run(self):
        return {"raw": self.path.read_text()}


class InheritedConstructor(Load):
    pass


class ArgumentOfRun:
    def run(self, path: Path = DATA):
        return {"raw": path.read_text()}


class Bare:
    __slots__ = ("path",)

    def __init__(self):
        self.path = DATA


def in_bare_slots(bare=Bare()):  # noqa: B008
    return bare.path.read_text()


def in_partial(read=partial(helper, DATA)):  # noqa: B008
    return read()


def in_closure(read=closed_over(DATA)):  # noqa: B008
    return read()


def in_method(read=Attribute().run):  # noqa: B008
    return read()


def in_lambda(read=lambda: DATA.read_text()):  # noqa: PLW0108
    return read()


def in_deque(paths=deque([DATA])):  # noqa: B006
    return paths[0].read_text()


def in_proxy(paths=MappingProxyType({"train": DATA})):
    return paths["train"].read_text()


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    DATA.write_text("1")


def basis_of(target, parameters=None):
    pipeline = Pipeline(stages={"load": target})
    (call,) = pipeline.wired(parameters or {}).graph(Purpose.TRAINING).calls.values()
    return Bases([call]).of(call, {})


@pytest.mark.parametrize(
    "target",
    [
        *(function, in_tuple, in_dict, in_object, in_slots, beside_a_lock),
        *(Load, Load(), LoadStage, LoadStage(), LoadDataclass, LoadDataclass()),
        *(
            constant,
            by_helper,
            by_own_kind_of_path,
            closed_over(DATA),
            Attribute,
            Attribute(),
            InheritedConstructor,
            ArgumentOfRun,
        ),
        *(in_bare_slots, in_partial, in_closure, in_method, in_lambda, in_deque, in_proxy),
    ],
    ids=lambda target: getattr(target, "__name__", f"{type(target).__name__}()"),
)
def test_a_file_of_which_code_holds_the_path_counts_by_its_content(target):
    key = basis_of(target).key()
    os.utime(DATA, (1, 1))
    assert basis_of(target).key() == key
    DATA.write_text("2")
    changed = basis_of(target).key()
    assert changed != key
    DATA.unlink()
    assert basis_of(target).key() not in (key, changed)


def test_a_file_is_the_same_by_default_as_when_it_is_given():
    assert basis_of(Load).key() == basis_of(Load, {"path": DATA}).key()
    assert basis_of(Load).shown == {"path": "data.csv"}


def test_of_a_folder_that_is_a_constant_the_name_counts_and_a_file_may_come_later(tmp_path):
    DATA.unlink()
    missing = basis_of(constant).key()
    DATA.mkdir()
    (DATA / "written by a stage").touch()
    assert basis_of(constant).key() == missing
    shutil.rmtree(DATA)
    DATA.write_text("1")
    there = basis_of(constant)
    assert there.key() != missing
    (reason,) = differences(basis_of(constant), replace(there, parts=there.parts[:-1]))
    assert (reason.why, reason.what) == ("code_gone", "data.csv")


def test_two_files_of_one_name_that_change_places_are_not_what_they_were(tmp_path):
    for path, text in zip(BOTH, "12", strict=True):
        path.parent.mkdir()
        path.write_text(text)
    before = basis_of(both).key()
    for path, text in zip(BOTH, "21", strict=True):
        path.write_text(text)
    after = basis_of(both)
    assert after.key() != before
    assert after.parts[-1].file == "a/data.csv, b/data.csv"
    BOTH[1].unlink()
    one = basis_of(both)
    assert one.parts[-1].file == "a/data.csv"
    BOTH[0].rename(BOTH[1])
    assert basis_of(both).key() not in (one.key(), after.key())


def test_a_file_that_nobody_may_read_has_the_code_that_holds_its_path_run_every_time(monkeypatch):
    def refuses(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(content, "changing_file_digest", refuses)
    (call,) = Pipeline(stages={"load": constant}).wired({}).graph(Purpose.TRAINING).calls.values()
    assert "data.csv: it cannot be read: Permission denied" in Bases([call]).unknown["load"]


def test_the_source_that_a_module_calls_itself_by_is_no_file_that_it_reads():
    LINK.parent.symlink_to(HERE.parent)
    assert "test_bases.py" not in [part.name for part in basis_of(beside_itself).parts]


def test_a_file_that_changes_all_the_time_has_the_code_that_holds_its_path_run_every_time(monkeypatch):
    def keeps_changing(path):
        raise FileKeepsChanging(path)

    monkeypatch.setattr(content, "changing_file_digest", keeps_changing)
    (call,) = Pipeline(stages={"load": constant}).wired({}).graph(Purpose.TRAINING).calls.values()
    assert "data.csv: it changes while it is read" in Bases([call]).unknown["load"]


def test_a_default_that_has_no_digest_and_names_no_file_counts_by_the_code_alone():
    def locked(lock=threading.Lock(), kind=Config):  # noqa: B008
        return lock

    assert basis_of(locked).parameters == {}


def test_a_default_file_that_changes_while_it_is_read_is_an_error_as_one_that_is_given(monkeypatch):
    def keeps_changing(path):
        raise FileKeepsChanging(path)

    monkeypatch.setattr(content, "changing_file_digest", keeps_changing)
    with pytest.raises(FileKeepsChanging, match=r"data\.csv changes"):
        basis_of(Load)


def rows():
    return [1]


class Scaled(Stage):
    def __init__(self, rows):
        self.scale = rows

    def run(self, rows):
        return {"scaled": [row * self.scale for row in rows]}


class ScaledCopy:
    def __init__(self, scale):
        self.rows = scale

    def run(self, rows):
        return {"scaled": [row * self.rows for row in rows]}


@pytest.mark.parametrize(
    "scaled",
    [
        lambda scale: Pipeline([rows, Scaled(scale)], cache="cache"),
        lambda scale: Pipeline([rows, Scaled], parameters={"scaled.rows": scale}, cache="cache"),
        lambda scale: Pipeline({"rows": rows, "scaled": ScaledCopy(scale)}, cache="cache"),
    ],
)
def test_what_a_stage_was_made_with_counts_though_run_takes_something_of_the_same_name(scaled):
    assert [scaled(scale).run("scaled") for scale in (2, 3)] == [[2], [3]]


def test_what_the_constructor_needs_is_not_what_run_takes_by_the_same_name():
    with pytest.raises(CallLacks, match='its constructor takes "rows", which has neither a value nor a default'):
        Pipeline([rows, Scaled], cache="cache").run("scaled")

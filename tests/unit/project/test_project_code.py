import collections
import json
import sys
import sysconfig
import types
import zipfile
from pathlib import Path

import click
import pytest

import mlpipeline
from mlpipeline.project.project_code import is_project_code, loaded_modules, reachable


def write(folder: Path, **sources: str) -> None:
    for name, source in sources.items():
        file = folder / (name.replace("__", "/").replace("/init", "/__init__") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)


def names(files: set[Path], folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in files}


# --- is_project_code


def test_a_file_of_ones_own_is_project_code_even_when_it_is_gone(tmp_path: Path) -> None:
    assert is_project_code(str(tmp_path / "net.py"))
    assert is_project_code(str(tmp_path / "deleted" / "folder" / "net.py"))
    assert is_project_code(str(tmp_path))


@pytest.mark.parametrize(
    "file",
    [
        json.__file__,
        collections.__file__,
        click.__file__,
        pytest.__file__,
        mlpipeline.__file__,
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("purelib"),
        "/usr/lib/python3/dist-packages/apt/cache.py",
        "/elsewhere/envs/other/lib/python3.12/site-packages/torch/nn.py",
        "built-in",
        "frozen",
        "<frozen importlib._bootstrap>",
        "<string>",
        "",
    ],
)
def test_what_is_installed_or_no_file_is_not(file: str) -> None:
    assert not is_project_code(file)


def test_a_folder_whose_name_only_begins_like_an_installed_one_is_project_code(tmp_path: Path) -> None:
    assert is_project_code(str(tmp_path / "site-packages-of-mine" / "a.py"))
    assert is_project_code(str(Path(mlpipeline.__file__).parent) + "_models/a.py")


def test_a_linked_environment_is_not_project_code(tmp_path: Path) -> None:
    (tmp_path / "libs").symlink_to(sysconfig.get_path("purelib"))
    (tmp_path / "std").symlink_to(sysconfig.get_path("stdlib"))

    assert not is_project_code(str(tmp_path / "libs" / "click" / "core.py"))
    assert not is_project_code(str(tmp_path / "std" / "json" / "decoder.py"))


def test_a_module_in_an_archive_is_not_project_code(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("pkg/a.py", "")

    assert not is_project_code(str(tmp_path / "code.zip" / "pkg" / "a.py"))


# --- loaded_modules


def test_loaded_modules_are_the_imported_project_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(name: str, file: object) -> None:
        module = types.ModuleType(name)
        module.__file__ = file  # type: ignore[assignment]
        monkeypatch.setitem(sys.modules, name, module)

    imported("my_source", str(tmp_path / "my_source.py"))
    imported("my_extension", str(tmp_path / "my_extension.so"))
    imported("my_namespace", None)
    monkeypatch.setitem(sys.modules, "my_nothing", None)  # type: ignore[arg-type]

    loaded = loaded_modules()

    assert loaded["my_source"] == tmp_path / "my_source.py"
    assert not {"my_extension", "my_namespace", "my_nothing", "json", "click", "mlpipeline"} & set(loaded)


def test_looking_at_loaded_modules_imports_no_lazy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} was asked for")

    monkeypatch.setitem(sys.modules, "my_lazy", Lazy("my_lazy"))

    assert "my_lazy" not in loaded_modules()


# --- reachable


def test_imports_are_followed_from_file_to_file(tmp_path: Path) -> None:
    write(tmp_path, script="import a", a="from b import x", b="import a\nimport json, click", unused="")

    assert names(reachable(tmp_path / "script.py", [tmp_path]), tmp_path) == {"script.py", "a.py", "b.py"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pkg", {"pkg/__init__.py"}),
        ("import pkg.sub.deep", {"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"}),
        ("import pkg.sub as p", {"pkg/__init__.py", "pkg/sub/__init__.py"}),
        ("from pkg import mod", {"pkg/__init__.py", "pkg/mod.py"}),
        ("from pkg import name", {"pkg/__init__.py"}),
        ("from pkg import *", {"pkg/__init__.py"}),
        ("from pkg.sub import deep as d, other", {"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/deep.py"}),
        ("from space.inner import thing", {"space/inner/thing.py"}),
        ("def f():\n  if x:\n    import pkg.mod", {"pkg/__init__.py", "pkg/mod.py"}),
        ("try:\n  import nothing\nexcept ImportError:\n  import plain", {"plain.py"}),
        ("import importlib\nimportlib.import_module('pkg.mod')", {"pkg/__init__.py", "pkg/mod.py"}),
        ("from importlib import import_module\nimport_module('plain')", {"plain.py"}),
        ("__import__('plain')", {"plain.py"}),
        ("name = 'plain'\n__import__(name)", set()),
        ("import plain.attribute", {"plain.py"}),
        ("import sys, time, json.decoder", set()),
    ],
)
def test_every_form_of_import_is_seen(tmp_path: Path, source: str, found: set[str]) -> None:
    write(tmp_path, pkg__init="", pkg__mod="", pkg__sub__init="", pkg__sub__deep="", space__inner__thing="")
    write(tmp_path, script=source, plain="", plain__attribute="")

    assert names(reachable(tmp_path / "script.py", [tmp_path]), tmp_path) == {"script.py", *found}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from . import mod", {"pkg/sub/mod.py"}),
        ("from .mod import x", {"pkg/sub/mod.py"}),
        ("from .. import top", {"pkg/top.py"}),
        ("from ..top import x", {"pkg/top.py"}),
        ("from ....... import top", set()),
        ("import importlib\nimportlib.import_module('..top', __package__)", {"pkg/top.py"}),
    ],
)
def test_relative_imports_start_at_the_file(tmp_path: Path, source: str, found: set[str]) -> None:
    write(tmp_path, pkg__init="", pkg__top="", pkg__sub__init="", pkg__sub__mod="", pkg__sub__here=source)
    write(tmp_path, script="import pkg.sub.here", top="", mod="")

    assert names(reachable(tmp_path / "script.py", [tmp_path]), tmp_path) == {
        *("script.py", "pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/here.py"),
        *found,
    }


def test_a_package_imports_relative_to_itself(tmp_path: Path) -> None:
    write(tmp_path, script="import pkg", pkg__init="from . import mod", pkg__mod="", mod="")

    assert names(reachable(tmp_path / "script.py", [tmp_path]), tmp_path) == {
        *("script.py", "pkg/__init__.py", "pkg/mod.py")
    }


def test_the_first_folder_that_has_a_module_wins_and_namespaces_span_folders(tmp_path: Path) -> None:
    write(tmp_path / "first", script="import both, space.a, space.b", both="", space__a="")
    write(tmp_path / "second", both="", space__b="")

    found = reachable(tmp_path / "first" / "script.py", [tmp_path / "first", tmp_path / "second"])

    assert names(found, tmp_path) == {"first/script.py", "first/both.py", "first/space/a.py", "second/space/b.py"}


def test_only_project_code_is_followed(tmp_path: Path) -> None:
    write(tmp_path, script="import click, json, mlpipeline.errors, pytest")
    search_path = [tmp_path, Path(mlpipeline.__file__).parents[1], *map(Path, sys.path)]

    assert names(reachable(tmp_path / "script.py", search_path), tmp_path) == {"script.py"}


def test_files_that_cannot_be_followed_are_included(tmp_path: Path) -> None:
    write(tmp_path, script="import broken, latin", broken="def f(:\n  import other", other="")
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\n# \xe9\nimport other")

    found = reachable(tmp_path / "script.py", [tmp_path])

    assert names(found, tmp_path) == {"script.py", "broken.py", "latin.py", "other.py"}
    assert reachable(tmp_path / "missing.py", [tmp_path]) == {tmp_path / "missing.py"}

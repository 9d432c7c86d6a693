"""Importing a script and what lies beside it, as they were when they were stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import sys
from pathlib import Path
from mlpipeline.worker.importing import StoredCode, import_script, install, prepare_path
project = Path({project!r})
models = project / "models"
def load(name, store):
    script = models / name
    prepare_path(models, project, script)
    return import_script(script, models, store)
stored = StoredCode.read(project / "code") if (project / "code").exists() else StoredCode.EMPTY
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path


def write(project: Path, name: str, source: str) -> Path:
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


def store(project: Path, *names: str) -> None:
    """Store project files as they are now."""
    files = {str(project / name): f"files/{name}" for name in names}
    for name in names:
        write(project / "code" / "files", name, (project / name).read_text())
    write(project, "code/manifest.json", json.dumps({"files": files}))


def python(project: Path, code: str) -> str:
    """What `code` prints in a process of its own."""
    command = [sys.executable, "-P", "-c", PRELUDE.format(project=str(project)) + code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- code that is imported


def test_a_script_is_a_module_named_by_its_stem(project: Path) -> None:
    write(
        project, "models/net.py", "import sys, dataclasses\nME = sys.modules[__name__]\nclass C: pass\nFILE = __file__"
    )

    out = python(
        project,
        """
net = load("net.py", stored)
import pickle, net as again
print(net.__name__, net.ME is net is again, net.FILE == net.__file__ == str(models / "net.py"))
print(pickle.loads(pickle.dumps(net.C)) is net.C)
""",
    )

    assert out.split() == ["net", "True", "True", "True"]


def test_code_is_imported_as_it_was_when_it_was_stored(project: Path) -> None:
    write(project, "models/net.py", "import data, pkg.late\nX = 'old'")
    write(project, "data.py", "X = 'old'")
    write(project, "pkg/__init__.py", "X = 'old'")
    write(project, "pkg/late.py", "def late():\n    from pkg import later\n    return later")
    write(project, "pkg/later.py", "X = 'old'")
    store(project, "models/net.py", "data.py", "pkg/__init__.py", "pkg/late.py", "pkg/later.py")
    for name in ("models/net.py", "data.py", "pkg/__init__.py", "pkg/later.py"):
        write(project, name, "X = 'new'")

    out = python(
        project,
        """
net = load("net.py", stored)
later = net.pkg.late.late()
print(net.X, net.data.X, net.pkg.X, later.X, later.__file__ == str(project / "pkg" / "later.py"))
""",
    )

    assert out == "old old old old True"


def test_stored_modules_are_found_although_their_files_are_gone(project: Path) -> None:
    write(project, "models/net.py", "import data, pkg.mod, json_, space.inner\nX = 1")
    write(project, "models/data.py", "X = 'first'")
    write(project, "data.py", "X = 'second'")
    write(project, "pkg/__init__.py", "X = 'package'")
    write(project, "pkg/mod.py", "X = 'module'")
    write(project, "pkg/asset.txt", "keeps the folder, which is a namespace now")
    write(project, "json_/__init__.py", "X = 'json'")
    write(project, "space/inner.py", "X = 'inner'")
    names = ("models/net.py", "models/data.py", "pkg/__init__.py", "pkg/mod.py", "json_/__init__.py", "space/inner.py")
    store(project, *names)
    for name in names:
        (project / name).unlink()
    (project / "json_").rmdir()

    out = python(
        project,
        """
net = load("net.py", stored)
print(net.X, net.data.X, net.pkg.X, net.pkg.mod.X, net.json_.X, net.space.inner.X)
print(net.pkg.__path__ == [str(project / "pkg")], net.data.__file__ == str(models / "data.py"))
""",
    )

    assert out.split() == ["1", "first", "package", "module", "json", "inner", "True", "True"]


def test_a_module_that_was_added_since_does_not_take_the_place_of_a_stored_one(project: Path) -> None:
    write(project, "models/net.py", "import data")
    write(project, "models/data.py", "X = 'stored'")
    store(project, "models/net.py", "models/data.py")
    write(project, "models/data/__init__.py", "X = 'added'")

    assert python(project, "print(load('net.py', stored).data.X)") == "stored"


def test_stored_code_hides_no_module_that_comes_before_it(project: Path) -> None:
    write(project, "models/net.py", "import data, faulthandler\nX = data.X, hasattr(faulthandler, 'enable')")
    write(project, "models/data.py", "X = 'models'")
    write(project, "data.py", "X = 'project'")
    write(project, "faulthandler.py", "")
    store(project, "models/net.py", "data.py", "faulthandler.py")

    assert python(project, "print(load('net.py', stored).X)") == "('models', True)"


def test_what_is_not_stored_is_read_live_and_all_that_was_loaded_is_known(project: Path) -> None:
    write(project, "models/net.py", "import data, json, click")
    write(project, "data.py", "X = 1")
    store(project, "models/net.py")
    write(project, "models/net.py", "")

    out = python(
        project,
        """
load("net.py", stored)
for path, source in sorted(install(stored).loaded.items()):
    print(Path(path).name, source.decode())
""",
    )

    assert out.splitlines() == ["data.py X = 1", "net.py import data, json, click"]


def test_no_bytecode_is_read_or_written_for_project_code(project: Path) -> None:
    write(project, "models/net.py", "import data")
    data = write(project, "data.py", "X = 'bytecode'")
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(data)], check=True
    )
    write(project, "data.py", "X = 'source'")

    assert python(project, "print(load('net.py', stored).data.X)") == "source"
    assert not (project / "models" / "__pycache__").exists()
    assert len(list((project / "__pycache__").iterdir())) == 1


def test_what_is_installed_keeps_its_loader(project: Path) -> None:
    write(project, "models/net.py", "import colorsys, click.types")

    out = python(
        project,
        """
net = load("net.py", stored)
print(type(net.colorsys.__loader__).__name__, type(net.__loader__).__name__)
import click.types
print(type(click.types.__loader__).__name__)
""",
    )

    assert out.split() == ["SourceFileLoader", "StoredLoader", "SourceFileLoader"]


def test_later_finders_still_find_and_rewriting_loaders_stay(project: Path) -> None:
    write(project, "models/net.py", "import virtual, rewritten\nX = virtual.X, rewritten.X")
    write(project, "rewritten.py", "X = 'plain'")

    out = python(
        project,
        """
import importlib.abc, importlib.machinery, importlib.util
class Virtual(importlib.abc.Loader):
    def create_module(self, spec): return None
    def exec_module(self, module): module.X = "virtual"
class Rewriting(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimize=-1): return compile("X = 'rewritten'", path, "exec")
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "virtual": return importlib.util.spec_from_loader(name, Virtual())
        if name == "rewritten":
            file = str(project / "rewritten.py")
            return importlib.util.spec_from_file_location(name, file, loader=Rewriting(name, file))
sys.meta_path.insert(0, Finder())
print(load("net.py", stored).X)
""",
    )

    assert out == "('virtual', 'rewritten')"


def test_a_missing_module_is_still_missing(project: Path) -> None:
    write(project, "models/net.py", "try:\n    import nothing\nexcept ModuleNotFoundError as e:\n    X = e.name")
    store(project, "models/net.py")

    assert python(project, "print(load('net.py', stored).X)") == "nothing"


def test_reloading_reads_the_stored_code_again(project: Path) -> None:
    write(project, "models/net.py", "import data")
    write(project, "data.py", "X = 'old'")
    store(project, "data.py")
    write(project, "data.py", "X = 'new'")

    out = python(
        project,
        "import importlib\nnet = load('net.py', stored)\nnet.data.X = 0\nprint(importlib.reload(net.data).X)",
    )

    assert out == "old"


def test_data_beside_a_module_is_read_live(project: Path) -> None:
    write(project, "models/net.py", "import pkg, pkgutil\nX = pkgutil.get_data('pkg', 'labels.txt')")
    write(project, "pkg/__init__.py", "")
    write(project, "pkg/labels.txt", "cat")
    store(project, "models/net.py", "pkg/__init__.py")

    assert python(project, "print(load('net.py', stored).X)") == "b'cat'"


def test_files_in_memory_can_be_imported_without_a_folder(project: Path) -> None:
    write(project, "models/net.py", "X = 'live'")

    out = python(project, "print(load('net.py', StoredCode({models / 'net.py': b'X = 1'})).X, len(sys.meta_path))")

    value, finders = out.split()
    assert value == "1"
    assert finders == python(project, "load('net.py', stored); install(StoredCode({})); print(len(sys.meta_path))")


# --- tracebacks


def test_tracebacks_and_inspect_show_what_was_loaded(project: Path) -> None:
    source = "import inspect\n\f\ndef f():\n    1 / 0  # stored, with a \u2028 in it\nSEEN = inspect.getsource(f)\n"
    write(project, "models/net.py", source)
    write(project, "live.py", "def g():\n    1 / 0  # as loaded")
    store(project, "models/net.py")
    write(project, "models/net.py", "\n\n\n\n# edited\n")

    out = python(
        project,
        """
import traceback, linecache, importlib
net = load("net.py", stored)
live = importlib.import_module("live")
(project / "live.py").write_text("# edited\\n# edited")
linecache.checkcache()
for function in (net.f, live.g):
    try:
        function()
    except ZeroDivisionError:
        print(traceback.format_exc())
print(net.SEEN)
print(live.__loader__.get_source("live"))
""",
    )

    assert out.count("# stored, with a") == 2
    assert out.count("# as loaded") == 2
    assert "edited" not in out


def test_a_script_in_another_encoding_or_with_an_error_fails_as_in_python(project: Path) -> None:
    (project / "models" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nX = '\xe9'")
    (project / "models" / "wrong.py").write_bytes(b"X = '\xe9'")
    write(project, "models/broken.py", "def f(:")

    out = python(
        project,
        """
print(load("latin.py", stored).X == chr(0xe9))
for name in ("wrong.py", "broken.py", "missing.py"):
    try:
        load(name, stored)
    except Exception as error:
        print(type(error).__name__, Path(error.filename).name, name[:-3] in sys.modules)
""",
    )

    assert out.splitlines() == [
        "True",
        "SyntaxError wrong.py False",
        "SyntaxError broken.py False",
        "FileNotFoundError missing.py False",
    ]


# --- names


def test_looking_for_hidden_modules_imports_nothing_and_passes_over_project_code(project: Path) -> None:
    write(project, "models/digits.py", "raise AssertionError")

    out = python(
        project,
        """
from mlpipeline.worker.importing import hides
prepare_path(models, project, models / "digits.py")
before = set(sys.modules)
print(hides("digits"), "installed module pytest (/" in hides("pytest"), "pytest" in sys.modules)
""",
    )

    assert out == "None True False"


def test_a_script_called_like_an_installed_module_does_not_take_its_place(project: Path) -> None:
    write(project, "models/random.py", "X = __name__")
    write(project, "models/pytest.py", "X = __name__")

    out = python(
        project,
        """
import random
print(load("random.py", stored).X, random is sys.modules["random"], hasattr(random, "choice"))
print(load("pytest.py", stored).X, "pytest" in sys.modules)
""",
    )

    assert out.split() == ["random_script", "True", "True", "pytest_script", "False"]


def test_a_script_called_like_other_project_code_does_not_take_its_place(project: Path) -> None:
    write(project, "models/net.py", "X = 'base'")
    write(project, "models/cnn/net.py", "import net\nX = net.X, __name__\nclass C: pass")
    write(project, "models/data.py", "import data\nX = data.X, __name__")
    write(project, "models/data/__init__.py", "X = 'package'")
    write(project, "models/rnn/deep.py", "X = __name__")

    out = python(
        project,
        """
import pickle
cnn = load("cnn/net.py", stored)
print(cnn.X, pickle.loads(pickle.dumps(cnn.C)) is cnn.C)
print(load("data.py", stored).X)
print(load("rnn/deep.py", stored).X)
""",
    )

    assert out.splitlines() == ["('base', 'cnn.net') True", "('package', 'data_script')", "deep"]


def test_the_path_begins_with_models_dir_project_and_the_scripts_folder(project: Path) -> None:
    out = python(
        project,
        """
old = list(sys.path)
sys.path.append(str(models))
prepare_path(models, project, models / "cnn" / "net.py")
prepare_path(models, project, models / "cnn" / "net.py")
print(sys.path == [str(models), str(project), str(models / "cnn"), *old])
prepare_path(models, project, models / "net.py")
print(sys.path[:2] == [str(models), str(project)], len(sys.path) == len(set(sys.path)))
""",
    )

    assert out.split() == ["True"] * 3

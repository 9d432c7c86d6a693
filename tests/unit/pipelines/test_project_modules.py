"""Which modules of a project a pipeline needs, and what an archive calls them."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import numpy as np
import pytest

from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.project_modules import ProjectModules

FILES = {
    "script_of_modules.py": "from package_of_modules.deep import part\nclass Own:\n    class Inner: ...\n",
    "package_of_modules/__init__.py": "import top_of_modules\n",
    "package_of_modules/deep/part.py": "def late():\n    from . import beside\n",
    "package_of_modules/deep/beside.py": "",
    "top_of_modules.py": "",
    "unused_of_modules.py": "",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name, source in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if "_of_modules" in name]:
        del sys.modules[name]


def as_script(file, monkeypatch, name="__main__"):
    """Import a file as Python runs a script: it is `__main__`, and its spec is None."""
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    module.__spec__ = None
    return module


def test_all_that_a_module_imports_comes_with_it_also_what_was_not_imported_yet(project):
    script = importlib.import_module("script_of_modules")
    modules = ProjectModules()
    reference = modules.reference(script.Own.Inner)
    assert (reference.module, reference.name, reference.is_archived) == ("script_of_modules", "Own.Inner", True)
    assert set(modules.sources()) == {
        "script_of_modules",
        "package_of_modules",
        "package_of_modules.deep.part",
        "package_of_modules.deep.beside",
        "top_of_modules",
    }
    assert modules.sources()["package_of_modules"].is_package


def test_a_module_in_a_package_comes_with_the_package(project):
    part = importlib.import_module("package_of_modules.deep.part")
    modules = ProjectModules()
    modules.reference(part.late)
    assert "top_of_modules" in modules.sources()


def test_the_script_goes_by_its_file_name(project, monkeypatch):
    script = as_script(project / "script_of_modules.py", monkeypatch)
    modules = ProjectModules()
    assert modules.reference(script.Own).module == "script_of_modules"
    assert "script_of_modules" in modules.sources()

    # Unless another module does.
    (project / "folder").mkdir()
    (project / "folder" / "top_of_modules.py").write_text("class Own: ...")
    importlib.import_module("top_of_modules")
    script = as_script(project / "folder" / "top_of_modules.py", monkeypatch)
    modules = ProjectModules()
    assert modules.reference(script.Own).module == "__main__"
    assert modules.sources()["__main__"].text == "class Own: ..."


def test_what_is_not_of_the_project_is_found_by_its_own_name(project):
    modules = ProjectModules()
    assert modules.reference(np.ndarray).is_archived is False
    assert modules.reference(3) is None
    assert modules.reference(lambda: 1) is None

    class Local: ...

    assert modules.reference(Local) is None
    assert modules.sources() == {}


def test_two_modules_of_one_name_are_refused(project, monkeypatch):
    script = as_script(project / "script_of_modules.py", monkeypatch)
    modules = ProjectModules()
    modules.reference(script.Own)
    modules.needed["unused_of_modules"] = "script_of_modules"
    modules._loaded["unused_of_modules"] = project / "unused_of_modules.py"
    with pytest.raises(PipelineError, match='two different modules are called "script_of_modules"'):
        modules.sources()

"""What values use of the user's code, and that nothing is imported to find out."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import os
import sys

import pytest

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines import uses
from mlpipeline.pipelines.serializers.pickles import Pickles
from mlpipeline.pipelines.uses import Uses, noted, referred, use_of, used

NET = """
RATE = 2

def scaled(x):
    return x * RATE

class Net:
    def go(self, x):
        return scaled(x)

    @staticmethod
    def made():
        return Net()

    class Layer:
        pass

def inner():
    class Local:
        pass
    return Local, lambda x: scaled(x)
"""
_times = itertools.count(1)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write modules; each call drops those that were imported before."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def written(**modules):
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]
        for name, text in modules.items():
            path = tmp_path / f"{name}.py"
            path.write_text(text)
            os.utime(path, (now := next(_times), now))
        importlib.invalidate_caches()
        return tmp_path

    yield written
    written()


def test_classes_and_functions_are_found_by_their_names(project):
    project(nets=NET)
    nets = importlib.import_module("nets")
    for value, name in [(nets.Net, "Net"), (nets.scaled, "scaled"), (nets.Net.Layer, "Net.Layer")]:
        assert use_of(value) == f"nets:{name}"
        assert used(f"nets:{name}") is value
    assert use_of(nets.Net.made) == "nets:Net.made"
    assert [use_of(value) for value in (*nets.inner(), os.path.join, pytest.Item)] == [None] * 4
    nets.Net.__qualname__ = "Other"
    assert use_of(nets.Net) is None


def test_modules_whose_files_have_one_name_are_told_apart(project):
    folder = project(a_utils=NET)
    loaded = []
    for name in ("first", "second"):
        (folder / name).mkdir()
        file = folder / name / "utils.py"
        file.write_text(NET)
        spec = importlib.util.spec_from_file_location(f"{name}_utils", file)
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        loaded.append(module)
    assert [use_of(module.Net) for module in loaded] == ["first_utils:Net", "second_utils:Net"]
    assert used("second_utils:Net") is loaded[1].Net
    with pytest.raises(AttributeError, match="utils:Net is not there any more"):
        used("utils:Net")


def test_the_script_is_called_by_its_file_and_pickled_by_that_name(project, monkeypatch):
    project(net=NET)
    script = importlib.import_module("net")
    monkeypatch.setitem(sys.modules, "__main__", sys.modules.pop("net"))
    script.__name__ = script.Net.__module__ = "__main__"
    assert use_of(script.Net) == "net:Net"
    assert referred(script.Net) is None, "nobody notes uses"
    with noted() as found:
        assert referred(script.Net) == (used, ("net:Net",))
    assert found == {"net:Net": script.Net}
    assert used("net:Net") is script.Net


def test_a_script_that_the_queue_imports_by_another_name_is_found(project):
    project(json_script=NET)
    script = importlib.import_module("json_script")
    assert used("json:Net") is script.Net


def test_the_code_of_what_is_used_counts_with_all_that_it_reaches(project):
    digests = []
    for text in (NET, NET.replace("RATE = 2", "RATE = 3"), NET + "# more\n", NET + "def other(): ...\n"):
        project(nets=text)
        importlib.import_module("nets")
        digests.append(Uses().digest(["nets:Net"]))
    assert digests[0] == digests[2] == digests[3] != digests[1]


def test_what_is_not_imported_is_read_with_what_it_imports_and_stays_not_imported(project):
    digests = []
    nets = "import os\nimport rates\nos.ran = True\n" + NET
    for rate in ("RATE = 1", "RATE = 2", "RATE = 2  # two"):
        project(nets=nets, rates=rate)
        digests.append(Uses().digest(["nets:Net"]))
    assert not {"nets", "rates"} & sys.modules.keys()
    assert not hasattr(os, "ran")
    assert digests[0] != digests[1] == digests[2]


def test_what_only_a_stage_imports_counts_alike_before_and_after(project):
    project(nets=NET)
    known, later = Uses(), Uses()
    before = known.digest(["nets:Net"])
    importlib.import_module("nets")
    assert later.digest(["nets:Net"]) == before
    assert Uses().digest(["nets:Net"]) != before


@pytest.mark.parametrize(
    "use", ["nothere:Net", "os:path", "json:JSONDecoder", "../nets:Net", "nets.deep:Net", ":", "pip:main"]
)
def test_what_the_project_does_not_have_is_unknown_and_not_imported(project, use):
    project(nets="raise SystemExit")
    assert "pip" not in sys.modules
    with pytest.raises(CodeUnknown, match="nothing in the project is called so"):
        Uses().digest([use])
    assert not {"nets", "pip", "nothere"} & sys.modules.keys()


def test_a_class_that_is_gone_from_a_module_is_unknown(project):
    project(nets="def __getattr__(name):\n    raise SystemExit\n")
    importlib.import_module("nets")
    with pytest.raises(CodeUnknown, match="nets:Net: nothing in the project is called so"):
        Uses().digest(["nets:Net"])


def test_code_that_cannot_be_told_is_unknown(project):
    text = "import importlib\nclass Net:\n    def go(self, name):\n        return importlib.import_module(name)\n"
    project(nets=text)
    nets = importlib.import_module("nets")
    for digest in (lambda: Uses().digest(["nets:Net"]), lambda: Uses().of(nets.Net)):
        with pytest.raises(CodeUnknown, match="worked out only when it runs"):
            digest()


def test_each_is_looked_at_once(project, monkeypatch):
    project(nets=NET)
    importlib.import_module("nets")
    known = Uses()
    before = known.digest(["nets:Net", "nets:scaled"])
    monkeypatch.setattr(uses, "_found", lambda *_: pytest.fail("it was looked for again"))
    assert known.digest(["nets:scaled", "nets:Net"]) == before


def test_local_classes_and_lambdas_count_by_what_they_reach_without_what_they_hold(project):
    digests = []
    for text in (NET, NET.replace("RATE = 2", "RATE = 3")):
        project(nets=text)
        local, function = importlib.import_module("nets").inner()
        digests.append((Uses().of(local), Uses().of(function)))
    assert digests[0][0] == digests[1][0]
    assert digests[0][1] != digests[1][1]
    assert Uses().of(os.path.join) == Uses().of(int) == ""


@pytest.mark.parametrize("edited", ["x * RATE", "return scaled(x)", "return Net()"])
def test_a_module_that_counts_whole_and_was_edited_after_its_import_is_unknown(project, edited):
    folder = project(nets=NET)
    nets = importlib.import_module("nets")
    Uses().of(nets)
    (folder / "nets.py").write_text(NET.replace(edited, f"{edited}, 1"))
    with pytest.raises(CodeUnknown, match=r"nets.py was edited after it was imported"):
        Uses().of(nets)
    importlib.reload(nets)
    Uses().of(nets)


def test_a_module_that_a_stored_lambda_reads_counts_as_a_whole(project, tmp_path):
    project(net="import lib\n\ndef made():\n    return lambda: lib.f()\n", lib="def f():\n    return 1\n")
    made = importlib.import_module("net").made
    with noted() as found:
        Pickles().save(made(), tmp_path / "stored")
    assert "lib:" in found
    before = Uses().digest(found)
    assert Uses().digest(found) == before
    project(net="import lib\n\ndef made():\n    return lambda: lib.f()\n", lib="def f():\n    return 22\n")
    importlib.import_module("net")
    assert Uses().digest(found) != before

"""What stored values use of the user's code."""

from __future__ import annotations

import importlib
import sys
from types import FunctionType

import pytest

from mlpipeline.pipelines import uses
from mlpipeline.pipelines.code import Codes
from mlpipeline.pipelines.serializers.pickles import Pickles


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def stored_with(folder, *names):
    """What is collected when a function of the script is stored that reads these modules."""
    read = {name: importlib.import_module(name) for name in names}
    code = compile(f"lambda: [{', '.join(names)}]", "<script>", "eval").co_consts[0]
    with uses.collected() as found:
        Pickles().save(FunctionType(code, {"__name__": "__main__", **read}), folder / "stored")
    return sorted(found)


def test_a_project_module_that_a_stored_lambda_reads_counts_with_all_that_it_imports(folder):
    (folder / "read_whole.py").write_text("import below_it\ndef f():\n    return below_it.g()\n", "utf-8")
    (folder / "below_it.py").write_text("def g():\n    return 1\n", "utf-8")
    assert stored_with(folder, "read_whole", "json") == ["read_whole:"]
    before = uses.uses_digest(["read_whole:"], Codes())
    assert uses.uses_digest(["read_whole:"], Codes()) == before
    (folder / "below_it.py").write_text("def g():\n    return 1 + 1\n", "utf-8")
    importlib.reload(sys.modules["below_it"])
    assert uses.uses_digest(["read_whole:"], Codes()) != before

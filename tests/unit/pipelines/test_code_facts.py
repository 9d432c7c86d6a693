"""What is kept of sources: it saves time, and nothing else."""

from __future__ import annotations

import importlib
import sys

import pytest

from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines import code_facts, code_file, code_sources
from mlpipeline.pipelines.code import Codes
from mlpipeline.pipelines.code_facts import KeptFacts
from mlpipeline.pipelines.code_sources import Sources

HELPERS = """
FACTORS = [1, 2]
FACTORS.extend([3])
first, second = lambda x: x, lambda x: x + 1

class Scaler:
    def scaled(self, x):
        import json
        return [scaled(x) for x in FACTORS]

def scaled(x):
    return x * FACTORS[0]
"""
STAGES = """
from __future__ import annotations
import helpers
from helpers import scaled

def stage(x: helpers.Nothing):
    return scaled(x) + helpers.Scaler().scaled(x) + helpers.second(x)

def whole(x):
    import helpers
    return helpers
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A module of stages, and one of helpers."""
    (tmp_path / "kept_helpers.py").write_text(HELPERS)
    (tmp_path / "kept_net.py").write_text(STAGES.replace("helpers", "kept_helpers"))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("kept_net")
    for name in ("kept_net", "kept_helpers"):
        sys.modules.pop(name, None)


@pytest.fixture
def parsed(monkeypatch):
    """What was parsed, in order."""
    texts = []

    def counting(text):
        texts.append(text)
        return parse(text)

    parse = code_file.syntax_tree
    monkeypatch.setattr(code_file, "syntax_tree", counting)
    return texts


def read(net, folder, monkeypatch):
    """The code of both stages as a fresh process reads it."""
    monkeypatch.setattr(code_sources, "_READ", {})
    monkeypatch.setattr(code_sources, "_PLACES", {})
    codes = Codes(KeptFacts(folder))
    found = [codes.of(net.stage), codes.of(net.whole)]
    codes.keep()
    return found


def files_in(folder):
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_the_next_process_parses_nothing_and_writes_nothing(net, tmp_path, monkeypatch, parsed):
    folder = tmp_path / "kept"
    before = read(net, folder, monkeypatch)
    assert len(parsed) == 2
    assert before[0] == Codes().of(net.stage)
    kept = files_in(folder)
    monkeypatch.setattr(KeptFacts, "keep", None)
    assert read(net, folder, monkeypatch) == before
    assert len(parsed) == 2
    assert files_in(folder) == kept


def test_only_what_was_edited_is_parsed_and_counts(net, tmp_path, monkeypatch, parsed):
    folder = tmp_path / "kept"
    before = read(net, folder, monkeypatch)
    (tmp_path / "kept_helpers.py").write_text(HELPERS.replace("x * FACTORS", "2 * x * FACTORS"))
    importlib.reload(sys.modules["kept_helpers"])
    importlib.reload(net)
    assert read(net, folder, monkeypatch)[0] != before[0]
    assert len(parsed) == 3
    assert len(files_in(folder)) == 2


def test_an_edit_after_the_import_is_seen_also_where_the_new_text_is_known(net, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    (tmp_path / "kept_helpers.py").write_text(HELPERS.replace("x * FACTORS", "2 * x * FACTORS"))
    for _ in range(2):
        with pytest.raises(CodeUnknown, match="was edited after it was imported"):
            read(net, folder, monkeypatch)
        monkeypatch.setattr(code_sources, "_READ", {})
        sources = Sources(KeptFacts(folder))
        file = sources.of_module(vars(sys.modules["kept_helpers"]))
        assert file.line("FACTORS") == 2
        sources.keep()
    assert not file.has_new_facts


@pytest.mark.parametrize("damage", ["cut short", "changed", "empty", "other text", "no facts"])
def test_a_damaged_or_foreign_file_changes_nothing_but_time(net, tmp_path, monkeypatch, parsed, damage):
    folder = tmp_path / "kept"
    before = read(net, folder, monkeypatch)
    whole = files_in(folder)
    others = list(whole.values())[::-1]
    for (path, data), other in zip(whole.items(), others, strict=True):
        damaged = {
            "cut short": data[:-10],
            "changed": data[:-10] + b"x" + data[-9:],
            "empty": b"",
            "other text": other,
            "no facts": b'{"path": 3}\nmore',
        }
        path.write_bytes(damaged[damage])
    assert read(net, folder, monkeypatch) == before
    assert len(parsed) == 4
    assert files_in(folder) == whole


@pytest.mark.parametrize("other", ["Python", "mlpipeline", "format"])
def test_what_another_version_kept_does_not_count(net, tmp_path, monkeypatch, parsed, other):
    folder = tmp_path / "kept"
    before = read(net, folder, monkeypatch)
    match other:
        case "Python":
            monkeypatch.setattr(sys, "version", "3.11.99")
        case "mlpipeline":
            monkeypatch.setattr(code_facts, "__version__", "99")
        case _:
            monkeypatch.setattr(code_facts, "_FORMAT", 99)
    assert read(net, folder, monkeypatch) == before
    assert len(parsed) == 4


def test_what_cannot_be_written_is_not_kept(net, tmp_path, monkeypatch, parsed):
    folder = tmp_path / "kept"
    folder.write_text("a file")
    before = read(net, folder, monkeypatch)
    assert read(net, folder, monkeypatch) == before
    assert len(parsed) == 4


def test_what_is_kept_of_a_source_is_forgotten_with_it(net, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    read(net, folder, monkeypatch)
    kept = KeptFacts(folder)
    assert kept.forgotten() == []
    (folder / "foreign.cpython-311").write_bytes(b"\xff\n")
    (tmp_path / "kept_helpers.py").unlink()
    assert len(kept.forgotten()) == 2

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mlpipeline.history.stores import CodeChanged, store_code, store_environment
from mlpipeline.project.paths import Outputs


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(path=tmp_path / "outputs", host="box1")


def write(path: Path, text: str) -> dict[str, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {str(path): hashlib.sha256(text.encode()).hexdigest()}


def test_code_lies_as_in_the_project_and_the_manifest_says_what_came_from_where(outputs, tmp_path):
    project, elsewhere = tmp_path / "project", tmp_path / "editable"
    files = {**write(project / "models" / "net.py", "a = 1"), **write(elsewhere / "lib.py", "b = 2")}
    folder = outputs.code(store_code(outputs, files, project))
    assert (folder / "project" / "models" / "net.py").read_text() == "a = 1"
    manifest = json.loads((folder / "manifest.json").read_text())["files"]
    assert {path: (folder / stored).read_text() for path, stored in manifest.items()} == {
        str(project / "models" / "net.py"): "a = 1",
        str(elsewhere / "lib.py"): "b = 2",
    }


def test_the_same_code_is_stored_once_and_other_code_beside_it(outputs, tmp_path):
    first = store_code(outputs, write(tmp_path / "net.py", "a = 1"), tmp_path)
    again = store_code(outputs, write(tmp_path / "net.py", "a = 1"), tmp_path)
    other = store_code(outputs, write(tmp_path / "net.py", "a = 2"), tmp_path)
    assert first == again
    assert sorted(path.name for path in outputs.code("").iterdir()) == sorted([first, other])


@pytest.mark.parametrize("change", [lambda path: path.write_text("a = 2"), lambda path: path.unlink()])
def test_a_file_that_changed_since_it_was_described_is_not_stored_as_what_it_was(outputs, tmp_path, change):
    path = tmp_path / "net.py"
    files = write(path, "a = 1")
    change(path)
    with pytest.raises(CodeChanged, match=r"net\.py"):
        store_code(outputs, files, tmp_path)
    assert list(outputs.code("").iterdir()) == []


def test_a_store_that_cannot_be_written_is_an_error_and_leaves_nothing(outputs, tmp_path, monkeypatch):
    files = write(tmp_path / "net.py", "a = 1")

    def refuse(self: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OSError, match="No space"):
        store_code(outputs, files, tmp_path)
    assert list(outputs.code("").iterdir()) == []


def test_an_environment_is_stored_once_by_its_content(outputs):
    name = store_environment(outputs, {"python": "3.11", "packages": {"a": "1"}})
    assert store_environment(outputs, {"packages": {"a": "1"}, "python": "3.11"}) == name
    assert store_environment(outputs, {"python": "3.12"}) != name
    assert json.loads(outputs.environment(name).read_text()) == {"python": "3.11", "packages": {"a": "1"}}

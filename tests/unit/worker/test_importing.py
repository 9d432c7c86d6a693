from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlpipeline.errors import OutputsError
from mlpipeline.worker.importing import StoredCode, hides


def test_stored_code_is_found_by_its_original_path(tmp_path: Path) -> None:
    original = tmp_path / "models" / "net.py"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "net.py").write_text("X = 'é'\n")
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {str(original): "files/net.py"}}))

    stored = StoredCode.read(tmp_path)

    assert stored.content(str(original)) == "X = 'é'\n".encode()
    assert stored.content(str(tmp_path / "models" / ".." / "models" / "net.py")) == "X = 'é'\n".encode()
    assert stored.content(str(tmp_path / "models" / "other.py")) is None
    assert StoredCode.EMPTY.content(str(original)) is None


@pytest.mark.parametrize("manifest", [None, "{", "[]", '{"files": {"/a.py": "missing.py"}}', '{"files": ["/a.py"]}'])
def test_a_store_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)

    with pytest.raises(OutputsError, match=str(tmp_path)):
        StoredCode.read(tmp_path)


@pytest.mark.parametrize(
    ("stem", "says"),
    [
        ("random", "standard library"),
        ("sys", "standard library"),
        ("click", "click"),
        ("pytest", "pytest"),
        ("mlpipeline", "mlpipeline"),
    ],
)
def test_a_script_that_hides_an_installed_module_is_told_so(stem: str, says: str) -> None:
    assert says in str(hides(stem))


@pytest.mark.parametrize("stem", ["digits", "net.v2", "my-net", "two words", "test_importing"])
def test_other_names_hide_nothing(stem: str) -> None:
    assert hides(stem) is None

"""Scripts as people name them at the prompt."""

from __future__ import annotations

import pytest

from mlpipeline.cli.scripts import named_script


@pytest.mark.parametrize(
    "name",
    ["net:small", "net.py:small", "models/net.py:small", "../models/net.py:small", "{root}/models/net.py:small"],
)
def test_a_script_is_named_from_models_dir_from_here_or_from_the_root(name, tmp_path, monkeypatch):
    for folder in ("models", "notes"):
        (tmp_path / folder).mkdir()
    (tmp_path / "models" / "net.py").touch()
    monkeypatch.chdir(tmp_path / "notes" if name.startswith("..") else tmp_path)
    assert named_script(name.format(root=tmp_path), tmp_path / "models", ()) == ("net.py", "small")


def test_a_script_outside_models_dir_keeps_its_name(tmp_path):
    assert named_script("/nowhere/net.py", tmp_path, ()) == ("/nowhere/net.py", None)

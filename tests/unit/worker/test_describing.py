"""What a script offers."""

from __future__ import annotations

import sys

import pytest

from mlpipeline.errors import VersionsError
from mlpipeline.worker.describing import describe

SCRIPT = """
from mlpipeline import Pipeline, Versions

asked = []


def train(epochs=3):
    return epochs


class Counted(Pipeline):
    def stages(self):
        asked.append("once")
        return [train]


versions = Versions()
for number in range(4):
    versions.add_version(f"v{number}", **{"PARAMETER": number})
MODEL = Counted(versions=versions)
"""


@pytest.fixture
def described(tmp_path, monkeypatch):
    """Describe a script; returns its module too."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", sys.modules.copy())

    def described(source):
        script = tmp_path / "described_net.py"
        script.write_text(source)
        found = describe(script, tmp_path, tmp_path, {script: script.read_bytes()})
        return found, sys.modules["described_net"]

    return described


def test_the_stages_of_a_pipeline_are_wired_once_for_all_versions(described):
    found, module = described(SCRIPT.replace("PARAMETER", "epochs"))
    assert module.asked == ["once"]
    assert [version.parameters for version in found.versions] == [{"epochs": number} for number in range(4)]
    assert module.MODEL.wired({"epochs": 9}).parameters == {"train": {"epochs": 9}}
    assert module.asked == ["once"] * 2


def test_a_parameter_that_no_stage_takes_is_told_with_its_version(described):
    with pytest.raises(VersionsError, match='version "v0": no stage takes the parameter "epoch"'):
        described(SCRIPT.replace("PARAMETER", "epoch"))

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import mlpipeline
import mlpipeline.helper
import mlpipeline.utils


@pytest.mark.parametrize("name", ["DataLoader", "Model"])
def test_helper_opens_to_what_v1_scripts_import(name):
    assert name in mlpipeline.helper.__all__
    assert name == getattr(mlpipeline.helper, name).__name__


@pytest.mark.parametrize(
    "name",
    [
        "Versions",
        "version_parameters",
        "ExecutionModeKeys",
        "ModeKeys",
        "MetricContainer",
        "Metric",
        "console_colors",
        "log",
        "set_logger",
        "add_script_dir_to_PATH",
    ],
)
def test_utils_opens_to_what_v1_scripts_import(name):
    assert name in mlpipeline.utils.__all__
    assert name == getattr(mlpipeline.utils, name).__name__


def test_the_package_opens_to_everything_it_lists():
    assert {
        "FunctionModel",
        "CommandModel",
        "Versions",
        "Model",
        "DataLoader",
        "MetricContainer",
        "version_parameters",
        "Pipeline",
        "Stage",
        "stage",
        "Input",
        "Primary",
        "Artifact",
        "artifact",
    } == set(mlpipeline.__all__)
    for name in mlpipeline.__all__:
        assert name == getattr(mlpipeline, name).__name__
        assert name in dir(mlpipeline)


def test_what_type_checkers_see_is_what_is_found():
    tree = ast.parse(Path(mlpipeline.__file__).read_text("utf-8"))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mlpipeline.")
        for alias in node.names
    }
    assert set(mlpipeline.__all__) == set(seen)
    for name, module in seen.items():
        assert getattr(mlpipeline, name) is getattr(sys.modules[module], name)


def test_an_unknown_name_is_no_attribute_of_the_package():
    with pytest.raises(AttributeError, match="'mlpipeline' has no attribute 'Modell'"):
        mlpipeline.Modell  # noqa: B018

"""What a verb imports: no more than it needs, since all of it is waited for, each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HEAVY = {"filelock", "numpy", "psutil", "rich", "tensorboardX", "tomlkit", "torch", "watchdog"}


def imported(*arguments: str, folder: Path) -> set[str]:
    """Return what the command imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mlpipeline", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPROFILEIMPORTTIME"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.M))


def ours(modules: set[str]) -> set[str]:
    return {module for module in modules if module.partition(".")[0] == "mlpipeline"}


def test_help_imports_the_command_line_alone(tmp_path):
    modules = imported("--help", folder=tmp_path)
    assert "click" in modules
    assert modules & {*HEAVY, "dataclasses", "pathlib", "sqlite3"} == set()
    assert {name for name in ours(modules) if not name.startswith(("mlpipeline.cli", "mlpipeline.errors"))} <= {
        "mlpipeline",
        "mlpipeline.__main__",
    }


def test_looking_something_up_imports_nothing_that_runs_anything(make_project, tmp_path):
    project = make_project(tmp_path, {})
    for verb in ("runs", "status"):
        modules = imported(verb, folder=project.root)
        assert "sqlite3" in modules
        assert modules & HEAVY == set()
        assert [name for name in ours(modules) if name.startswith(("mlpipeline.daemon.", "mlpipeline.worker"))] == []


def test_importing_the_package_imports_none_of_it():
    code = "import sys, mlpipeline; sys.exit(any(name.startswith('mlpipeline.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_plain_values_are_read_without_numpy():
    code = "import sys, mlpipeline.domain.values; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

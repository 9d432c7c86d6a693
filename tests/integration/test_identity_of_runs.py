"""Which edits make a version run again, by the command: each edit is followed by one `mlpipeline -r -u`."""

from __future__ import annotations

import pytest
from record import edit

SCRIPT = """
from mlpipeline import FunctionModel, Versions
from layers import width


def train(lr, *, model_dir):
    from extras import late  # imported only when it is called
    return {"y": lr * width() + late()}


versions = Versions()
versions.add_version("small", lr=1)
versions.add_version("large", lr=10)
MODEL = FunctionModel(train, versions)
"""
SCRIPTS = {
    "net.py": SCRIPT,
    "layers/__init__.py": "from layers.core import width\n",
    "layers/core.py": "def width():\n    return 2\n",
    "other.py": "MODEL = None\n",
}


@pytest.fixture
def project(make_project, tmp_path):
    project = make_project(tmp_path, SCRIPTS, queue=["net.py"])
    (project.root / "extras.py").write_text("def late():\n    return 0\n")
    assert project.run("-r").returncode == 0
    return project


def run_again(project):
    """The versions that `-r -u` runs, in order."""
    before = len(project.history())
    done = project.run("-r", "-u")
    assert done.returncode == 0, done.stdout
    return [event["version"] for event in project.history()[before:] if event["event"] == "selected"]


def test_what_changes_nothing_for_a_version_does_not_run_it_again(project):
    edit(
        project,
        "net.py",
        'versions.add_version("large"',
        'versions.add_version("huge", lr=100)\nversions.add_version("large"',
    )
    assert run_again(project) == ["huge"]
    edit(project, "net.py", "\ndef train", "\n# how it is trained\ndef train")
    edit(project, "net.py", "    from extras", '    """Train it."""\n\n    from extras')
    edit(project, "layers/core.py", "return 2", "return (2)  # wide enough")
    assert run_again(project) == []
    edit(project, "net.py", 'versions.add_version("small", lr=1)\n', "")
    edit(project, "net.py", "MODEL =", 'versions.add_version("small", lr=1)\nMODEL =')
    assert run_again(project) == []
    edit(project, "net.py", "lr=100", "lr=200")
    assert run_again(project) == ["huge"]
    edit(project, "net.py", 'versions.add_version("huge", lr=200)\n', "")
    project.write_script("other.py", "MODEL = 1\n")  # not imported by the script
    assert run_again(project) == []


def test_an_edit_of_what_a_version_is_or_uses_runs_it_again(project):
    edit(project, "net.py", '"small", lr=1', '"small", lr=2')
    assert run_again(project) == ["small"]
    edit(project, "net.py", "lr * width()", "lr + width()")
    assert run_again(project) == ["small", "large"]
    edit(project, "layers/core.py", "return 2", "return 3")
    assert run_again(project) == ["small", "large"]
    (project.root / "extras.py").write_text("def late():\n    return 1\n")
    assert run_again(project) == ["small", "large"]
    assert run_again(project) == []


def test_the_program_of_a_command_is_its_code(make_project, tmp_path):
    script = """
    from mlpipeline import CommandModel, Versions
    versions = Versions()
    versions.add_version("v", lr=1)
    MODEL = CommandModel("python programs/train.py {lr} data.bin", versions, code=["programs/shared.py"])
    """
    project = make_project(tmp_path, {"command.py": script})
    programs = project.root / "programs"
    programs.mkdir()
    for name in ("train.py", "shared.py", "unrelated.py"):
        (programs / name).write_text("# nothing yet\n")
    assert project.run("-r").returncode == 0

    (programs / "unrelated.py").write_text("print(1)\n")
    assert run_again(project) == []
    (programs / "train.py").write_text("print(1)\n")
    assert run_again(project) == ["v"]
    (programs / "shared.py").write_text("print(1)\n")
    assert run_again(project) == ["v"]
    edit(project, "command.py", "train.py {lr}", "train.py --lr {lr}")
    assert run_again(project) == ["v"]

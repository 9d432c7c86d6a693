from __future__ import annotations

import os

import pytest

from mlpipeline.history.environments import Environment, environment_of
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.stores import store_code, store_environment, stored_code
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import Outputs


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    outputs = Outputs(path=tmp_path / "outputs", host="box1")
    outputs.path.mkdir()
    return outputs


def found(outputs, *events):
    with outputs.history.open("ab") as file:
        file.write(b"".join(map(to_json, events)))
    ledger = Ledger.read(outputs, os.environ, warn=pytest.fail)
    return environment_of("l1", ledger, outputs)


def launch_with(name):
    return {"event": "environment", "launch": "l1", "environment": name}


def test_what_a_launch_found_is_told_as_far_as_it_was_stored_and_still_is(outputs):
    assert found(outputs) == Environment()
    assert found(outputs, {"event": "launch", "launch": "l1", "host": "box1", "command": "mlpipeline -r"}) == (
        Environment(command="mlpipeline -r")
    )
    git = {"commit": "c0ffee", "diff": "", "untracked": []}
    stored = {"python": "3.11.7 (main)", "platform": "Linux", "packages": {"torch": "2.4"}, "git": git}
    name = store_environment(outputs, stored)
    assert found(outputs, launch_with(name)) == Environment(
        command="mlpipeline -r",
        python="3.11.7 (main)",
        platform="Linux",
        packages={"torch": "2.4"},
        commit="c0ffee",
        is_dirty=False,
    )
    outputs.environment(name).unlink()
    assert found(outputs) == Environment(command="mlpipeline -r")


@pytest.mark.parametrize(
    ("git", "is_dirty"),
    [
        ({"commit": "c", "diff": "+x", "untracked": []}, True),
        ({"commit": "c", "diff": "", "untracked": ["new.py"]}, True),
        ({"commit": "c", "diff": None, "untracked": None}, None),
        (None, None),
    ],
)
def test_a_commit_is_dirty_where_files_were_otherwise_or_not_in_it(outputs, git, is_dirty):
    assert found(outputs, launch_with(store_environment(outputs, {"git": git}))).is_dirty is is_dirty


def test_stored_code_is_called_as_in_the_project(outputs, tmp_path):
    from hashlib import sha256

    project, lib = tmp_path / "project", tmp_path / "lib.py"
    (project / "models").mkdir(parents=True)
    net = project / "models" / "net.py"
    net.write_text("net\n")
    lib.write_text("lib\n")
    name = store_code(outputs, {str(path): sha256(path.read_bytes()).hexdigest() for path in (net, lib)}, project)
    assert stored_code(outputs, name) == {"models/net.py": "net\n", str(lib): "lib\n"}
    (outputs.code(name) / "project" / "models" / "net.py").unlink()
    assert stored_code(outputs, name) is None
    assert stored_code(outputs, "gone") is None

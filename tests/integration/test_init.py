"""`mlpipeline init`: what a newcomer sees first runs at once, and nothing of theirs is overwritten."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlpipeline.errors import SettingsError
from mlpipeline.project import new_project
from mlpipeline.project.settings import Settings, load_settings

FILES = [".gitignore", "mlp.toml", "models.toml", "models/curve.py", "models_test.toml"]
REPOSITORY = Path(__file__).parents[2]


def mlpipeline(folder, *arguments, **env):
    return subprocess.run(
        [sys.executable, "-P", "-m", "mlpipeline", *arguments],
        cwd=folder,
        env={**os.environ, "MLP_HOST": "testhost", "NO_COLOR": "1", "XDG_CACHE_HOME": str(folder / "cache"), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_new_project_is_tested_and_trained_at_once(tmp_path):
    done = mlpipeline(tmp_path, "init", "my project")
    project = tmp_path / "my project"
    assert (done.returncode, done.stderr) == (0, "")
    assert files_below(project) == FILES
    assert "  cd 'my project'\n  mlpipeline  " in done.stdout

    tested = mlpipeline(project)
    assert (tested.returncode, tested.stderr) == (0, "")
    assert tested.stdout.splitlines()[-1].startswith("6 versions passed in ")

    trained = mlpipeline(project, "-r")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert "mlpipeline ends: 6 succeeded" in trained.stdout
    rows = re.findall(r"^curve:(\S+) +succeeded .* test_error=(\S+) ", trained.stdout, re.MULTILINE)
    error = {version: float(value) for version, value in rows}
    assert error["cubic"] < error["line"] / 5, "a newcomer sees that versions can be compared"
    assert "-u" not in trained.stdout
    assert "6 versions: 6 done" in mlpipeline(project, "-r", "-u").stdout
    # All that was written is kept out of git.
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    status = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=project, check=True, capture_output=True, text=True
    )
    assert sorted(line[3:] for line in status.stdout.splitlines() if "cache" not in line) == FILES


def test_a_run_of_it_that_is_cut_short_goes_on(tmp_path):
    mlpipeline(tmp_path, "init")
    line = ["-r", "--only", "curve:line"]
    assert mlpipeline(tmp_path, *line).returncode == 0
    saved = tmp_path / "models/outputs/model_ckpts/curve-line/weights.json"
    first = saved.read_bytes()
    again = mlpipeline(tmp_path, *line)
    assert "1 called again" in again.stdout
    assert saved.read_bytes() == first, "no step was left, and what was saved was loaded"


@pytest.mark.parametrize("name", [name for name in FILES if name != ".gitignore"])
def test_nothing_is_overwritten(tmp_path, name):
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    done = mlpipeline(tmp_path, "init", "mine")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"mlpipeline: {tmp_path}/mine already has {name}, and nothing is overwritten. Choose another folder: "
        "mlpipeline init DIR\n"
    )
    assert files_below(tmp_path / "mine") == [name]
    assert path.read_text() == "mine"


def test_a_gitignore_that_is_there_is_left_and_told_of(tmp_path):
    (tmp_path / ".gitignore").write_text("mine")
    done = mlpipeline(tmp_path, "-C", str(tmp_path), "init")
    assert done.returncode == 0
    assert "Your .gitignore was left as it is:\nadd a line `outputs/`.\n" in done.stdout
    assert "  cd " not in done.stdout
    assert (tmp_path / ".gitignore").read_text() == "mine"
    assert files_below(tmp_path) == FILES


def test_a_project_of_v1_is_told_how_it_goes_on(tmp_path):
    (tmp_path / "mlp.config").write_text("[MLP]\nmodels_dir=nets\n")
    done = mlpipeline(tmp_path, "init")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'models_dir = "nets"' in done.stderr
    assert files_below(tmp_path) == ["mlp.config"]


def test_what_cannot_be_a_project_is_said(tmp_path):
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file is a file; expected a folder" in mlpipeline(tmp_path, "init", "file").stderr
    done = mlpipeline(tmp_path, "init", "file/below")
    assert done.returncode == 2
    assert "Not a directory" in done.stderr
    # A folder where a file is to be: what was written before is taken back.
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "models").write_text("a file")
    done = mlpipeline(tmp_path, "init", "half")
    assert done.returncode == 2
    assert files_below(tmp_path / "half") == ["models"]


def test_a_file_that_comes_at_the_last_moment_is_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr(new_project, "_names_for", lambda folder: ["mlp.toml", "models.toml"])
    (tmp_path / "models.toml").write_text("mine")
    with pytest.raises(SettingsError, match=r"models\.toml cannot be written: File exists"):
        new_project.write_new_project(tmp_path)
    assert files_below(tmp_path) == ["models.toml"]
    assert (tmp_path / "models.toml").read_text() == "mine"


def test_what_its_comments_show_is_right(tmp_path):
    mlpipeline(tmp_path, "init")
    settings = tmp_path / "mlp.toml"
    shown = re.sub(r"^# (?=\[|\w+ = )", "", settings.read_text(), flags=re.MULTILINE)
    assert shown.count("\n[") == 3
    settings.write_text(shown)
    found = load_settings(tmp_path)
    assert (found.conditions.timeout_s, found.conditions.silence_s) == (8 * 3600, 1800)
    assert found.hold_after == Settings.hold_after
    assert found.min_free_disk_bytes == Settings.min_free_disk_bytes
    assert found.notify_command


def test_an_installed_one_has_the_template_too(tmp_path):
    """A wheel holds it, as `pip install` from a package index would get it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path / "dist"), str(REPOSITORY)],
        check=True,
        timeout=300,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    done = mlpipeline(tmp_path, "init", "p", PYTHONPATH=str(tmp_path / "site"))
    assert (done.returncode, done.stderr) == (0, "")
    assert files_below(tmp_path / "p") == FILES
    where = [sys.executable, "-P", "-c", "import mlpipeline; print(mlpipeline.__file__)"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    found = subprocess.run(where, cwd=tmp_path, env=env, check=True, capture_output=True, text=True)
    assert Path(found.stdout.strip()).is_relative_to(tmp_path / "site")

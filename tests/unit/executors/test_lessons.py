from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.how import TO_LEARN
from mlpipeline.executors.lessons import Lesson, Lessons
from mlpipeline.executors.sites import site_stamps
from mlpipeline.project.paths import RunDir

LEARNED = {"modules": ["colorsys", "wave"], "seconds": 1.5, "unsafe": None}
LESSON = Lesson(modules=("colorsys", "wave"), seconds=1.5)


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    models_dir = tmp_path / "project" / "models"
    (models_dir / "deep").mkdir(parents=True)
    run_dir = RunDir(path=tmp_path / "run")
    attempt = Attempt(
        run_id="a1",
        number=1,
        run_dir=run_dir,
        project=models_dir.parent,
        models_dir=models_dir,
        script=str(models_dir / "deep" / "net.py"),
        code="c0de",
        environment={},
    )
    attempt.dir.path.mkdir(parents=True)
    return attempt


def learned(lessons: Lessons, attempt: Attempt, value: object = LEARNED) -> Lesson | str:
    attempt.dir.imports.write_text(json.dumps(value))
    lessons.learn(attempt)
    return lessons.of(attempt)


def test_the_first_of_a_script_is_to_be_learned_from(tmp_path, attempt):
    assert Lessons(None).of(attempt) == TO_LEARN
    assert Lessons(tmp_path / "cache").of(attempt) == TO_LEARN


def test_what_was_learned_holds_for_the_same_code_only(attempt):
    lessons = Lessons(None)
    assert learned(lessons, attempt) == LESSON
    object.__setattr__(attempt, "code", "other")
    assert lessons.of(attempt) == TO_LEARN


def test_a_run_that_wrote_nothing_down_teaches_nothing(attempt):
    lessons = Lessons(None)
    lessons.learn(attempt)
    assert lessons.of(attempt) == TO_LEARN


def test_why_it_is_not_safe_is_what_is_learned(attempt):
    assert learned(Lessons(None), attempt, {**LEARNED, "unsafe": "it is not"}) == "it is not"


def test_what_was_learned_is_there_in_the_next_launch(tmp_path, attempt):
    learned(Lessons(tmp_path / "cache"), attempt)
    assert Lessons(tmp_path / "cache").of(attempt) == LESSON


def test_it_is_learned_anew_by_another_interpreter_or_with_other_packages(tmp_path, attempt, monkeypatch):
    cache = tmp_path / "cache"
    learned(Lessons(cache), attempt)
    with monkeypatch.context() as changed:
        changed.setattr(sys, "executable", "/elsewhere/python")
        assert Lessons(cache).of(attempt) == TO_LEARN
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    assert Lessons(cache).of(attempt) == TO_LEARN


@pytest.mark.parametrize("kept", ["", "{", "[]", "5", '{"modules": 5}', '{"modules": [], "unsafe": null}', "\0"])
def test_a_damaged_one_is_learned_anew(tmp_path, attempt, kept):
    learned(Lessons(tmp_path / "cache"), attempt)
    (path,) = (tmp_path / "cache").iterdir()
    whole = json.loads(path.read_text())
    path.write_text(kept)
    assert Lessons(tmp_path / "cache").of(attempt) == TO_LEARN
    path.write_text(json.dumps({**whole, "modules": None}))
    assert Lessons(tmp_path / "cache").of(attempt) == TO_LEARN


def test_where_it_cannot_be_kept_it_holds_for_this_launch(tmp_path, attempt):
    (tmp_path / "cache").touch()
    assert learned(Lessons(tmp_path / "cache"), attempt) == LESSON


def test_a_script_that_could_not_be_forked_is_not_tried_again(attempt):
    lessons = Lessons(None)
    learned(lessons, attempt)
    lessons.forget(attempt, "it hung")
    assert lessons.of(attempt) == "it hung"


def test_a_script_that_imports_what_does_not_survive_a_fork_is_not_forked(tmp_path, attempt):
    cache = tmp_path / "cache"
    assert learned(Lessons(cache, ["wave"]), attempt) == "wave is in never_warm"
    # The settings of another launch may say otherwise.
    assert Lessons(cache).of(attempt) == LESSON
    assert Lessons(cache, ["wave"]).of(attempt) == "wave is in never_warm"
    jax = {**LEARNED, "modules": ["wave", "jax.numpy"]}
    assert learned(Lessons(None), attempt, jax) == "jax does not survive a fork"


def test_a_refusal_holds_for_later_launches_from_the_same_environment_and_with_the_same_packages(
    tmp_path, attempt, monkeypatch
):
    cache = tmp_path / "cache"
    lessons = Lessons(cache)
    learned(lessons, attempt)
    lessons.refuse(attempt, "it starts threads")
    assert lessons.of(attempt) == Lessons(cache).of(attempt) == "it starts threads"
    with monkeypatch.context() as changed:
        changed.setenv("OMP_NUM_THREADS", "1")
        assert Lessons(cache).of(attempt) == TO_LEARN
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    assert Lessons(cache).of(attempt) == TO_LEARN


def test_only_the_newest_lessons_are_kept(tmp_path, attempt):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "index.sqlite").touch()
    os.utime(cache / "index.sqlite", (0, 0))
    for number in range(150):
        path = cache / f"imports-{number}.json"
        path.touch()
        os.utime(path, (number, number))
    learned(Lessons(cache), attempt)
    newest = {f"imports-{number}.json" for number in range(51, 150)}
    assert {path.name for path in cache.iterdir()} == {"index.sqlite", "imports-c0de.json", *newest}


@pytest.mark.parametrize(
    "name",
    ["colorsys.py", "colorsys/__init__.py", "../wave.py", "deep/wave.py", "colorsys.abi3.so", "deep/colorsys.pyc"],
)
def test_a_project_that_owns_the_name_of_a_preloaded_module_is_not_forked(attempt, name):
    path = attempt.models_dir / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    owned = "wave" if "wave" in name else "colorsys"
    assert learned(Lessons(None), attempt) == f"the project has a module named like {owned}"


@pytest.mark.parametrize("name", ["colorsys/data.csv", "colorsys.md", "wave.tar.gz", "colorsysx.py", "other/wave.py"])
def test_what_is_no_module_that_would_be_found_does_not_matter(attempt, name):
    path = attempt.models_dir / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert learned(Lessons(None), attempt) == LESSON


def test_installing_a_package_or_changing_a_path_file_changes_the_stamps(tmp_path, monkeypatch):
    site = tmp_path / "dist-packages"
    site.mkdir()
    (site / "a.pth").touch()
    for path in (site / "a.pth", site):
        os.utime(path, ns=(0, 0))  # a file system's clock may stand still during a whole test
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(tmp_path / "gone" / "site-packages"))
    before = site_stamps()
    (site / "a.pth").write_text("/elsewhere")
    changed = site_stamps()
    assert changed != before
    (site / "package").mkdir()
    assert site_stamps() != changed

"""What the runs of a script import, as its first run told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.how import TO_LEARN
from mlpipeline.executors.sites import site_stamps
from mlpipeline.project.files import read_json, to_json, write_whole


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a script's runs import."""

    modules: tuple[str, ...]
    #: How long that took.
    seconds: float


class Lessons:
    """Lessons by the code that they were learned from, kept for later launches."""

    def __init__(self, folder: Path | None) -> None:
        """Keep lessons in `folder`, or for this launch only."""
        self._folder = folder
        self._known: dict[str | None, Lesson | str] = {}

    def of(self, attempt: Attempt) -> Lesson | str:
        """Return what the runs of the attempt's script import, or why it is not forked."""
        if attempt.code not in self._known:
            value = read_json(self._path(attempt.code)) if self._folder else None
            if isinstance(value, dict) and value.get("learned_by") == _learner():
                self._take(attempt.code, value)
        lesson = self._known.get(attempt.code, TO_LEARN)
        if isinstance(lesson, Lesson):
            owned = _owned_by_project(attempt, lesson.modules)
            return f"the project has a module named like {owned}" if owned else lesson
        return lesson

    def learn(self, attempt: Attempt) -> None:
        """Take in what a run wrote down, if it came that far."""
        value = read_json(attempt.dir.imports)
        if self._take(attempt.code, value) and self._folder is not None:
            # Without it, the next launch learns once more.
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                kept = to_json({**value, "learned_by": _learner()})
                write_whole(self._path(attempt.code), kept, to_disk=False)

    def forget(self, attempt: Attempt, why: str) -> None:
        """Fork the attempt's script no more in this launch."""
        self._known[attempt.code] = why

    def _take(self, code: str | None, value: Any) -> bool:
        match value:
            case {"modules": [*modules], "unsafe": None, "seconds": int() | float() as seconds}:
                self._known[code] = Lesson(modules=tuple(map(str, modules)), seconds=seconds)
            case {"unsafe": str(why)}:
                self._known[code] = why
            case _:
                return False
        return True

    def _path(self, code: str | None) -> Path:
        assert self._folder is not None, "asked for only where there is one"
        return self._folder / f"imports-{code}.json"


def _learner() -> Any:
    # As it looks when it was read from JSON.
    return json.loads(json.dumps([sys.executable, sys.version, site_stamps()]))


def _owned_by_project(attempt: Attempt, modules: Iterable[str]) -> str | None:
    """Return a module that a worker of its own would find in the project, instead of the one that is preloaded."""
    preloaded = {name.partition(".")[0] for name in modules}
    for folder in dict.fromkeys((str(attempt.models_dir), str(attempt.project), os.path.dirname(attempt.script))):
        with suppress(OSError):
            for name in sorted(os.listdir(folder)):
                if name.partition(".")[0] in preloaded and _is_module(folder, name):
                    return name.partition(".")[0]
    return None


def _is_module(folder: str, name: str) -> bool:
    # A folder without __init__.py gives way to any other module of its name, wherever that lies.
    _, dot, suffix = name.partition(".")
    return f"{dot}{suffix}" in all_suffixes() if dot else os.path.exists(os.path.join(folder, name, "__init__.py"))

"""What the runs of a script import, as its first run told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

from mlpipeline.executors.executor import Attempt
from mlpipeline.executors.how import TO_LEARN
from mlpipeline.executors.never_forked import why_never_forked
from mlpipeline.executors.sites import inherited_environment, site_stamps
from mlpipeline.project.files import read_json, to_json, write_whole

#: How many lessons are kept for later launches: every edit of a script makes another.
_MOST_KEPT = 100
_PREFIX = "imports-"


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a script's runs import."""

    modules: tuple[str, ...]
    #: How long that took.
    seconds: float


class Lessons:
    """Lessons by the code that they were learned from, kept for later launches."""

    def __init__(self, folder: Path | None, never: Iterable[str] = ()) -> None:
        """Keep lessons in `folder`, or for this launch only; `never` are packages that do not survive a fork."""
        self._folder = folder
        self._never = tuple(never)
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
        if self._take(attempt.code, value):
            self._keep(attempt.code, value)

    def forget(self, attempt: Attempt, why: str) -> None:
        """Fork the attempt's script no more in this launch."""
        self._known[attempt.code] = why

    def refuse(self, attempt: Attempt, why: str) -> None:
        """Fork the attempt's script no more, nor in later launches from the same environment.

        That decides, as the code does, what the imports do: how many threads they start, for example.
        """
        self.forget(attempt, why)
        self._keep(attempt.code, {"unsafe": why, "environment": _environment_digest()})

    def _keep(self, code: str | None, value: Mapping[str, Any]) -> None:
        if self._folder is None:
            return
        # Without it, the next launch learns once more.
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(code), to_json({**value, "learned_by": _learner()}), to_disk=False)
            _clear_away(self._folder)

    def _take(self, code: str | None, value: Any) -> bool:
        match value:
            case {"modules": [*modules], "unsafe": None, "seconds": int() | float() as seconds}:
                names = tuple(map(str, modules))
                why_not = why_never_forked(names, self._never)
                self._known[code] = why_not or Lesson(modules=names, seconds=seconds)
            case {"environment": environment} if environment != _environment_digest():
                return False
            case {"unsafe": str(why)}:
                self._known[code] = why
            case _:
                return False
        return True

    def _path(self, code: str | None) -> Path:
        assert self._folder is not None, "asked for only where there is one"
        return self._folder / f"{_PREFIX}{code}.json"


def _learner() -> Any:
    # As it looks when it was read from JSON.
    return json.loads(json.dumps([sys.executable, sys.version, site_stamps()]))


def _environment_digest() -> str:
    # Not as it stands: there may be secrets in it.
    return sha256(json.dumps(inherited_environment()).encode()).hexdigest()


def _clear_away(folder: Path) -> None:
    """Remove the lessons that were kept longest ago."""
    paths = [folder / name for name in os.listdir(folder) if name.startswith(_PREFIX)]
    if len(paths) > _MOST_KEPT:
        for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)[:-_MOST_KEPT]:
            path.unlink()


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

"""Learning from a run what the next ones of its script will import, and whether that may be done before them."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from mlpipeline.project.project_code import is_project_code
from mlpipeline.worker.importing import StoredImporter
from mlpipeline.worker.inputs import Inputs

_FILE_LOADERS = (SourceFileLoader, ExtensionFileLoader)
#: Where Python is while it looks for a module.
_MACHINERY = {"importlib", "importlib._bootstrap", "importlib._bootstrap_external", StoredImporter.__module__, __name__}


class ImportWatch:
    """What a run imported that is not project code, and what speaks against doing that before the script begins.

    Only the script's imports of installed packages count: what the standard library does when it is imported does not
    depend on what a script may have changed before, and what mlpipeline imports for itself is not the script's doing.
    """

    def __init__(self) -> None:
        #: What the script can have changed, as it was when anything else changed it last; from `install` on.
        self._seen: _Surroundings
        #: How many imports, each within the other, have begun and not ended.
        self._depth = 0
        self._began = 0.0
        self._drawn: tuple[object, ...] = ()
        self._project: set[str] = set()
        self._seconds = 0.0
        self._unsafe: str | None = None

    def install(self) -> None:
        """Watch from now on; nothing of the script has run yet."""
        self._seen = _Surroundings()
        sys.meta_path.insert(0, _WatchingFinder(self))

    @property
    def is_at_top(self) -> bool:
        """Whether what is imported now is imported by the script, and not by something else that it imports."""
        return self._depth == 0 and threading.current_thread() is threading.main_thread()

    def to_json(self) -> dict[str, Any]:
        """Return the modules in the order of their import, how long that took, and why it must not be done before."""
        modules = [name for name, module in list(sys.modules.items()) if _is_preloadable(name, module)]
        return {"modules": modules, "seconds": round(self._seconds, 3), "unsafe": self._unsafe}

    def _begin(self, name: str) -> None:
        self._began = time.monotonic()
        self._drawn = _random_states()
        self._project = _loaded_project_files()
        changed = self._seen.difference(_Surroundings())
        if changed is not None:
            self._refuse(f"the script changes {changed} before it imports {name}")

    def _end(self, name: str) -> None:
        self._seconds += time.monotonic() - self._began
        self._seen = _Surroundings()
        if any(was != now for was, now in zip(self._drawn, _random_states(), strict=False)):
            self._refuse(f"importing {name} draws random numbers")
        for file in sorted(_loaded_project_files() - self._project):
            self._refuse(f"importing {name} imports project code, {file}")

    @contextmanager
    def within(self, name: str, *, is_counted: bool) -> Iterator[None]:
        """An import is executed in this block; what it imports itself is not the script's doing."""
        if is_counted:
            self._begin(name)
        is_unchanged = self._seen.difference(_Surroundings()) is None
        self._depth += 1
        inputs = Inputs()
        try:
            with inputs:
                yield
        finally:
            self._depth -= 1
            if is_counted:
                self._end(name)
                for package, what in inputs.found:
                    through = "" if package == name.partition(".")[0] else f"imports {package}, which "
                    self._refuse(f"importing {name} {through}{what}")
            elif is_unchanged:
                # What our own imports change, the script did not change before its next one.
                self._seen = _Surroundings()

    def _refuse(self, why: str) -> None:
        self._unsafe = self._unsafe or why


class _WatchingFinder:
    """Sees the imports of installed packages begin and end; finds nothing itself."""

    def __init__(self, watch: ImportWatch) -> None:
        self._watch = watch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._watch.is_at_top:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(fullname, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                if isinstance(spec.loader, _FILE_LOADERS) and not is_project_code(spec.origin or ""):
                    is_counted = _is_package(spec.origin or "") and not _is_asked_by_us()
                    _surround(spec.loader, fullname, self._watch, is_counted)
                return spec
        return None


def _surround(loader: Any, name: str, watch: ImportWatch, is_counted: bool) -> None:
    execute = loader.exec_module

    def execute_watched(module: ModuleType) -> None:
        with watch.within(name, is_counted=is_counted):
            execute(module)

    loader.exec_module = execute_watched


class _Surroundings:
    """What the script must not have changed before an import for the import to do the same without the script."""

    def __init__(self) -> None:
        self._values = {
            "the environment": dict(os.environ),
            "sys.path": list(sys.path),
            "the warning filters": list(warnings.filters),
        }

    def difference(self, now: _Surroundings) -> str | None:
        return next((name for name, value in self._values.items() if now._values[name] != value), None)


def _random_states() -> tuple[object, ...]:
    # It may be about to be imported.
    get_state = getattr(sys.modules.get("numpy.random"), "__dict__", {}).get("get_state")
    if get_state is None:
        return (random.getstate(),)
    name, keys, *rest = get_state()
    return random.getstate(), (name, keys.tobytes(), *rest)


def _loaded_project_files() -> set[str]:
    return {file for finder in sys.meta_path if isinstance(finder, StoredImporter) for file in finder.loaded}


def _is_package(origin: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(origin).parts)


def _is_asked_by_us() -> bool:
    """Return whether mlpipeline, and not the script, asks for what is imported now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _MACHINERY:
        frame = frame.f_back
    return frame is not None and _is_ours(str(frame.f_globals.get("__name__")))


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == "mlpipeline"


def _is_preloadable(name: str, module: object) -> bool:
    # Not getattr: a lazy module would import what it stands for.
    spec = getattr(module, "__dict__", {}).get("__spec__")
    if name == "__main__" or not isinstance(spec, ModuleSpec) or spec.name != name:
        return False
    if spec.origin in ("built-in", "frozen") or _is_ours(name):
        return True
    return spec.origin is not None and not is_project_code(spec.origin)

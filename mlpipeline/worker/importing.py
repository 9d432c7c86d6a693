"""Importing a script and its project code as they were when the run started."""

from __future__ import annotations

import io
import json
import linecache
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import ClassVar

from mlpipeline.errors import OutputsError
from mlpipeline.project.project_code import is_project_code
from mlpipeline.worker.own_imports import import_before


class StoredCode:
    """Source files as they were, by the absolute paths at which they then were."""

    #: Nothing is stored: all code is live.
    EMPTY: ClassVar[StoredCode]

    def __init__(self, files: Mapping[Path, bytes]) -> None:
        self._contents = {os.path.normpath(path): content for path, content in files.items()}

    @classmethod
    def read(cls, folder: Path) -> StoredCode:
        """The code in a folder whose `manifest.json` is `{"files": {absolute path: path in the folder}}`.

        All of it is read at once, so what happens to the folder later does not matter.

        Raises:
            OutputsError: the manifest or a file that it names cannot be read.
        """
        try:
            files = json.loads((folder / "manifest.json").read_bytes())["files"]
            return cls({Path(path): (folder / stored).read_bytes() for path, stored in files.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise OutputsError(
                f"{folder}: the code stored for this run cannot be read ({type(error).__name__}: {error}). "
                "Remove that folder and start the run again: its code is then stored anew"
            ) from error

    def content(self, path: str) -> bytes | None:
        """What the file at `path` held, or None if it is not stored."""
        return self._contents.get(os.path.normpath(path))


StoredCode.EMPTY = StoredCode({})


class StoredLoader(SourceFileLoader):
    """Loads one module of project code from its stored source, or from the live file if it is not stored.

    It neither reads nor writes bytecode: that may belong to another source than the one stored, and would lie
    about in the user's project.
    """

    def __init__(self, fullname: str, path: str, importer: StoredImporter) -> None:
        super().__init__(fullname, path)
        self._importer = importer

    def get_data(self, path: str) -> bytes:
        """The content of the file at `path`, which may be a data file beside the module."""
        stored = self._importer.store.content(path)
        return super().get_data(path) if stored is None else stored

    def get_code(self, fullname: str) -> CodeType:
        """The module's code, compiled from its source."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        self._importer.loaded[path] = source
        _show_in_tracebacks(path, source)
        code: CodeType = self.source_to_code(source, path)
        return code

    def get_source(self, fullname: str) -> str:
        """The source that was loaded, whatever the live file holds by now."""
        path = self.get_filename(fullname)
        loaded = self._importer.loaded.get(path)
        return decode_source(self.get_data(path) if loaded is None else loaded)


class StoredImporter:
    """Finds modules as Python does, but project code as it was when the run started."""

    def __init__(self, store: StoredCode) -> None:
        self.store = store
        #: The project code that was loaded: file -> the source it was compiled from.
        self.loaded: dict[str, bytes] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """How to load the module called `fullname`, or None if there is none."""
        found = self._live(fullname, path, target)
        if found is not None and found.origin in {"built-in", "frozen"}:
            return found
        if self.store is not StoredCode.EMPTY:
            stored = self._stored(fullname, sys.path if path is None else path, found)
            if stored is not None:
                return stored
        # Only plain source files: a loader of another kind, such as one that rewrites assertions, has its reasons.
        if found is not None and type(found.loader) is SourceFileLoader and is_project_code(found.loader.path):
            found.loader = StoredLoader(fullname, found.loader.path, self)
        return found

    def _live(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            spec = finder.find_spec(fullname, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                return spec
        return None

    def _stored(self, fullname: str, path: Sequence[str], found: ModuleSpec | None) -> ModuleSpec | None:
        """How to load a stored module that came first on `path` when the run started.

        Its file may have been deleted since, so that nothing is found now, or something further down the path.
        """
        origin = (found.origin if found else None) or ""
        for base in _places(fullname, path):
            for file, package in ((os.path.join(base, "__init__.py"), [base]), (f"{base}.py", None)):
                if self.store.content(file) is not None:
                    loader = StoredLoader(fullname, file, self)
                    return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=package)
            if origin.startswith((f"{base}.", f"{base}{os.sep}")):
                return None
        return None


def install(store: StoredCode) -> StoredImporter:
    """Have this process import project code from `store` from now on; return what does so.

    The same store again returns the same importer, another store takes the place of the one before.
    """
    installed = [finder for finder in sys.meta_path if isinstance(finder, StoredImporter)]
    if installed and installed[0].store is store:
        return installed[0]
    importer = StoredImporter(store)
    sys.meta_path[:] = [importer, *(finder for finder in sys.meta_path if finder not in installed)]
    return importer


def prepare_path(models_dir: Path, project: Path, script: Path) -> None:
    """Let `sys.path` begin with models_dir, the project and the script's folder; the rest stays behind them."""
    folders = list(dict.fromkeys((models_dir, project, script.parent)))
    import_before(folders)
    first = [str(folder) for folder in folders]
    sys.path[:] = [*first, *(entry for entry in sys.path if entry not in first)]


def import_script(path: Path, models_dir: Path, store: StoredCode) -> ModuleType:
    """Import a model script; `sys.path` is as `prepare_path` leaves it.

    The module is registered under the script's stem, so that pickling, dataclasses and spawned children find it.
    Where that would take the name of another module, it is `<folder>.<stem>` for a script in a sub-folder of
    models_dir whose name belongs to other project code, else `<stem>_script`.

    Args:
        path: the script, absolute.
        models_dir: below which it lies.
        store: the code to import, the script's and that of what it imports now and later.

    Raises:
        OSError: the script is not stored and cannot be read.
        BaseException: whatever the script raises.
    """
    importer = install(store)
    name = _module_name(path, models_dir)
    loader = StoredLoader(name, str(path), importer)
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec is not None, "there always is one when a loader is given"
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def hides(stem: str) -> str | None:
    """The module outside project code that a script called `<stem>.py` hides, in words, or None.

    Nothing is imported to find out.
    """
    if stem in sys.stdlib_module_names or stem in sys.builtin_module_names:
        return f"the standard library's module {stem}"
    if "." in stem:
        return None
    imported = sys.modules.get(stem)
    if imported is not None:
        file = getattr(imported, "__file__", None)
        if file is None or not is_project_code(file):
            return f"the module {stem}, which is imported already"
    spec = PathFinder.find_spec(stem, _installed_path())
    if spec is None:
        return None
    where = spec.origin or next(iter(spec.submodule_search_locations or ()), "")
    return f"the installed module {stem} ({where})"


def ask_beforehand(folders: Iterable[str] = ()) -> None:
    """Find out what the import of every script asks; the answers are remembered.

    Args:
        folders: those that will lead `sys.path`, where they are known.
    """
    hides("no_module_is_called_like_this")
    for folder in folders:
        is_project_code(folder)


def _installed_path() -> list[str]:
    return [entry for entry in sys.path if not is_project_code(os.path.abspath(entry))]


def _module_name(path: Path, models_dir: Path) -> str:
    stem = path.stem
    if hides(stem):
        return f"{stem}_script"
    importable = None if "." in stem else PathFinder.find_spec(stem, sys.path)
    origin = None if importable is None else importable.origin
    if origin is None or origin == str(path) or Path(origin).resolve() == path.resolve():
        return stem
    if path.parent != models_dir and path.is_relative_to(models_dir):
        return ".".join(path.relative_to(models_dir).with_suffix("").parts)
    return f"{stem}_script"


def _places(fullname: str, path: Sequence[str]) -> Iterator[str]:
    """Where the module may be, without the ending of a file's name, in the order of `path`."""
    last = fullname.rpartition(".")[2]
    for entry in path:
        if isinstance(entry, str):
            yield str(Path(entry, last).absolute())


def _show_in_tracebacks(path: str, source: bytes) -> None:
    # A file that was loaded by a loader (its time is None) is shown as loaded; linecache would else read the live file.
    try:
        lines = io.StringIO(decode_source(source)).readlines()
    except (SyntaxError, UnicodeDecodeError):
        return  # Compiling says so.
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    linecache.cache[path] = (len(source), None, lines, path)

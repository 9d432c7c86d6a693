"""The modules of a project that a pipeline needs, and what they are called in an archive."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

from mlpipeline.domain.syntax import syntax_tree
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.archived_code import ArchivedLoader, Reference, Source
from mlpipeline.project.project_code import loaded_modules, reachable

_SCRIPT = "__main__"


class ProjectModules:
    """The project modules that objects of a pipeline are from, gathered while these are referred to."""

    def __init__(self) -> None:
        self._loaded = loaded_modules()
        #: The name of a module in this process -> what it is called in the archive.
        self.needed: dict[str, str] = {}

    def reference(self, target: Any) -> Reference | None:
        """Where an object is found that is a class, a function or a module; None where it is not found by name."""
        if isinstance(target, ModuleType):
            module, name = target.__name__, ""
        elif isinstance(target, type | FunctionType):
            module, name = target.__module__, target.__qualname__
        else:
            return None
        if not name or _found(module, name) is target:
            archived = self._name_in_archive(module)
            if archived is not None:
                self.needed[module] = archived
            return Reference(module=archived or module, name=name, is_archived=archived is not None)
        return None

    def sources(self) -> dict[str, Source]:
        """The sources of all modules that were referred to, and of those that they import, by name in the archive.

        Raises:
            PipelineError: two different modules would bear one name.
        """
        sources: dict[str, Source] = {}
        for name, source in self._all():
            if sources.setdefault(name, source).text != source.text:
                raise PipelineError(f'two different modules are called "{name}". Rename one.')
        return sources

    def _all(self) -> Iterator[tuple[str, Source]]:
        live: dict[Path, str] = {}
        for module, archived in self.needed.items():
            loader = _archived_loader(module)
            if loader is not None:
                yield from loader.code.sources.items()
            else:
                live[self._loaded[module]] = archived
        for file in _with_imports(live, self._loaded):
            yield from self._named_sources(file, live)

    def _named_sources(self, file: Path, live: Mapping[Path, str]) -> Iterator[tuple[str, Source]]:
        loaded = [module for module, path in self._loaded.items() if path == file and not _is_script(module)]
        names = dict.fromkeys([*([live[file]] if file in live else []), *loaded])
        for name in names or [self._name_by_place(file)]:
            yield name, Source(text=_source(loaded[0] if loaded else name, file), is_package=file.stem == "__init__")

    def _name_in_archive(self, module: str) -> str | None:
        loader = _archived_loader(module)
        if loader is not None:
            return loader.name
        if module not in self._loaded:
            return None
        if not _is_script(module):
            return module
        spec = getattr(sys.modules[module], "__spec__", None)
        file = self._loaded[module]
        name = file.stem.replace(".", "_") if spec is None else spec.name
        return name if self._loaded.get(name, file) == file else _SCRIPT

    def _name_by_place(self, file: Path) -> str:
        """Return what a module is called that nobody has imported yet, by the folder that it would be found in."""
        packages = {Path(folder).absolute(): "" for folder in sys.path}
        for name, path in self._loaded.items():
            if not _is_script(name):
                package = name if path.stem == "__init__" else name.rpartition(".")[0]
                packages.setdefault(path.parent, package)
        module = file.parent if file.stem == "__init__" else file.with_suffix("")
        folder = next((folder for folder in module.parents if folder in packages), module.parent)
        return ".".join([*filter(None, [packages.get(folder)]), *module.relative_to(folder).parts])


def check_not_called_by_import(frame: FrameType | None, sources: Iterable[str]) -> None:
    """See that nothing of what runs now runs because a module is imported: loading would run it again.

    Args:
        frame: that of the call that is not to be repeated.
        sources: the names of modules in this process whose code will be archived.

    Raises:
        PipelineError: something does, and no `if __name__ == "__main__":` keeps it from others that import it.
    """
    names = set(sources)
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if frame.f_code.co_name == "<module>" and module in names:
            file = Path(frame.f_code.co_filename)
            if not _is_guarded(file, frame.f_lineno):
                raise PipelineError(
                    f"{file.name}:{frame.f_lineno}: what is saved here runs this line again when it is loaded, since "
                    'that imports the script. Put what trains and saves below `if __name__ == "__main__":`.'
                )
        frame = frame.f_back


def _is_guarded(file: Path, line: int) -> bool:
    try:
        tree = syntax_tree(file.read_bytes())
    except OSError:
        return True
    return any(
        isinstance(statement, ast.If)
        and statement.lineno <= line <= (statement.end_lineno or line)
        and any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))
        for statement in (tree.body if tree else ())
    )


def _is_script(module: str) -> bool:
    # What multiprocessing calls the script in its children.
    return module in (_SCRIPT, "__mp_main__")


def _with_imports(files: Iterable[Path], loaded: Mapping[str, Path]) -> dict[Path, None]:
    """Return files, the packages that they are in, and all project code that any of them imports."""
    folders = [Path(folder).absolute() for folder in sys.path]
    names: dict[Path, list[str]] = {}
    for name, path in loaded.items():
        names.setdefault(path, []).append(name)
    found: dict[Path, None] = {}
    pending = list(files)
    while pending:
        file = pending.pop()
        if file in found:
            continue
        found[file] = None
        pending += sorted(reachable(file, folders))
        for name in names.get(file, ()):
            parents = name.split(".")[:-1]
            packages = [".".join(parents[: depth + 1]) for depth in range(len(parents))]
            pending += [loaded[package] for package in packages if package in loaded]
    return found


def _source(module: str, file: Path) -> str:
    """Return the source of a module as it was loaded, or would be."""
    loader: Any = getattr(sys.modules.get(module), "__loader__", None)
    if hasattr(loader, "get_source"):
        source = loader.get_source(module)
        if isinstance(source, str):
            return source
    from importlib.util import decode_source

    return decode_source(file.read_bytes())


def _archived_loader(module: str) -> ArchivedLoader | None:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    loader = getattr(spec, "loader", None)
    return loader if isinstance(loader, ArchivedLoader) else None


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found

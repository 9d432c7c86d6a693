"""Where modules come from, and the versions of the installed packages among them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType

from mlpipeline.project.project_code import is_project_code

_OWN_FOLDER = str(Path(__file__).absolute().parents[1])
_STANDARD_FOLDER = os.path.dirname(os.__file__)
_SITE_FOLDERS = {"site-packages", "dist-packages"}


class Origin(StrEnum):
    """Whose a module is."""

    #: The user's: its code counts.
    PROJECT = "project"
    #: Somebody's: the version of the package counts.
    INSTALLED = "installed"
    #: Python's, whose version counts.
    STANDARD = "standard"
    #: mlpipeline's own, which never counts.
    OWN = "own"


@cache
def origin_of_file(path: str) -> Origin:
    """Whose a source file is, or a module's file of another kind."""
    if path.startswith("<frozen"):
        return Origin.STANDARD
    path = os.path.abspath(path)
    if is_project_code(path):
        return Origin.PROJECT
    if path.startswith(_OWN_FOLDER + os.sep):
        return Origin.OWN
    is_standard = path.startswith(_STANDARD_FOLDER + os.sep) and _SITE_FOLDERS.isdisjoint(path.split(os.sep))
    return Origin.STANDARD if is_standard else Origin.INSTALLED


def origin_of_module(name: str) -> Origin:
    """Whose the module of that name is; what is of none that is there was written by a program of the user's."""
    module = sys.modules.get(name)
    names = {} if module is None else vars(module)
    file = names.get("__file__")
    if isinstance(file, str):
        return origin_of_file(file)
    top = name.partition(".")[0]
    if top == "mlpipeline":
        return Origin.OWN
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return Origin.STANDARD
    folders = list(names.get("__path__", ()))
    # What is typed has no file, and what a program writes no module.
    return origin_of_file(os.path.join(folders[0], "__init__.py")) if folders else Origin.PROJECT


def origin_of_function(function: FunctionType) -> Origin:
    """Whose a function is."""
    path = function.__code__.co_filename
    if path.startswith("<") and not path.startswith("<frozen"):
        return origin_of_module(str(function.__globals__.get("__name__")))
    return origin_of_file(path)


def spec_of(name: str) -> ModuleSpec | None:
    """How the module of that name is, or would be, loaded; None if there is none. Nothing is imported to find out."""
    loaded: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    if loaded is not None and loaded.name == name:
        return loaded
    parent, _, _ = name.rpartition(".")
    folders = None
    if parent:
        found = spec_of(parent)
        if found is None or found.submodule_search_locations is None:
            return None
        folders = found.submodule_search_locations
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find is None else find(name, folders, None)
        if spec is not None:
            return spec
    return None


def origin_of_spec(spec: ModuleSpec) -> Origin:
    """Whose a module is that may not be loaded."""
    if spec.origin in ("built-in", "frozen") or spec.name.partition(".")[0] in sys.stdlib_module_names:
        return Origin.STANDARD
    folders = list(spec.submodule_search_locations or ())
    path = spec.origin or (os.path.join(folders[0], "__init__.py") if folders else None)
    return Origin.STANDARD if path is None else origin_of_file(path)


def package_of(name: str) -> tuple[str, str]:
    """The distribution that an installed module is of, and its version; as the module says where nobody else does."""
    spec = spec_of(name)
    folders = list((spec.submodule_search_locations if spec else None) or ())
    path = (spec.origin if spec else None) or (folders[0] if folders else None)
    found = None if path is None else _distribution_at(path)
    if found is not None:
        return found
    top = name.partition(".")[0]
    module = sys.modules.get(top)
    version = vars(module).get("__version__") if isinstance(module, ModuleType) else None
    return top, str(version or "unknown")


@cache
def _distribution_at(path: str) -> tuple[str, str] | None:
    for folder in Path(path).parents:
        if folder.name in _SITE_FOLDERS or str(folder) in sys.path:
            relative = Path(path).relative_to(folder)
            top = folder / relative.parts[0]
            # Packages of several distributions share a folder that holds nothing of its own.
            is_shared = top.is_dir() and not (top / "__init__.py").exists() and len(relative.parts) > 1
            held = relative if is_shared or not top.is_dir() else Path(relative.parts[0], "__init__.py")
            return _distribution(str(folder), held.as_posix())
    return None


@cache
def _distribution(site: str, file: str) -> tuple[str, str] | None:
    """The distribution that installed a file. Not by importlib.metadata: it reads what every distribution has."""
    top = re.split(r"[/.]", file)[0]
    for entry in sorted(_distributions(site), key=lambda entry: not _canonical(entry).startswith(_canonical(top))):
        if _has_file(Path(site, entry), file, top):
            name, _, rest = entry.removesuffix(".dist-info").removesuffix(".egg-info").partition("-")
            return _canonical(name), re.sub(r"-py\d.*$", "", rest) or "unknown"
    return None


@cache
def _distributions(site: str) -> tuple[str, ...]:
    return tuple(sorted(entry for entry in os.listdir(site) if entry.endswith((".dist-info", ".egg-info"))))


def _has_file(metadata: Path, file: str, top: str) -> bool:
    for name, line in (("RECORD", f"\n{file},"), ("top_level.txt", f"\n{top}\n")):
        try:
            held = (metadata / name).read_bytes()
        except OSError:
            continue
        # Not line by line: a large distribution has ten thousand files.
        return line.encode() in b"\n" + held + b"\n"
    return False


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def packages_above(module: str) -> Iterator[str]:
    """The packages that a module lies in, the outermost first, and it."""
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def imported_names(module: str, names: tuple[str, ...]) -> Iterator[str]:
    """The modules that an import loads: the packages above it, it, and those among the names taken from it."""
    yield from packages_above(module)
    spec = spec_of(module)
    if spec is not None and spec.submodule_search_locations is not None:
        for name in names:
            if name != "*" and spec_of(f"{module}.{name}") is not None:
                yield f"{module}.{name}"

"""Project code: every module outside the standard library and site-packages, and what a script uses of it."""

from __future__ import annotations

import ast
import os
import site
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from mlpipeline.domain.syntax import syntax_tree

# Whatever interpreter they belong to, nothing in these is anybody's project.
_INSTALLED_FOLDERS = {"site-packages", "dist-packages"}


@cache
def is_project_code(path: str) -> bool:
    """Whether a module's file, or a folder of modules, is project code.

    An editable install is project code, since it lies where its author edits it. What is in an archive, built
    in or frozen is not, nor is mlpipeline itself, wherever it lies. The file need not exist any more.
    """
    if not Path(path).is_absolute() or _is_installed(os.path.normpath(path)):
        return False
    # A project may see its virtual environment through a link of any name.
    real = os.path.realpath(path)
    return not _is_installed(real) and not _is_in_archive(real)


def loaded_modules() -> dict[str, Path]:
    """The project modules that are imported now: name -> source file."""
    modules: dict[str, Path] = {}
    for name, module in list(sys.modules.items()):
        # Not getattr: a lazy module would import what it stands for.
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str) and file.endswith(".py") and is_project_code(file):
            modules[name] = Path(file)
    return modules


def reachable(script: Path, search_path: Sequence[Path]) -> set[Path]:
    """The source files of project code that a script may import, and the script itself.

    Followed are the imports written anywhere in the sources, in functions too, and `import_module` and
    `__import__` of a literal name. A file that cannot be read or parsed is included, though what it imports is
    not known. Imports that are computed, or served by other means than folders of modules, are not seen.

    Args:
        script: an absolute path.
        search_path: where modules are looked for, in order; what is no project code is passed over.
    """
    folders = [folder for folder in search_path if is_project_code(str(folder))]
    found = {script}
    pending = [script]
    while pending:
        file = pending.pop()
        for imported in _imports(file, folders):
            if imported not in found and is_project_code(str(imported)):
                found.add(imported)
                pending.append(imported)
    return found


def _imports(file: Path, folders: Sequence[Path]) -> Iterator[Path]:
    try:
        tree = syntax_tree(file.read_bytes())
    except OSError:
        return
    for node in ast.walk(tree) if tree else ():
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield from _module_files(alias.name, folders)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                for alias in aliases:
                    dotted = f"{module}.{alias.name}" if module else alias.name
                    yield from _from_files(dotted, level, file, folders)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str() as name), *_],
            ):
                dotted = name.lstrip(".")
                yield from _from_files(dotted, len(name) - len(dotted), file, folders)


def _from_files(dotted: str, level: int, file: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """The files of a module that `file` names relative to itself, `level` dots up; 0 is not relative."""
    if level:
        # The packages above a file were followed on the way to it.
        folders = file.parents[level - 1 : level]
    yield from _module_files(dotted, folders)


def _module_files(dotted: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files of `a.b.c` and of the packages that it lies in, as far as there are any.

    The last part may be a name in a module rather than a module, and any of them a folder without `__init__`.
    """
    first, *rest = dotted.split(".")
    namespaces: list[Path] = []
    for folder in folders:
        package = folder / first
        files = list(_existing(package / "__init__.py")) or list(_existing(folder / f"{first}.py"))
        if files:
            yield files[0]
            namespaces = [package] if files[0].parent == package else []
            break
        if package.is_dir():
            namespaces.append(package)
    if rest and namespaces:
        yield from _module_files(".".join(rest), namespaces)


def _existing(file: Path) -> Iterator[Path]:
    if file.is_file():
        yield file


def _is_installed(path: str) -> bool:
    return any(path == root or path.startswith(root + os.sep) for root in _installed_roots()) or (
        not _INSTALLED_FOLDERS.isdisjoint(Path(path).parts)
    )


def _is_in_archive(path: str) -> bool:
    """Whether the nearest part of `path` that exists, above `path` itself, is a file."""
    for folder in Path(path).parents:
        if folder.exists():
            return not folder.is_dir()
    return False


@cache
def _installed_roots() -> tuple[str, ...]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # Not by sysconfig: it reads how Python was built, which takes as long as half of its start.
    roots = [os.path.dirname(os.__file__)]
    roots += [
        os.path.join(prefix, lib, version)
        for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
        for lib in ("lib", "lib64")
    ]
    roots += [*site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1])]
    return tuple(dict.fromkeys(form for root in roots for form in (os.path.normpath(root), os.path.realpath(root))))

"""The installed packages that an archive needs, and whether they are here."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from mlpipeline.domain.syntax import syntax_tree

_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True, kw_only=True)
class Package:
    """One installed package."""

    #: As it is installed: `scikit-learn`.
    name: str
    #: None where it was installed without one.
    version: str | None
    #: What it is imported as: `sklearn`.
    imported_as: str
    #: Whether nothing goes without it; otherwise a function may import it, or a `try` does.
    is_needed: bool


def required_packages(sources: Iterable[str], also: Iterable[str], but_not: Collection[str]) -> list[Package]:
    """Return the packages that sources import, and those that are imported as `also` says, as they are installed here.

    Those that are not installed here are left out, since nothing that was run needed them, and so is what `but_not`
    names, since it is no package.
    """
    from importlib.metadata import packages_distributions, version

    needed: dict[str, bool] = dict.fromkeys(also, True)
    for source in sources:
        tree = syntax_tree(source)
        for name, is_needed in _imports(tree.body if tree else [], is_needed=True):
            needed[name] = needed.get(name, False) or is_needed
    by_import = packages_distributions()
    found = []
    for name, is_needed in sorted(needed.items()):
        if name in sys.stdlib_module_names or name in but_not or name in ("mlpipeline", "__main__"):
            continue
        packages = sorted(set(by_import.get(name, ())))
        for package in packages:
            found.append(
                Package(
                    name=package,
                    version=version(package),
                    imported_as=name,
                    # A namespace that several packages share: nobody knows which of them it is.
                    is_needed=is_needed and len(packages) == 1,
                )
            )
        if not packages and _can_be_imported(name):
            found.append(Package(name=name, version=None, imported_as=name, is_needed=is_needed))
    return found


def missing_packages(packages: Iterable[Package]) -> list[Package]:
    """Return those that are needed and not here."""
    return [package for package in packages if package.is_needed and not _can_be_imported(package.imported_as)]


def differing_packages(packages: Iterable[Package]) -> list[str]:
    """Return how those differ that are here in another version, or are not, for people."""
    from importlib.metadata import PackageNotFoundError, version

    differing = []
    for package in packages:
        if package.version is None:
            continue
        try:
            here = version(package.name)
        except PackageNotFoundError:
            here = "not installed"
        if here != package.version:
            differing.append(f"{package.name} was {package.version}, is {here}")
    return differing


def _can_be_imported(name: str) -> bool:
    try:
        return name in sys.modules or find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _imports(statements: Iterable[ast.stmt], *, is_needed: bool) -> Iterable[tuple[str, bool]]:
    """Yield the first part of what statements import, and whether that happens whenever their module is imported."""
    for statement in statements:
        match statement:
            case ast.Import(names=names):
                yield from ((alias.name.partition(".")[0], is_needed) for alias in names)
            case ast.ImportFrom(module=str() as module, level=0):
                yield module.partition(".")[0], is_needed
            case ast.If(test=test):
                names_in_test = {getattr(node, "id", getattr(node, "attr", None)) for node in ast.walk(test)}
                if names_in_test.isdisjoint({"TYPE_CHECKING", "__name__"}):
                    yield from _imports(statement.body, is_needed=False)
                yield from _imports(statement.orelse, is_needed=False)
            case ast.Try():
                is_safe = not any(_catches_import_errors(handler) for handler in statement.handlers)
                yield from _imports(statement.body, is_needed=is_needed and is_safe)
                for handler in statement.handlers:
                    yield from _imports(handler.body, is_needed=False)
                yield from _imports([*statement.orelse, *statement.finalbody], is_needed=is_needed and is_safe)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _imports(statement.body, is_needed=False)
            case ast.ClassDef() | ast.With():
                yield from _imports(statement.body, is_needed=is_needed)
            case ast.For() | ast.While():
                yield from _imports([*statement.body, *statement.orelse], is_needed=False)
            case _:
                pass


def _catches_import_errors(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(getattr(node, "id", None) in _IMPORT_ERRORS for node in ast.walk(handler.type))

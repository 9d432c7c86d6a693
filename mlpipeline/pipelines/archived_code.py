"""Modules of an archive, imported under a name of their own, beside whatever else bears theirs."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from mlpipeline.pipelines.content import json_digest

_PREFIX = "mlpipeline_archive_"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of one module."""

    text: str
    is_package: bool

    def path(self, name: str) -> str:
        """Where a module of this name lies, below the folder of all of them."""
        return f"{name.replace('.', '/')}{'/__init__' if self.is_package else ''}.py"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A class, a function or a module, by where it is found."""

    #: As the archive calls it where it holds that module, else as everybody does.
    module: str
    #: Within the module, with full stops; nothing for the module itself.
    name: str
    is_archived: bool


class ArchivedCode(MetaPathFinder):
    """The modules of an archive: what one of them imports is another one where the archive has it.

    The module `features` is imported as `mlpipeline_archive_3f2a9c.features`. Archives with the same sources share
    their modules, so a server that loads a pipeline that was trained anew does not grow with each.
    """

    def __init__(self, sources: Mapping[str, Source], place: Path) -> None:
        self.sources = dict(sources)
        self.root = _PREFIX + json_digest({name: source.text for name, source in sources.items()})[:12]
        #: The archive, as tracebacks show it; its sources are in the folder `code` there.
        self._place = place / "code"
        self._tops = {name.partition(".")[0] for name in sources}
        self.builtins = {**vars(builtins), "__import__": self._import}

    def installed(self) -> ArchivedCode:
        """These modules, ready to be imported; those that are there already where the sources are the same."""
        for finder in sys.meta_path:
            if isinstance(finder, ArchivedCode) and finder.root == self.root:
                return finder
        sys.meta_path.append(self)
        return self

    def module(self, name: str) -> ModuleType:
        """The module that the archive calls so.

        Raises:
            BaseException: whatever importing it raises.
        """
        return importlib.import_module(f"{self.root}.{name}")

    def found(self, module: str, name: str) -> Any:
        """What the archive has in a module by a name, which may hold full stops; the module itself without a name.

        Raises:
            AttributeError: there is none.
            BaseException: whatever importing the module raises.
        """
        found: Any = self.module(module)
        for part in filter(None, name.split(".")):
            found = getattr(found, part)
        return found

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """How to load a module of this archive; None for all others."""
        if fullname != self.root and not fullname.startswith(f"{self.root}."):
            return None
        name = fullname[len(self.root) + 1 :]
        source = self.sources.get(name)
        if source is None:
            if name and not any(other.startswith(f"{name}.") for other in self.sources):
                return None
            # The root, and folders without `__init__`.
            source = Source(text="", is_package=True)
        file = str(self._place / source.path(name))
        spec = ModuleSpec(fullname, ArchivedLoader(self, name, source, file), origin=file, is_package=source.is_package)
        spec.has_location = True
        return spec

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What `import` does in a module of this archive."""
        top = name.partition(".")[0]
        if level == 0 and top in self._tops:
            module = builtins.__import__(f"{self.root}.{name}", globals, locals, fromlist or ())
            return module if fromlist else sys.modules[f"{self.root}.{top}"]
        module = builtins.__import__(name, globals, locals, fromlist or (), level)
        return self._own_importlib() if module is importlib else module

    def _own_importlib(self) -> ModuleType:
        own = ModuleType(importlib.__name__, importlib.__doc__)
        vars(own).update(vars(importlib), import_module=self._import_module)
        return own

    def _import_module(self, name: str, package: str | None = None) -> ModuleType:
        """What `importlib.import_module` does in a module of this archive."""
        is_own = name.partition(".")[0] in self._tops
        return importlib.import_module(f"{self.root}.{name}" if is_own else name, package)


class ArchivedLoader(InspectLoader):
    """Loads one module of an archive."""

    def __init__(self, code: ArchivedCode, name: str, source: Source, file: str) -> None:
        self.code = code
        #: What the archive calls the module.
        self.name = name
        #: Whether the module is being run right now.
        self.is_running = False
        self._source = source
        self._file = file

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 (it loads only one)
        """The source, which tracebacks and `inspect` show."""
        return self._source.text

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002 (it loads only one)
        """Where the source lies in the archive."""
        return self._file

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002 (it loads only one)
        """Whether other modules are in it."""
        return self._source.is_package

    def get_code(self, fullname: str) -> Any:
        """The module's code."""
        return self.source_to_code(self._source.text, self.get_filename(fullname))

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, whose imports find the modules of its archive first."""
        vars(module)["__builtins__"] = self.code.builtins
        self.is_running = True
        try:
            exec(self.get_code(module.__name__), vars(module))
        finally:
            self.is_running = False

"""Values in an archive: each in a file or a folder of its own, by the serializers of artifacts."""

from __future__ import annotations

import io
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.archived_code import ArchivedCode
from mlpipeline.pipelines.project_modules import ProjectModules
from mlpipeline.pipelines.serializers import save_unpickled, serializer_named
from mlpipeline.pipelines.serializers.files import Files
from mlpipeline.pipelines.serializers.folders import Folders

_PICKLE_SUFFIX = ".pkl"
#: What stands for a serializer where none of artifacts does: a pickle that refers to the modules of its archive, and
#: a path that stays what it is.
PICKLE, PATH = "pickle", "path as it is"


@dataclass(frozen=True, kw_only=True)
class StoredValue:
    """One value in an archive."""

    #: What it is, for people: `states of imputer: means`.
    what: str
    #: The file or folder.
    member: str
    #: The name of its serializer.
    serializer: str
    #: Its type, for people: `sklearn.linear_model.LogisticRegression`.
    type: str

    @property
    def needs_trust(self) -> bool:
        """Whether loading it executes what it says."""
        return self.serializer == PICKLE or (self.serializer != PATH and serializer_named(self.serializer).is_pickle)

    @property
    def may_hold_paths(self) -> bool:
        """Whether it is, or has in it, a path to what lies in the archive."""
        return self.serializer in (Files.name, Folders.name)


class ValueWriter:
    """Writes values into a folder that is to become an archive.

    Args:
        folder: an empty one.
        modules: what the values refer to is noted there.
    """

    def __init__(self, folder: Path, modules: ProjectModules) -> None:
        self._folder = folder
        self._modules = modules
        self._count = 0
        #: The top packages whose objects are among the values.
        self.packages: set[str] = set()

    def write_parameter(self, value: Any, what: str) -> StoredValue:
        """Write a value that a script gave: a path stays one, since what it leads to may be all of the training data.

        Raises:
            PipelineError: it cannot be stored.
            OSError: there is no room.
        """
        if not isinstance(value, Path):
            return self.write(value, what)
        member = f"{self._member()}.txt"
        (self._folder / member).write_bytes(os.fsencode(value))
        return StoredValue(what=what, member=member, serializer=PATH, type="pathlib.Path")

    def write(self, value: Any, what: str) -> StoredValue:
        """Write one value.

        Raises:
            PipelineError: it cannot be stored.
            OSError: there is no room.
        """
        member = self._member()
        path = self._folder / member
        reference = self._modules.reference(type(value))
        kind = f"{reference.module}.{reference.name}" if reference else type(value).__qualname__
        try:
            serializer = save_unpickled(value, path, what)
            if serializer is None:
                self._pickle(value, path)
            member += _PICKLE_SUFFIX if serializer is None else serializer.suffix
            path.rename(self._folder / member)
        except OSError:
            raise
        except Exception as error:
            raise PipelineError(
                f"{what} cannot be saved: {kind} ({type(error).__name__}: {error}). "
                "Leave it out of the state with `__getstate__`, or make it where it is used."
            ) from error
        self.packages.add(type(value).__module__.partition(".")[0])
        return StoredValue(
            what=what, member=member, serializer=PICKLE if serializer is None else serializer.name, type=kind
        )

    def _member(self) -> str:
        (self._folder / "values").mkdir(exist_ok=True)
        self._count += 1
        return f"values/{self._count}"

    def _pickle(self, value: Any, path: Path) -> None:
        import cloudpickle

        modules, packages = self._modules, self.packages

        class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # which is loaded here only
            def persistent_id(self, found: Any) -> tuple[str, str] | None:
                if not isinstance(found, type | ModuleType) and not hasattr(found, "__qualname__"):
                    return None
                reference = modules.reference(found)
                if reference is not None and reference.is_archived:
                    return reference.module, reference.name
                packages.add(str(getattr(found, "__module__", None) or found.__name__).partition(".")[0])
                return None

        buffer = io.BytesIO()
        Pickler(buffer, protocol=5).dump(value)
        path.write_bytes(buffer.getvalue())


class ValueReader:
    """Reads the values of an archive.

    Args:
        folder: where it was unpacked.
        code: its modules.
    """

    def __init__(self, folder: Path, code: ArchivedCode) -> None:
        self._folder = folder
        self._code = code

    def read(self, stored: StoredValue) -> Any:
        """One value, exactly as it was written; what needs trust is trusted.

        Raises:
            PipelineError: it cannot be read.
        """
        path = self._folder / stored.member
        try:
            if stored.serializer == PATH:
                return Path(os.fsdecode(path.read_bytes()))
            if stored.serializer != PICKLE:
                return serializer_named(stored.serializer).load(path)
            return _Unpickler(io.BytesIO(path.read_bytes()), self._code).load()
        except Exception as error:
            raise PipelineError(f"{stored.what} cannot be read ({type(error).__name__}: {error}).") from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, code: ArchivedCode) -> None:
        super().__init__(file)
        self._code = code

    def persistent_load(self, reference: tuple[str, str]) -> Any:
        return self._code.found(*reference)

    def find_class(self, module: str, name: str) -> Any:
        # What pickles itself by its name, such as an object that stands for a constant.
        if module in self._code.sources:
            return self._code.found(module, name)
        return super().find_class(module, name)

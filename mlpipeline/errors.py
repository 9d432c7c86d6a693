"""The exception tree. Errors carry their data as attributes; only `cli` prints them and exits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class MlpipelineError(Exception):
    """Whatever mlpipeline itself has to say to its user; `str()` of it is the whole message."""

    #: The command's exit status when this error ends it.
    exit_status = 2


class SettingsError(MlpipelineError):
    """`mlp.toml` is missing, cannot be read, or has a wrong value."""


class QueueError(MlpipelineError):
    """A queue file cannot be read or has a wrong value."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path.name}: {message}")
        self.path = path


class NotListed(MlpipelineError):
    """`--only` asks for something that the queue does not list."""


class NoSuchRun(MlpipelineError):
    """No run is called what a person calls it, or more than one."""


class SameRun(MlpipelineError):
    """A run is to be compared with itself."""


class FilterError(MlpipelineError):
    """Which runs are wanted, or what of them, is said in a way that cannot be understood."""


class NoSuchResult(MlpipelineError):
    """No run has a result of that name."""


class InvalidName(MlpipelineError):
    """A name that its user chose cannot become part of a path."""


class ScriptError(MlpipelineError):
    """A listed script cannot be used: it is missing, does not import, or sets no usable `MODEL`."""

    exit_status = 1

    def __init__(self, script: str, message: str, *, traceback: str | None = None) -> None:
        super().__init__(f"{script}: {message}")
        self.script = script
        self.message = message
        self.traceback = traceback


class VersionsError(MlpipelineError):
    """A model's versions contradict each other or its training function."""

    exit_status = 1


class PipelineError(MlpipelineError):
    """A pipeline cannot be what its script says, and nothing of it ran; or a stage returned what it is not to make."""

    exit_status = 1


class CallLacks(PipelineError):
    """A stage lacks what it cannot run without, such as a value that nobody gave; `call` is the name of its call."""

    def __init__(self, call: str, message: str) -> None:
        super().__init__(message)
        self.call = call


class PipelineStopped(MlpipelineError):
    """A run was told to stop while it went through its pipeline; what was made before is in the cache."""

    exit_status = 1


class CodeUnknown(MlpipelineError):
    """What the code of a stage is cannot be said; `part` is the function, class or module that it is about."""

    exit_status = 1

    def __init__(self, part: str, message: str) -> None:
        super().__init__(f"{part}: {message}")
        self.part = part


class DamagedArtifact(MlpipelineError):
    """An artifact in a cache is not what was stored there; `name` is the artifact's."""

    exit_status = 1

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f'"{name}" in the cache is damaged: {message}')
        self.name = name
        self.message = message


class NotStored(MlpipelineError):
    """What a stage made cannot be kept in a cache; `name` is the artifact's, None where it is none of them."""

    exit_status = 1

    def __init__(self, name: str | None, message: str) -> None:
        super().__init__(message if name is None else f'"{name}": {message}')
        self.name = name


class NoDigest(MlpipelineError):
    """A value cannot be told from others, so what is made of it cannot be kept; `value` is the part at fault."""

    exit_status = 1

    def __init__(self, value: object, why: str) -> None:
        super().__init__(f"a value of the type {type(value).__qualname__} {why}")
        self.value = value


class CacheError(MlpipelineError):
    """A folder cannot be used as a cache."""

    exit_status = 1


class FileKeepsChanging(MlpipelineError):
    """A file that a stage takes cannot be read as it is at any one moment."""

    exit_status = 1

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} changes while it is read, each time anew. Have a stage get what nobody is writing to: copy it "
            "first, or wait until it is written."
        )
        self.path = path


class NoContent(MlpipelineError):
    """What a path leads to is neither a file nor a folder."""

    exit_status = 1

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is neither a file nor a folder: what it holds cannot be told. Give a stage one.")
        self.path = path


class ArchiveError(MlpipelineError):
    """A pipeline cannot be saved to, or loaded from, the archive at `path`."""

    exit_status = 1

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class NotTrusted(ArchiveError):
    """Something in an archive is a pickle, and nobody said that it is trusted."""


class NoSuchParameter(VersionsError):
    """A parameter is to be changed that a version does not have; `key` says which, `advice` what it may have been."""

    def __init__(self, key: str, advice: str) -> None:
        super().__init__(f'there is no parameter "{key}".{advice}')
        self.key = key
        self.advice = advice


class NotJson(MlpipelineError):
    """A value that has to be recorded cannot be JSON; `key` says which."""

    exit_status = 1

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


class Diverged(MlpipelineError):
    """A metric is NaN or infinite, and its version is to stop then."""

    exit_status = 1


class IllegalTransition(MlpipelineError):
    """An event that cannot happen to a run in its present state."""


class OutputsError(MlpipelineError):
    """The outputs folder cannot be used: read-only, full, or in use by another daemon."""


class CannotWrite(MlpipelineError):
    """What was asked for cannot be written where it was to be."""

    exit_status = 1

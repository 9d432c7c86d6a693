"""Telling from an exception why a run failed, in words for its author."""

from __future__ import annotations

import errno
import traceback as tracebacks
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mlpipeline.domain.runs import Failure
from mlpipeline.errors import MlpipelineError, ScriptError, VersionsError

_OWN_FOLDER = str(Path(__file__).resolve().parent.parent)


class CommandFailed(MlpipelineError):
    """The program of a `CommandModel` ended badly."""

    exit_status = 1

    def __init__(self, message: str, failure: Failure) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True, kw_only=True)
class Told:
    """An exception in the words of the record."""

    failure: Failure
    #: One line.
    error: str
    #: None when the exception is our own and says it all.
    traceback: str | None

    @property
    def is_disk_full(self) -> bool:
        """Whether there was no room on the disk."""
        return self.failure is Failure.DISK_FULL


def failure_of(error: BaseException) -> Told:
    """Return why `error` made the run fail."""
    match error:
        case CommandFailed():
            return Told(failure=error.failure, error=str(error), traceback=None)
        case ScriptError():
            return Told(failure=Failure.BAD_SCRIPT, error=str(error), traceback=error.traceback)
        case VersionsError():
            return Told(failure=Failure.BAD_SCRIPT, error=str(error), traceback=None)
        case SystemExit():
            told = f"sys.exit({error.code!r}) was called"
            return Told(failure=Failure.EXIT, error=told, traceback=user_traceback(error))
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Told(failure=Failure.DISK_FULL, error=one_line(error), traceback=user_traceback(error))
    return Told(failure=Failure.EXCEPTION, error=one_line(error), traceback=user_traceback(error))


def one_line(error: BaseException) -> str:
    """Return the exception as the last line of its traceback; its `str` may raise."""
    lines = "".join(tracebacks.format_exception_only(error)).strip().splitlines()
    return next((line for line in lines if not line.startswith((" ", "\t"))), type(error).__name__)[:500]


def user_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of mlpipeline and of Python's importer that lead to user code."""
    formatted = tracebacks.TracebackException.from_exception(_shortened(error))
    return "".join(formatted.format())


def _shortened(error: BaseException) -> BaseException:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        cause.__traceback__ = _from_user_code(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
    return error


def _from_user_code(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_own(filename: str) -> bool:
    return filename.startswith((_OWN_FOLDER, "<frozen importlib", "<frozen runpy"))

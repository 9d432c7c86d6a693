"""Telling from an exception why a run failed, in words for its author."""

from __future__ import annotations

import traceback as tracebacks
from dataclasses import dataclass, replace

from mlpipeline.domain.states import Failure
from mlpipeline.errors import Diverged, MlpipelineError, ScriptError, VersionsError
from mlpipeline.project.files import NO_ROOM
from mlpipeline.project.last_output import is_own_file

#: How long an error may be that is told in one line, in characters.
_LINE_LENGTH = 500


class CommandFailed(MlpipelineError):
    """The program of a `CommandModel` ended badly."""

    exit_status = 1

    def __init__(self, message: str, failure: Failure, *, is_killed: bool = False) -> None:
        """Take what to say; `is_killed` means that it was ended by SIGKILL."""
        super().__init__(message)
        self.failure = failure
        self.is_killed = is_killed


@dataclass(frozen=True, kw_only=True)
class Told:
    """An exception in the words of the record."""

    failure: Failure
    #: One line.
    error: str
    #: None when the exception is our own and says it all.
    traceback: str | None
    #: The file and line of the user's own code that came last.
    place: str | None = None
    #: Whether a process that the worker had started was ended by SIGKILL, and the failure follows from that.
    is_child_killed: bool = False

    @property
    def is_disk_full(self) -> bool:
        """Whether there was no room on the disk."""
        return self.failure is Failure.DISK_FULL


def failure_of(error: BaseException) -> Told:
    """Return why `error` made the run fail, whatever its author made of it: its methods may raise, too."""
    try:
        return replace(_told(error), place=_place(error))
    except Exception as other:
        told = f"{type(error).__name__}, which cannot be shown: {type(other).__name__} was raised"
        return Told(failure=Failure.EXCEPTION, error=told, traceback=None)


def _told(error: BaseException) -> Told:
    match error:
        case MlpipelineError():
            return _own_told(error)
        case SystemExit():
            return Told(failure=Failure.EXIT, error=f"{exit_call(error)} was called", traceback=user_traceback(error))
        case OSError() if error.errno in NO_ROOM:
            return Told(failure=Failure.DISK_FULL, error=one_line(error), traceback=user_traceback(error))
    return _raised_told(error)


def _raised_told(error: BaseException) -> Told:
    # Only here: most workers fail at nothing.
    from mlpipeline.worker.out_of_memory import is_child_killed, memory_error

    traceback = user_traceback(error)
    cause = memory_error(error)
    if cause is None:
        is_killed = is_child_killed(error)
        return Told(failure=Failure.EXCEPTION, error=one_line(error), traceback=traceback, is_child_killed=is_killed)
    told = one_line(error) if cause is error else f"{one_line(error)}, from {one_line(cause)}"
    return Told(failure=Failure.OUT_OF_MEMORY, error=told[:_LINE_LENGTH], traceback=traceback)


def _own_told(error: MlpipelineError) -> Told:
    match error:
        case CommandFailed():
            return Told(failure=error.failure, error=str(error), traceback=None, is_child_killed=error.is_killed)
        case ScriptError():
            from mlpipeline.worker.out_of_memory import memory_error

            # What loads its data when it is imported is no bad script for that.
            failure = Failure.OUT_OF_MEMORY if memory_error(error) else Failure.BAD_SCRIPT
            return Told(failure=failure, error=str(error), traceback=error.traceback)
        case VersionsError():
            return Told(failure=Failure.BAD_SCRIPT, error=str(error), traceback=None)
    # The message says what is wrong; where user code called for it is worth seeing.
    where = user_traceback(error) if _has_user_frames(error) else None
    failure = Failure.DIVERGED if isinstance(error, Diverged) else Failure.EXCEPTION
    return Told(failure=failure, error=str(error), traceback=where)


def _place(error: BaseException) -> str | None:
    from mlpipeline.project.project_code import is_project_code

    if isinstance(error, ScriptError) and error.__cause__ is not None:
        return _place(error.__cause__)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{error.filename}:{error.lineno}"
    frames = [(frame.f_code.co_filename, line) for frame, line in tracebacks.walk_tb(error.__traceback__)]
    theirs = [(file, line) for file, line in frames if is_project_code(file)]
    return f"{theirs[-1][0]}:{theirs[-1][1]}" if theirs else None


def exit_call(error: SystemExit) -> str:
    """Return the call that raised: `sys.exit(3)`."""
    try:
        return f"sys.exit({error.code!r})"[:_LINE_LENGTH]
    except Exception:
        return f"sys.exit(<{type(error.code).__name__}>)"


def one_line(error: BaseException) -> str:
    """Return the exception as the last line of its traceback, fit for any terminal; its `str` may raise."""
    lines = "".join(tracebacks.format_exception_only(error)).splitlines()
    # The line and the marker that a syntax error shows are indented; of a long message, the first line is told.
    told = next((line for line in lines if line and not line.startswith((" ", "\t"))), type(error).__name__)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        told = f"{told} ({error.filename}, line {error.lineno})"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in told[:_LINE_LENGTH])


def user_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of mlpipeline and of Python's importer, unless it has no others."""
    formatted = tracebacks.TracebackException.from_exception(error)
    _leave_out_own(formatted)
    return "".join(formatted.format())


def _leave_out_own(formatted: tracebacks.TracebackException) -> None:
    # What is left out is left out of the text: an exception may not let itself be changed.
    seen: set[int] = set()
    waiting: list[tracebacks.TracebackException | None] = [formatted]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        theirs = [frame for frame in one.stack if not is_own_file(frame.filename)]
        if theirs:
            one.stack[:] = theirs
        waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]


def _has_user_frames(error: BaseException) -> bool:
    return any(not is_own_file(frame.f_code.co_filename) for frame, _ in tracebacks.walk_tb(error.__traceback__))

"""Telling that memory ran out, from an exception or from what a program printed, without importing any framework."""

from __future__ import annotations

import errno
import re
import signal
import traceback as tracebacks
from collections.abc import Iterator

#: Exceptions that mean it, whatever they say; all other libraries derive theirs from MemoryError, numpy and cupy too.
#: Source: https://pytorch.org/docs/stable/generated/torch.cuda.OutOfMemoryError.html; without `cuda` since torch 2.5.
_NAMES = frozenset({"torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError"})
#: One that means it if it says so, and otherwise a full disk or a quota.
#: Source: https://www.tensorflow.org/api_docs/python/tf/errors/ResourceExhaustedError
_TENSORFLOW = "tensorflow.python.framework.errors_impl.ResourceExhaustedError"
_TENSORFLOW_SAYS = re.compile(r"\bOOM\b|\bmemory\b", re.IGNORECASE)
#: What a RuntimeError says that means it: of torch for each kind of device, of cuBLAS and cuDNN, of the CUDA runtime as
#: cupy tells it, and of JAX, whose XlaRuntimeError begins with the status.
_SAYS = re.compile(
    r"""
    \b(CUDA|HIP|XPU|MPS\ backend|CUDA\ error:|HIP\ error:)\ out\ of\ memory
    | DefaultCPUAllocator:\ (can't\ allocate|not\ enough)\ memory
    | \b(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED\b
    | \bcudaErrorMemoryAllocation\b
    | \bRESOURCE_EXHAUSTED:.*\b(out\ of\ memory|allocat|OOM\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: The line that ends a traceback; torchrun puts the rank before it.
_ERROR_LINE = re.compile(r"(?:\[[^]]*\]:\s*)?(?P<name>[A-Za-z_][\w.]*)(?:: (?P<says>.*))?")
#: What programs in C++ and Java print when they end for want of memory.
_OTHERS_SAY = re.compile(r"\bstd::bad_alloc\b|\bjava\.lang\.OutOfMemoryError\b")

#: Exceptions that mean that a process of a pool is gone: `concurrent.futures`, and joblib's are derived from it.
_BROKEN_POOL = "concurrent.futures.process.BrokenProcessPool"
#: What is said of a process that ended by SIGKILL: by torch's data loader and by `torch.multiprocessing.spawn`.
_KILLED = re.compile(r"\bkilled by signal: Killed\b|\bSIGKILL\b")


def memory_error(error: BaseException) -> BaseException | None:
    """Return the exception that says that memory ran out, `error` or one it was raised `from`; None if none does."""
    return next((one for one in _with_causes(error) if _says_so(one)), None)


def shows_memory_error(output: str) -> bool:
    """Return whether the last output of a program in any language shows that memory ran out."""
    return any(_line_says_so(line.strip()) for line in output.splitlines())


def is_child_killed(error: BaseException) -> bool:
    """Return whether `error` was raised because a process that its program had started was ended by SIGKILL."""
    return any(_says_child_killed(one) for one in _with_causes(error))


def is_sigkill(exit_status: int) -> bool:
    """Return whether an exit status, as `subprocess` gives it, tells of SIGKILL; a shell passes it on as 137."""
    return exit_status in (-signal.SIGKILL, 128 + signal.SIGKILL)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _says_so(error: BaseException) -> bool:
    match error:
        case MemoryError():
            return True
        case OSError():
            return error.errno == errno.ENOMEM
    names = _names(error)
    if _NAMES & names:
        return True
    if _TENSORFLOW in names:
        return _TENSORFLOW_SAYS.search(_text(error)) is not None
    return isinstance(error, RuntimeError) and _SAYS.search(_text(error)) is not None


def _line_says_so(line: str) -> bool:
    if _OTHERS_SAY.search(line):
        return True
    ending = _ERROR_LINE.fullmatch(line)
    if ending is None:
        return False
    name, says = ending["name"], ending["says"] or ""
    if name == _TENSORFLOW:
        return _TENSORFLOW_SAYS.search(says) is not None
    return name in _NAMES or name.endswith("MemoryError") or _SAYS.search(says) is not None


def _says_child_killed(error: BaseException) -> bool:
    from subprocess import CalledProcessError

    if isinstance(error, CalledProcessError):
        return is_sigkill(error.returncode)
    if _BROKEN_POOL in _names(error):
        return True
    return _KILLED.search(_text(error)) is not None


def _names(error: BaseException) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}


def _text(error: BaseException) -> str:
    # Unlike `str`, this does not fail with the methods of an exception.
    return "".join(tracebacks.format_exception_only(error))

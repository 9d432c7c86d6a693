from __future__ import annotations

import errno
import subprocess
from concurrent.futures.process import BrokenProcessPool

import pytest

from mlpipeline.worker.out_of_memory import is_child_killed, is_sigkill, memory_error, shows_memory_error


def named(module: str, name: str, base: type[BaseException]) -> type[BaseException]:
    """An exception class as a framework would have it."""
    return type(name, (base,), {"__module__": module})


TORCH = named("torch", "OutOfMemoryError", RuntimeError)
TORCH_2_4 = named("torch.cuda", "OutOfMemoryError", RuntimeError)
NUMPY = named("numpy._core._exceptions", "_ArrayMemoryError", MemoryError)
CUPY = named("cupy.cuda.memory", "OutOfMemoryError", MemoryError)
TENSORFLOW = named("tensorflow.python.framework.errors_impl", "ResourceExhaustedError", Exception)
JAX = named("jaxlib.xla_extension", "XlaRuntimeError", RuntimeError)
OTHER = named("theirs", "OutOfMemoryError", Exception)


class Mute(RuntimeError):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        NUMPY("Unable to allocate 8.00 EiB"),
        CUPY("Out of memory allocating 8,000 bytes"),
        TORCH("Allocation on device"),
        named("theirs", "Smaller", TORCH)("a subclass"),
        TORCH_2_4("Allocation on device"),
        TENSORFLOW("{{function_node}} OOM when allocating tensor with shape[9,9]"),
        TENSORFLOW("failed to allocate memory [Op:Mul]"),
        JAX("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes."),
        JAX("RESOURCE_EXHAUSTED: Failed to allocate request for 9.0GiB on device ordinal 0"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nRuntimeError: CUDA out of memory."),
        RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cudaErrorMemoryAllocation: out of memory"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=repr,
)
def test_what_the_frameworks_raise_when_memory_runs_out(error):
    assert memory_error(error) is error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("no learning rate"),
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("CUDA out of memory"),
        TENSORFLOW("/data/records; No space left on device"),
        JAX("RESOURCE_EXHAUSTED: too many requests"),
        JAX("INVALID_ARGUMENT: out of memory of shapes"),
        OSError(errno.EIO, "Input/output error"),
        OTHER("a class of their own"),
        Mute(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_else_they_raise_is_no_shortage(error):
    assert memory_error(error) is None


def test_a_shortage_that_was_raised_again_is_found_behind_it():
    shortage = MemoryError()
    middle, outer = RuntimeError("no batch"), ValueError("no epoch")
    middle.__cause__, outer.__cause__ = shortage, middle
    assert memory_error(outer) is shortage
    shortage.__cause__ = outer  # a circle is possible, and ends
    assert memory_error(outer) is shortage
    # What was only being handled when another thing went wrong did not cause that.
    handling = ValueError("wrong")
    handling.__context__ = MemoryError()
    assert memory_error(handling) is None


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Traceback (most recent call last):\nMemoryError", True),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8.00 EiB", True),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", True),
        ("[rank0]: torch.cuda.OutOfMemoryError: CUDA out of memory.\n[rank0]: more", True),
        ("RuntimeError: CUDA error: out of memory\n\nsee below\n", True),
        ("tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating", True),
        ("tensorflow.python.framework.errors_impl.ResourceExhaustedError: x; No space left on device", False),
        ("terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc", True),
        ('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', True),
        ("CUDA out of memory, so a smaller batch is tried", False),
        ("out of memory is what I am not\nValueError: no", False),
        ("", False),
    ],
)
def test_the_last_output_of_a_program_shows_it(output, expected):
    assert shows_memory_error(output) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("DataLoader worker (pid 4711) is killed by signal: Killed. "), True),
        (RuntimeError("DataLoader worker (pid 4711) is killed by signal: Bus error. "), False),
        (named("torch.multiprocessing.spawn", "ProcessExitedException", Exception)("terminated with SIGKILL"), True),
        (BrokenProcessPool("A process in the process pool was terminated abruptly"), True),
        (named("joblib.externals.loky.process_executor", "TerminatedWorkerError", BrokenProcessPool)("gone"), True),
        (subprocess.CalledProcessError(-9, "train"), True),
        (subprocess.CalledProcessError(137, "sh"), True),
        (subprocess.CalledProcessError(-15, "train"), False),
        (ValueError("no"), False),
        (Mute(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_raised_when_a_process_of_the_run_was_killed(error, expected):
    assert is_child_killed(error) is expected
    outer = ValueError("no epoch")
    outer.__cause__ = error
    assert is_child_killed(outer) is expected


def test_a_shell_tells_of_sigkill_in_its_own_way():
    assert [status for status in (0, 1, 9, 137, 143, -9, -15) if is_sigkill(status)] == [137, -9]

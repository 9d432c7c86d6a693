"""This machine: GPUs, limits, and how runs are started."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlpipeline.daemon.checkup.case import Case
from mlpipeline.daemon.gpus import Gpus, GpusUnreachable
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.executors.how import LEARNING, is_forked
from mlpipeline.project.files import read_json

#: A daemon with a few runs and their TensorBoard files opens some hundred files; data loaders open more.
_FEW_FILES, _LEAST_FILES = 1024, 256
#: How many processes more a user should be able to start.
_FEW_PROCESSES = 200
#: Where the driver of NVIDIA says that it is there.
_DRIVER = Path("/proc/driver/nvidia/version")
#: How many of the latest runs are looked at for how they were started.
_LOOKED_AT = 100


def gpus(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at the GPUs that may be leased."""
    seen = Gpus(environ.get("CUDA_VISIBLE_DEVICES"))
    try:
        found = seen.look()
    except GpusUnreachable as error:
        told = f"NVML cannot say what they do: {error}. Runs that ask for GPUs wait"
        yield bad("gpus", told, "nvidia-smi  # after an update of the driver: restart the machine")
        return
    if seen.absence is None:
        busy = [f"{gpu.index} is {gpu.busy}" for gpu in found if gpu.busy]
        told = f"{len(found)} can be leased" + (f", but {'; '.join(busy)}" if busy else "")
        yield look("gpus", told, "nvidia-smi") if busy else ok("gpus", told)
    elif _DRIVER.exists() and "not installed" in seen.absence:
        told = "there is a driver of NVIDIA, but the package nvidia-ml-py is not installed: none is leased"
        yield look("gpus", told, f"{shlex.quote(sys.executable)} -m pip install nvidia-ml-py")
    elif _DRIVER.exists():
        yield look("gpus", f"none can be leased: {seen.absence}", "nvidia-smi")
    else:
        yield ok("gpus", f"none to be leased: {seen.absence}")


def limits(_environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look how many files and processes there may be."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _FEW_FILES:
        higher = _FEW_FILES if most == resource.RLIM_INFINITY or most >= _FEW_FILES else most
        judged = bad if files < _LEAST_FILES else look
        told = f"a process may open {files} files; data loaders and many runs at once need more"
        yield judged("limits", told, f"ulimit -n {higher}  # in the shell that starts the queue")
        return
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    # Whoever may do anything is not limited.
    if processes != resource.RLIM_INFINITY and os.geteuid() != 0:
        used = _own_processes()
        if processes - used < _FEW_PROCESSES:
            told = f"you may have {processes} processes and threads, and have {used}: runs may not start"
            yield look("limits", told, f"ulimit -u {processes + 10 * _FEW_PROCESSES}")
            return
    yield ok("limits", f"a process may open {'any number of' if files == resource.RLIM_INFINITY else files} files")


def watches(case: Case) -> Iterator[Finding]:
    """Look whether files can be watched, by watching one."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    error = ctypes.get_errno()
    name = "max_user_instances"
    if descriptor >= 0:
        is_watched = libc.inotify_add_watch(descriptor, os.fsencode(case.settings.models_dir), _ANY_CHANGE) >= 0
        error = ctypes.get_errno()
        name = "max_user_watches"
        os.close(descriptor)
        if is_watched:
            yield ok("watches", "changes of files are told at once (inotify)")
            return
    if error not in (errno.ENOSPC, errno.EMFILE):
        yield look("watches", f"files cannot be watched: {os.strerror(error)}. `--watch` looks every 3 s", None)
        return
    told = "too many programs watch files: `--watch` looks for changes every 3 s"
    most = Path("/proc/sys/fs/inotify", name).read_text().strip()
    yield look("watches", f"{told} ({name} is {most})", f"sudo sysctl fs.inotify.{name}={4 * int(most)}")


def temporary_files(_environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look whether temporary files can be written."""
    try:
        yield ok("temporary files", tempfile.gettempdir())
    except FileNotFoundError:
        told = "no folder for them can be written: nothing can be launched or tested"
        yield bad("temporary files", told, "export TMPDIR=/some/folder  # or make room: df -h /tmp")


def warm_workers(case: Case) -> Iterator[Finding]:
    """Say which scripts start fresh each time, and why."""
    if not case.settings.is_warm:
        yield ok("warm workers", "off: warm = false in mlp.toml")
        return
    if not sys.platform.startswith("linux"):
        yield ok("warm workers", "off on this system: each run starts fresh")
        return
    why: dict[str, str] = {}
    for run in case.ledger.newest(_LOOKED_AT):
        said = read_json(case.outputs.run_dir(run.name).attempt(run.attempt).worker)
        how = said.get("how") if isinstance(said, dict) else None
        if isinstance(how, str) and how != LEARNING:
            why.setdefault(run.model, "" if is_forked(how) else how)
    cold = [f"{model} starts {how}" for model, how in why.items() if how]
    yield ok("warm workers", "; ".join(cold) if cold else "on")


def _own_processes() -> int:
    """Return how many processes and threads this user has, as far as they can be seen."""
    count = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if lines.get("Uid", "").split()[:1] == [str(os.getuid())]:
            count += int(lines.get("Threads", "1"))
    return count


#: Of inotify(7): IN_MODIFY.
_ANY_CHANGE = 0x2

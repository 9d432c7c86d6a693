"""A spare worker: it has the start of Python behind it, and waits to be told which attempt it carries out.

It speaks lines with the daemon that started it, over a socket. From it: `ready`, and `unfit` when it can be of no use.
To it: `?`, whether it is still there and what it was started from is still the same, which `ready` answers; then, once,
the attempt. It imports nothing that a worker would not import by itself before its script: no socket module either.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from mlpipeline.executors.marks import ROOM
from mlpipeline.executors.sites import site_stamps
from mlpipeline.worker.attempt import carry_out_and_leave
from mlpipeline.worker.becoming import become_worker, printed_so_far
from mlpipeline.worker.importing import ask_beforehand

#: What most workers import of mlpipeline while they carry out their attempt.
_AHEAD = (
    "mlpipeline.authoring.function_model",
    "mlpipeline.authoring.versions",
    "mlpipeline.domain.words",
    "mlpipeline.worker.function_call",
    "mlpipeline.worker.models",
    "mlpipeline.worker.parameters",
)


def wait_and_carry_out(descriptor: int) -> NoReturn:
    """Become the worker of the attempt that the daemon names; end when there is none."""
    os.set_inheritable(descriptor, False)
    # For whatever is started by this process; others go on seeing it until it is filled.
    os.environ.pop(ROOM, None)
    handover = _Line(descriptor).handover()
    if handover is None:
        os._exit(0)
    os.close(descriptor)
    become_worker(handover, handover["how"], printed_so_far())
    carry_out_and_leave(handover["run_dir"], int(handover["number"]), handover["how"], preloaded=set(sys.modules))


class _Line:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = b""

    def handover(self) -> Mapping[str, Any] | None:
        """Return what is to be carried out, or None when there will be nothing."""
        if _is_customised():
            self._say(b"unfit\n")
            return None
        site = site_stamps()
        for name in _AHEAD:
            import_module(name)
        ask_beforehand()
        files = _files()
        stamps = _stamps(files)
        self._say(b"ready\n")
        while (line := self._next()) == b"?":
            if site_stamps() != site or _stamps(files) != stamps:
                return None
            self._say(b"ready\n")
        handover: Mapping[str, Any] | None = json.loads(line) if line else None
        return handover

    def _say(self, line: bytes) -> None:
        with suppress(OSError):  # Then there is nothing to be read any more, either.
            os.write(self._descriptor, line)

    def _next(self) -> bytes:
        """Return the daemon's next line, empty once it is gone."""
        while b"\n" not in self._received:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except OSError:
                data = b""
            if not data:
                return b""
            self._received += data
        line, self._received = self._received.split(b"\n", 1)
        return line


def _is_customised() -> bool:
    """Return whether the user has code run whenever Python starts: it may ask which run that is for.

    What lies in the standard library's folder is the system's, which knows nothing of runs.
    """
    standard = Path(os.__file__).parent
    modules = (sys.modules.get(name) for name in ("sitecustomize", "usercustomize"))
    files = (getattr(module, "__file__", None) for module in modules if module is not None)
    return any(file is None or Path(file).parent != standard for file in files)


def _files() -> list[str]:
    """Return what changes when another interpreter, mlpipeline or project folder takes the place of the present one."""
    ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "mlpipeline"]
    return [sys.executable, *filter(None, (getattr(module, "__file__", None) for module in ours))]


def _stamps(files: list[str]) -> list[object]:
    stamps: list[object] = []
    for file in files:
        try:
            stamps.append(Path(file).stat().st_mtime_ns)
        except OSError:
            stamps.append(None)
    return stamps

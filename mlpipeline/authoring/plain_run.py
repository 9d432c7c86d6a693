"""The run that stages get outside the queue."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run

#: What such a run is seeded with: always the same, so that a script does the same whenever it is run.
_SEED = 0


class _Printed:
    """Prints what a run reports."""

    def metrics(self, values: Mapping[str, int | float], step: int | None) -> None:
        at = "" if step is None else f"step {step}: "
        print(f"{at}{' '.join(f'{name}={value:.6g}' for name, value in values.items())}", flush=True)

    def log(self, message: str, *, to_file: bool) -> None:  # noqa: ARG002 (there is no file)
        print(message, flush=True)

    def progress(self, loop: int, done: int, total: int) -> None:
        pass

    def epochs(self, ended: int) -> None:
        pass

    def stages(self, done: int, total: int) -> None:
        pass


@cache
def plain_run() -> Run:
    """The run of this process that is none of the queue's: it prints, and is never told to stop.

    Its model dir is a temporary one, which is deleted when the process ends.
    """
    import tempfile

    model_dir = Path(tempfile.mkdtemp(prefix="mlpipeline-model-dir-"))
    atexit.register(_delete, model_dir, os.getpid())
    return Run(id="", mode=ExecutionModeKeys.TRAIN, model_dir=model_dir, seed=_SEED, sink=_Printed())


def _delete(folder: Path, process: int) -> None:
    # What the process forked may end in the same way, before it.
    if os.getpid() == process:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)

"""What the daemon asks of a place where runs live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from mlpipeline.domain.spec import Spec
from mlpipeline.errors import MlpipelineError
from mlpipeline.project.paths import AttemptDir, RunDir


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One process that is to carry out a run."""

    run_id: str
    number: int
    run_dir: RunDir
    #: The working directory of the process.
    project: Path
    models_dir: Path
    #: The script, absolute.
    script: str
    #: The name of its stored code: what it imports follows from it.
    code: str | None
    #: What is set in its environment beside what the daemon has itself.
    environment: Mapping[str, str]

    @classmethod
    def of(cls, spec: Spec, run_dir: RunDir, number: int = 1) -> Attempt:
        """Return the attempt that carries out `spec`, with the environment that its user code is promised."""
        attempt_dir = run_dir.attempt(number)
        return cls(
            run_id=spec.run,
            number=number,
            run_dir=run_dir,
            project=Path(spec.project),
            models_dir=Path(spec.models_dir),
            script=spec.script,
            code=Path(spec.code).name if spec.code else None,
            environment={
                "MLP_RUN_ID": spec.run,
                "MLP_ATTEMPT_ID": attempt_id(spec.run, number),
                "MLP_RUN_DIR": str(run_dir.path),
                "MLP_MODEL_DIR": spec.model_dir,
                "MLP_MODE": spec.mode,
                "MLP_METRICS": str(attempt_dir.command_metrics),
                **({} if spec.gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(spec.gpus)}),
            },
        )

    @property
    def id(self) -> str:
        """See `attempt_id`."""
        return attempt_id(self.run_id, self.number)

    @property
    def dir(self) -> AttemptDir:
        """Its folder in the run dir."""
        return self.run_dir.attempt(self.number)


def attempt_id(run_id: str, number: int) -> str:
    """Return what tells an attempt from all others: `7k2m9q.1`."""
    return f"{run_id}.{number}"


class Presence(StrEnum):
    """What an executor sees of a process."""

    #: There.
    ALIVE = "alive"
    #: Over.
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an executor says of one process: a hint; the run dir is the truth."""

    presence: Presence
    #: Its exit status as `subprocess` gives it (negative: the signal that ended it); None when nobody saw it.
    exit_status: int | None = None


class StartRefused(MlpipelineError):
    """A process could not be started now; it may be tried again."""


class Executor(Protocol):
    """A place where runs live. Called by the daemon's loop alone, from one thread; it owns the processes it started."""

    def start(self, attempt: Attempt) -> str:
        """Start the worker of `attempt` and return a handle, JSON text that `look` and `stop` understand.

        To the executor of a later daemon it may mean nothing: that one is asked to `find` the process. The run is
        *running* only once its `worker.json` exists. Getting there may take calls of `look`.

        Raises:
            StartRefused: there is no process; nothing is left behind.
        """
        ...

    def find(self, attempt_id: str) -> str | None:
        """Return a handle of an attempt that a dead daemon may have started, or None if there is no process."""
        ...

    def look(self, handles: Iterable[str]) -> Mapping[str, Seen]:
        """Return what is seen of each process, in one call for all; one that is absent is gone and forgotten.

        That a process ended is said once: the next call has forgotten it.
        """
        ...

    def stop(self, handle: str, *, hard: bool) -> None:
        """End a process: SIGTERM to the worker alone, or (`hard`) SIGKILL to it and all that belongs to its run.

        `hard` is also how what a run left behind is cleared away. Both may be called again, also when it is over.
        """
        ...

    def suspend(self, handle: str) -> None:
        """Have all that belongs to a run stand still; again does no harm."""
        ...

    def wake(self, handle: str) -> None:
        """Have all that belongs to a run go on; again does no harm."""
        ...

    def close(self) -> None:
        """Leave the workers to themselves, and end what has nothing to do without a daemon. Called last, once."""
        ...

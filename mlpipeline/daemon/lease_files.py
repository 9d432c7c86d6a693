"""Which GPUs are leased on this machine, for the daemons of all projects of a user to see."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sweeping import find_by_environment
from mlpipeline.project.files import read_json, to_json, write_whole

#: How long another daemon may take to note its leases, in seconds.
_LOCK_TIME_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who leases a GPU."""

    run: str
    #: The project of the run.
    project: str
    daemon: ProcessId

    @property
    def is_there(self) -> bool:
        """Whether the daemon lives, or anything of the run does: runs outlive their daemon."""
        return self.daemon.is_alive() or next(find_by_environment("MLP_RUN_ID", self.run), None) is not None


class LeaseFiles:
    """A small file for each leased GPU, called as the GPU, which no other machine has."""

    def __init__(self, folder: Path, project: Path, daemon: ProcessId) -> None:
        """Keep them in `folder`, for runs that `daemon` starts in `project`."""
        self._folder = folder
        self._project = str(project)
        self._daemon = daemon

    def other_holder(self, uuid: str) -> Holder | None:
        """Return who leases a GPU, if that is another daemon's run."""
        value = read_json(self._path(uuid))
        daemon = ProcessId.from_json(value.get("daemon")) if isinstance(value, dict) else None
        if daemon is None or daemon == self._daemon:
            return None
        holder = Holder(run=str(value.get("run")), project=str(value.get("project")), daemon=daemon)
        return holder if holder.is_there else None

    def take(self, uuids: Sequence[str], run: str) -> bool:
        """Lease all of these GPUs for a run; return False when another daemon was faster, and none was leased.

        Raises:
            OSError: they could not be noted.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked() as is_mine:
            if not is_mine or any(self.other_holder(uuid) for uuid in uuids):
                return False
            self.keep(uuids, run)
        return True

    def keep(self, uuids: Sequence[str], run: str) -> None:
        """Note that a run leases these GPUs, which nobody else does: it may have from an earlier daemon of its project.

        Raises:
            OSError: that could not be noted.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for uuid in uuids:
            write_whole(self._path(uuid), self._said_of(run), to_disk=False)

    def give_back(self, uuids: Sequence[str], run: str) -> None:
        """Lease these GPUs no more for a run.

        Raises:
            OSError: that could not be noted; they count as free all the same once daemon and run are gone.
        """
        for uuid in uuids:
            value = read_json(self._path(uuid))
            if isinstance(value, dict) and value.get("run") == run:
                self._path(uuid).unlink(missing_ok=True)

    def _said_of(self, run: str) -> bytes:
        return to_json({"run": run, "project": self._project, "daemon": self._daemon.to_json()})

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Keep others from taking; whether that was possible in time."""
        from filelock import FileLock, Timeout

        lock = FileLock(self._folder / ".lock", timeout=_LOCK_TIME_S)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        except NotImplementedError as error:
            raise OSError(errno.ENOLCK, "No locks are to be had") from error
        try:
            yield True
        finally:
            lock.release()

    def _path(self, uuid: str) -> Path:
        return self._folder / f"{uuid}.json"

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
            TimeoutError: another daemon does not come to an end with noting its own.
            OSError: they could not be noted.
        """
        with self._locked():
            if any(self.other_holder(uuid) for uuid in uuids):
                return False
            self._note(uuids, run)
        return True

    def keep(self, uuids: Sequence[str], run: str) -> None:
        """Take over what an earlier daemon of the project leased for a run, if it has not been leased again since.

        Raises:
            OSError: as for `take`.
        """
        with self._locked():
            holders = {uuid: self.other_holder(uuid) for uuid in uuids}
            self._note([uuid for uuid, holder in holders.items() if holder is None or holder.run == run], run)

    def give_back(self, uuids: Sequence[str], run: str) -> None:
        """Lease these GPUs no more for a run.

        Raises:
            OSError: that could not be noted; they count as free all the same once daemon and run are gone.
        """
        for uuid in uuids:
            value = read_json(self._path(uuid))
            if isinstance(value, dict) and value.get("run") == run:
                self._path(uuid).unlink(missing_ok=True)

    def _note(self, uuids: Sequence[str], run: str) -> None:
        said = {"run": run, "project": self._project, "daemon": self._daemon.to_json()}
        for uuid in uuids:
            write_whole(self._path(uuid), to_json(said), to_disk=False)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep others from looking and taking in between."""
        from filelock import FileLock

        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / ".lock", timeout=_LOCK_TIME_S)
        try:
            lock.acquire()
        except NotImplementedError as error:
            raise OSError(errno.ENOLCK, "No locks are to be had") from error
        try:
            yield
        finally:
            lock.release()

    def _path(self, uuid: str) -> Path:
        return self._folder / f"{uuid}.json"

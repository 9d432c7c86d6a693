"""What the runs of this daemon have of its host for themselves, and what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlpipeline.daemon.gpus import Gpu, Gpus, GpusUnreachable
from mlpipeline.daemon.lease_files import LeaseFiles
from mlpipeline.daemon.machine import Machine, memory_used
from mlpipeline.domain.leasing import Amounts, Kind
from mlpipeline.domain.resources import Resources
from mlpipeline.project.paths import AttemptDir, RunDir
from mlpipeline.project.spec_file import read_spec

#: For how long what was seen of GPUs and memory is believed, in seconds.
_LOOK_INTERVAL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Lease:
    """What a run has for itself until it ends."""

    resources: Resources
    #: UUID -> index of its GPUs, in NVML's order; None where its environment is left as it is.
    gpus: Mapping[str, int] | None = None
    #: The `worker.json` of its attempt; None as long as there is none.
    worker: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What there is at a moment."""

    total: Amounts
    free: Amounts
    #: Why not more of it is free.
    notes: Mapping[Kind, str]


class Leases:
    """Knows which run has what, and leases what is free.

    A lease begins before the process of a run does and ends after it, whatever NVML shows meanwhile: a run that still
    loads its data has nothing on its GPUs yet.
    """

    def __init__(self, gpus: Gpus, files: LeaseFiles | None, machine: Machine, log: Callable[[str], None]) -> None:
        """Lease what `gpus` and `machine` have; `files` tell daemons of other projects, where there is a place."""
        self._gpus = gpus
        self._files = files
        self._machine = machine
        self._log = log
        self._leases: dict[str, Lease] = {}
        #: When each kind was looked at last, on the monotonic clock.
        self._looked_at: dict[Kind, float] = {}
        #: The last answer, as long as nothing has changed.
        self._supply: Supply | None = None
        self._supplied: frozenset[Kind] = frozenset()
        #: The GPUs, and why those that no run of this daemon has must not be leased.
        self._seen: Sequence[Gpu] = ()
        self._available_bytes = 0.0
        #: Run -> how much memory it uses.
        self._used: dict[str, int] = {}
        #: Why the GPUs cannot be looked at now.
        self._trouble: str | None = None
        self._told: set[str] = set()

    def supply(self, kinds: frozenset[Kind]) -> Supply:
        """Return what there is of these kinds; GPUs are not among it where this host has none."""
        for kind in kinds:
            self._look(kind)
        if self._supply is None or self._supplied != kinds:
            self._supply, self._supplied = self._supply_of(kinds), kinds
        return self._supply

    def _supply_of(self, kinds: frozenset[Kind]) -> Supply:
        total: dict[Kind, float] = {}
        free: dict[Kind, float] = {}
        notes: dict[Kind, str] = {}
        if Kind.CPUS in kinds:
            total[Kind.CPUS] = self._machine.cpus
            promised = sum(lease.resources.cpus or 0 for lease in self._leases.values())
            free[Kind.CPUS] = max(0.0, total[Kind.CPUS] - promised)
        if Kind.MEMORY in kinds:
            total[Kind.MEMORY] = self._machine.memory_bytes
            free[Kind.MEMORY] = max(0.0, self._available_bytes - self._promised_bytes())
        if Kind.GPUS in kinds and self._gpus.absence is None:
            if self._seen:
                total[Kind.GPUS] = len(self._seen)
            elif self._trouble is None:
                total[Kind.GPUS] = 0  # All are divided.
            free[Kind.GPUS] = len(self._free_gpus())
            notes[Kind.GPUS] = self._why_not_more()
        return Supply(total=total, free=free, notes={kind: note for kind, note in notes.items() if note})

    def take(self, run: str, resources: Resources, worker: Path) -> Lease | None:
        """Lease what a run asks for.

        Args:
            run: its id.
            resources: what it asks for, which was free a moment ago.
            worker: where its `worker.json` will be.

        Returns:
            The lease; None when somebody else was faster: decide again.

        Raises:
            TimeoutError: it cannot be found out now whether another project leases the same.
        """
        chosen = self._chosen(resources)
        if chosen is None or not self._is_noted(list(chosen), run):
            self._forget_look()
            return None
        gpus = None if resources.gpus is None or (resources.gpus and not chosen) else chosen
        lease = Lease(resources=resources, gpus=gpus, worker=worker)
        self._leases[run] = lease
        self._supply = None
        return lease

    def adopt(self, run: str, run_dir: RunDir, attempt: AttemptDir) -> None:
        """Go on with the lease of a run that an earlier daemon started, as its `spec.json` says."""
        spec = read_spec(run_dir)
        if spec is None:
            return
        lease = Lease(resources=spec.conditions.resources, gpus=spec.gpus, worker=attempt.worker)
        self._leases[run] = lease
        self._supply = None
        if lease.gpus and self._files is not None:
            try:
                self._files.keep(list(lease.gpus), run)
            except OSError as error:
                self._tell_unshared(error)

    def free(self, run: str) -> None:
        """A run is over, or never began: what it had is free."""
        lease = self._leases.pop(run, None)
        if lease is None:
            return
        self._forget_look()
        if lease.gpus and self._files is not None:
            try:
                self._files.give_back(list(lease.gpus), run)
            except OSError as error:
                self._tell_unshared(error)

    # Looking

    def _look(self, kind: Kind) -> None:
        now = time.monotonic()
        if now - self._looked_at.get(kind, float("-inf")) < _LOOK_INTERVAL_S:
            return
        self._looked_at[kind] = now
        self._supply = None
        if kind is Kind.GPUS:
            self._look_at_gpus()
        elif kind is Kind.MEMORY:
            self._available_bytes = self._machine.available_bytes
            self._used = {
                run: memory_used(run, lease.worker)
                for run, lease in self._leases.items()
                if lease.worker is not None and lease.resources.memory_bytes
            }

    def _forget_look(self) -> None:
        self._looked_at.clear()

    def _look_at_gpus(self) -> None:
        try:
            self._seen = [replace(gpu, busy=self._why_busy(gpu)) for gpu in self._gpus.look()]
        except GpusUnreachable as error:
            if self._trouble is None:
                self._log(f"the GPUs cannot be looked at: {error}. What asks for one waits")
            self._trouble = str(error)
            return
        if self._trouble is not None:
            self._trouble = None
            self._log("the GPUs can be looked at again")
        if self._gpus.absence is not None:
            self._tell_once(f"no GPUs to lease: {self._gpus.absence}. Runs that ask for some start without")

    def _promised_bytes(self) -> float:
        """Return how much memory was promised to runs that do not use it yet."""
        return sum(
            max(0, (lease.resources.memory_bytes or 0) - self._used.get(run, 0)) for run, lease in self._leases.items()
        )

    # GPUs

    def _chosen(self, resources: Resources) -> dict[str, int] | None:
        """Return the GPUs that a run is to have, none where this host has none; None when too few are free."""
        count = resources.gpus or 0
        if count:
            self._look(Kind.GPUS)
            if self._gpus.absence is not None:
                return {}
        free = self._free_gpus()[:count]
        return {gpu.uuid: gpu.index for gpu in free} if len(free) == count else None

    def _free_gpus(self) -> list[Gpu]:
        if self._trouble is not None:
            return []
        leased = self._leased
        return [gpu for gpu in self._seen if gpu.uuid not in leased and gpu.busy is None]

    @property
    def _leased(self) -> set[str]:
        return {uuid for lease in self._leases.values() for uuid in lease.gpus or ()}

    def _why_busy(self, gpu: Gpu) -> str | None:
        """Return why a GPU must not be leased, if no run of this daemon has it."""
        holder = self._files.other_holder(gpu.uuid) if self._files is not None else None
        return f"leased by run {holder.run} of {holder.project}" if holder is not None else gpu.busy

    def _why_not_more(self) -> str:
        if self._trouble is not None:
            return f"the GPUs cannot be looked at: {self._trouble}"
        leased = self._leased
        return "; ".join(
            f"GPU {gpu.index} is {gpu.busy}" for gpu in self._seen if gpu.busy is not None and gpu.uuid not in leased
        )

    def _is_noted(self, uuids: list[str], run: str) -> bool:
        if not uuids or self._files is None:
            return True
        try:
            return self._files.take(uuids, run)
        except TimeoutError:
            raise
        except OSError as error:
            self._tell_unshared(error)
            return True

    def _tell_unshared(self, error: OSError) -> None:
        self._tell_once(f"other projects are not told which GPUs are leased here: {error}")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._log(text)

"""Starting a run: claim its model dir, store its code, record it, and let its worker go."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.catalogue import Offer
from mlpipeline.daemon.descriptions import Descriptions
from mlpipeline.daemon.leases import Lease, Leases
from mlpipeline.daemon.limits import Limits
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.recovery import is_abandoned
from mlpipeline.domain.names import run_id, run_name
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.runs import Run
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Start, State
from mlpipeline.errors import IllegalTransition
from mlpipeline.executors.executor import Attempt, Executor, StartRefused
from mlpipeline.executors.oom_kills import OomKills
from mlpipeline.history import claims
from mlpipeline.history.stores import CodeChanged, store_code
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import read_json, to_json, write_whole
from mlpipeline.project.paths import Outputs, RunDir
from mlpipeline.project.progress import read_progress
from mlpipeline.project.settings import Settings
from mlpipeline.project.spec_file import read_spec

_SEED_LIMIT = 2**32
#: How long it takes at most, but on a bad day, from a claim to the record of its run, in seconds.
_RECORDING_TIME_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Held:
    """Why a version does not start now."""

    why: str
    #: Whether that may be over.
    is_over: Callable[[], bool]
    #: When it was found, on the monotonic clock.
    since: float = field(default_factory=time.monotonic)

    @property
    def is_new(self) -> bool:
        """Whether the holder may only not have recorded yet what it starts."""
        return time.monotonic() - self.since < _RECORDING_TIME_S


class Starter:
    """Starts runs."""

    def __init__(
        self,
        settings: Settings,
        outputs: Outputs,
        records: Records,
        descriptions: Descriptions,
        executor: Executor,
        leases: Leases,
        oom_kills: OomKills,
        *,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._outputs = outputs
        self._records = records
        self._descriptions = descriptions
        self._executor = executor
        self._leases = leases
        self._oom_kills = oom_kills
        self._random = random or secrets.SystemRandom()
        #: Runs that were selected and could not be started, to be withdrawn.
        self._failed: list[tuple[str, Offer, str]] = []

    def start(self, offer: Offer, start: Start, last: Run | None) -> Active | Held | None:
        """Start a run of a version.

        Args:
            offer: the version.
            start: what is done about its model dir.
            last: the latest run in its model dir, as far as this host knew when it decided on `start`.

        Returns:
            The run under way; why it is held; or None when its code is changing right now, or another host, or another
            project that wants the same GPU, was faster: decide again.

        Raises:
            OSError: something could not be written; nothing was started, and it may be tried again.
            StartRefused: no process could be started; likewise.
        """
        self._withdraw_what_failed()
        run = self._new_id()
        name = run_name(offer.model, offer.version, run)
        held = self._claim(offer, run, name)
        if held is not None:
            return held
        # Whoever held the model dir before recorded how that ended before it gave it back.
        self._records.ledger.catch_up()
        ledger = self._records.ledger
        # What there was to go on with may have been deleted just now.
        is_gone = last is not None and start is not Start.CLEAN and ledger.is_collected(last.id)
        if ledger.latest(offer.model_dir) != last or is_gone:
            self._release(offer, run)
            return None
        worker = self._records.outputs.run_dir(name).attempt(1).worker
        try:
            lease = self._leases.take(run, offer.conditions.resources, worker)
            if lease is None:
                self._release(offer, run)
                return None
            spec = self._written_spec(offer, run, name, start, last, lease)
            self._select(spec, offer, last)
        except CodeChanged:
            self._descriptions.forget(offer.script)
            self._release(offer, run)
            return None
        except BaseException:
            self._release(offer, run)
            raise
        try:
            return self._launch(spec)
        except (OSError, StartRefused) as error:
            self._failed.append((run, offer, str(error)))
            self._withdraw_what_failed()
            raise

    def asked_by(self, run: Run) -> Resources:
        """Return what a run that was selected asks for; nothing where its record is gone."""
        spec = read_spec(self._records.outputs.run_dir(run.name))
        return spec.conditions.resources if spec is not None else Resources()

    def why_not_again(self, run: Run) -> str | None:
        """Take the model dir of a run for another attempt; return why there cannot be one, or None."""
        if self._records.ledger.is_collected(run.id):
            return "gc deleted what it left; where it is listed, a launch starts it anew"
        if read_spec(self._records.outputs.run_dir(run.name)) is None:
            return f"its record in {self._records.outputs.run_dir(run.name).path} is gone"
        path = self._outputs.claim(run.model_dir)
        holder = self._take(path, run.id, run.name)
        if holder is not None and holder.run != run.id:
            return _why_held(holder, path, run.key)
        # Somebody may have released it while no daemon was here, and another host have gone on with it.
        self._records.ledger.catch_up()
        latest = self._records.ledger.latest(run.model_dir)
        if latest is not None and latest.id != run.id:
            claims.release(path, run.id)
            return f"run {latest.id} came after it in its model dir"
        return None

    def start_again(self, run: Run) -> Active | None:
        """Start the next attempt of a run, which waits for it; `why_not_again` has just found nothing against it.

        Returns:
            The run under way; None when something came between: decide again.

        Raises:
            OSError: something could not be written; nothing was started, and it may be tried again.
            StartRefused: no process could be started; likewise.
        """
        run_dir = self._records.outputs.run_dir(run.name)
        spec = read_spec(run_dir)
        if spec is None:
            return None
        lease = self._leases.take(run.id, spec.conditions.resources, run_dir.attempt(run.attempt).worker)
        if lease is None:
            return None
        try:
            return self._launch(self._rewritten(spec, run, run_dir, lease), run.attempt)
        except BaseException:
            self._leases.free(run.id)
            raise

    def _rewritten(self, spec: Spec, run: Run, run_dir: RunDir, lease: Lease) -> Spec:
        spec = replace(
            spec,
            gpus=lease.gpus,
            start=run.start,
            steps_done=() if run.start is Start.CLEAN else self._steps_done(run),
            is_trained=run.is_trained and self._outputs.model_dir(run.model_dir).is_dir(),
        )
        write_whole(run_dir.spec, to_json(spec.to_json()), to_disk=False)
        return spec

    def _withdraw_what_failed(self) -> None:
        # On a full disk it may take until the next try to say so.
        while self._failed:
            run, offer, why = self._failed[0]
            self._records.note({"event": "withdrawn", "run": run, "why": why})
            self._release(offer, run)
            del self._failed[0]

    def _new_id(self) -> str:
        while True:
            run = run_id(self._random)
            if self._records.ledger.get(run) is None:
                return run

    def _claim(self, offer: Offer, run: str, name: str) -> Held | None:
        path = self._outputs.claim(offer.model_dir)
        holding = self._take(path, run, name)
        if holding is None:
            return None
        return Held(
            why=_why_held(holding, path, offer.key),
            is_over=lambda: (
                claims.read(path) != holding or self._is_abandoned(holding) or self._is_under_way(holding, offer)
            ),
        )

    def _take(self, path: Path, run: str, name: str) -> claims.Claim | None:
        """Take a model dir for a run; return None, or the claim of whoever holds it."""
        run_dir = str(self._records.outputs.run_dir(name).path)
        claim = claims.Claim(host=self._outputs.host, run=run, run_dir=run_dir, at=timestamp())
        holder = claims.take(path, claim)
        if holder is not None and self._is_abandoned(holder):
            claims.release(path, holder.run)
            holder = claims.take(path, claim)
        return holder

    def _is_abandoned(self, claim: claims.Claim) -> bool:
        return is_abandoned(claim, self._outputs.host, self._records)

    def _is_under_way(self, claim: claims.Claim, offer: Offer) -> bool:
        # Another host had claimed it and not yet recorded the run; from then on history says what there is to say.
        latest = self._records.ledger.latest(offer.model_dir)
        return latest is not None and latest.is_open and latest.id == claim.run

    def _release(self, offer: Offer, run: str) -> None:
        self._leases.free(run)
        claims.release(self._outputs.claim(offer.model_dir), run)

    def _written_spec(self, offer: Offer, run: str, name: str, start: Start, last: Run | None, lease: Lease) -> Spec:
        records = self._records.outputs
        before = None if start is Start.CLEAN else last
        code = store_code(records, offer.files, self._settings.root)
        spec = Spec(
            run=run,
            name=name,
            model=offer.model,
            version=offer.version,
            base=offer.base,
            changes=offer.changes,
            mode=Mode.EXECUTION,
            host=self._outputs.host,
            script=str(self._settings.models_dir / offer.script),
            models_dir=str(self._settings.models_dir),
            project=str(self._settings.root),
            model_dir=str(self._outputs.model_dir(offer.model_dir)),
            start=start,
            seed=self._seed(offer, before),
            parameters=offer.parameters,
            identity=offer.identity,
            code=str(records.code(code)),
            steps_done=self._steps_done(before) if before is not None else (),
            # Whoever deletes a model dir wants its training anew.
            is_trained=before is not None and before.is_trained and self._outputs.model_dir(offer.model_dir).is_dir(),
            conditions=offer.conditions,
            gpus=lease.gpus,
            log=str(records.log),
            tensorboard=self._settings.tensorboard,
        )
        run_dir = records.run_dir(name)
        run_dir.path.mkdir(parents=True, exist_ok=True)
        write_whole(run_dir.spec, to_json(spec.to_json()), to_disk=False)
        return spec

    def _seed(self, offer: Offer, before: Run | None) -> int:
        if offer.seed is not None:
            return offer.seed
        # What is resumed goes on with the randomness it began with.
        return before.seed if before is not None else self._random.randrange(_SEED_LIMIT)

    def _steps_done(self, before: Run) -> tuple[int, ...]:
        model_dir = self._outputs.model_dir(before.model_dir)
        if not model_dir.is_dir() or not any(model_dir.iterdir()):
            return ()  # What the steps computed was not kept.
        run_dir = self._outputs.run_dir(before.name)
        is_waiting = before.state is State.WAITING and before.past
        number = before.past[-1].attempt if is_waiting else before.attempt
        done = tuple(loop.done for loop in read_progress(run_dir.attempt(number).progress))
        # A run that was cut short before it came to a loop leaves that where it found it.
        found = (read_json(run_dir.spec) or {}).get("steps_done", ())
        return (*done, *found[len(done) :])

    def _select(self, spec: Spec, offer: Offer, last: Run | None) -> None:
        self._records.note(
            {
                "event": "selected",
                "run": spec.run,
                "name": spec.name,
                "model": spec.model,
                "version": spec.version,
                "host": spec.host,
                "launch": self._records.launch,
                "identity": offer.identity,
                "start": spec.start,
                "seed": spec.seed,
                "model_dir": offer.model_dir,
                "parameters": offer.parameters,
                "previous": last.id if last else None,
                "code": Path(spec.code).name if spec.code else None,
            }
        )

    def _launch(self, spec: Spec, number: int = 1) -> Active:
        run_dir = self._records.outputs.run_dir(spec.name)
        attempt = Attempt.of(spec, run_dir, number)
        began_at = time.monotonic()
        oom_watch = self._oom_kills.watch()
        handle = self._executor.start(attempt)
        active = Active(
            run_id=spec.run,
            attempt=attempt.dir,
            handle=handle,
            conditions=spec.conditions,
            limits=Limits(spec.conditions, run_dir, number),
            oom_watch=oom_watch,
            began_at=began_at,
        )
        # The worker says itself that it is there; without the event it is only harder to find before it has. Whatever
        # the history takes, a process that was started is watched.
        with suppress(OSError, IllegalTransition):
            self._records.note({"event": "started", "run": spec.run, "handle": handle}, to_disk=False)
        which = f", attempt {number}" if number > 1 else ""
        self._records.log(f"{spec.model}:{spec.version} starts{_HOW[spec.start]}{which}", spec.run)
        return active


def _why_held(claim: claims.Claim, path: Path, key: str) -> str:
    if claim is claims.UNREADABLE:
        return f"who uses its model dir cannot be read from {path}. If no run does, delete that file"
    told = f"its model dir is in use by run {claim.run} of {claim.host}, since {claim.at}"
    return f"{told}. If that run is gone for good: mlpipeline release {key}"


_HOW = {Start.CLEAN: "", Start.RESUME: ", resuming", Start.AGAIN: ", called again"}

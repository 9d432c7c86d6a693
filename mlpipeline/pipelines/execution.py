"""Running the stages of a pipeline: each at most once, and not at all where what it makes is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from mlpipeline.authoring.plain_run import plain_run
from mlpipeline.authoring.run import Run, StageRun, current, set_current
from mlpipeline.domain.graph import Source
from mlpipeline.errors import DamagedArtifact, NotStored, PipelineStopped
from mlpipeline.pipelines.bases import Bases
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.calling import made_by
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.copies import Original
from mlpipeline.pipelines.live_artifacts import LiveArtifact
from mlpipeline.pipelines.numbers import numbers_of
from mlpipeline.pipelines.records import Basis, Made, StoredArtifact
from mlpipeline.pipelines.serializers.own import OwnFormat
from mlpipeline.pipelines.watching import Watcher
from mlpipeline.pipelines.wiring import StageCall
from mlpipeline.project.seeding import drawing_alone, drawing_apart

#: Of a shorter wait for another process nobody is told, in seconds.
_WAIT_TOLD_AFTER_S = 2.0


class _Lost(Exception):
    """What a stage has made is damaged, and not there any more."""

    def __init__(self, call: StageCall) -> None:
        super().__init__(call.name)
        self.call = call


class Execution:
    """One pass through the stages of a pipeline, for a run of the queue or without one."""

    def __init__(
        self,
        *,
        cache: Cache | None,
        watcher: Watcher,
        artifacts: Mapping[str, LiveArtifact],
        run: Run | None = None,
        force: Collection[str] = (),
        uncached: Collection[str] = (),
    ) -> None:
        """Take what the stages work with.

        Args:
            cache: where what they make is kept; None for nowhere.
            watcher: hears of each of them.
            artifacts: those that are there already.
            run: what a stage gets that takes `run`.
            force: the stages that run also where what they make is in the cache.
            uncached: the calls that are neither looked for in the cache nor kept there, and draw what they would
                draw anywhere: several threads may run them at the same time, and a seed is the process's.
        """
        self._cache = cache
        self._watcher = watcher
        self._run = run or current()
        self._force = force
        self._run_id = None if self._run is None else self._run.id
        self._uncached = uncached
        self._bases: Bases | None = None
        #: Calls whose artifacts are there, in order.
        self._over: dict[str, StageCall] = {}
        #: The names of those that were made again, because their artifacts were damaged, and of those not to be kept.
        self._made_again: set[str] = set()
        self._unkept: set[str] = set()
        self.artifacts = dict(artifacts)

    def run(self, calls: Sequence[StageCall]) -> None:
        """Have all that these calls make in `artifacts`. The code of all counts as it is now, before the first runs.

        Raises:
            PipelineStopped: the run was told to stop.
            BaseException: what a stage raises, or the `load` of a marker class.
        """
        if self._cache is not None:
            kept = [call for call in calls if call.name not in self._uncached]
            self._bases = Bases(kept, self._cache.remembered, self._cache.facts)
            for stage, why in self._bases.unknown.items():
                self._watcher.warns(f"stage {stage} runs every time, because {why}")
            self._warn_of_unlike(dict.fromkeys(need for call in kept for need in call.needs()))
        self._watcher.plans(calls)
        for call in calls:
            self._have_made(call)

    def _artifacts_of(self, call: StageCall) -> dict[str, LiveArtifact]:
        """Return what a stage makes, by the names of the artifacts.

        Raises:
            _Lost: something that it takes is damaged.
        """
        self._heed_stop(call)
        basis = None if call.name in self._unkept else self._basis(call)
        if self._cache is None or basis is None:
            return self._called(call)
        # Where all is there, nobody waits for anybody.
        made = self._found(call, basis)
        if made is None:
            # In this order: who makes it never waits for a thread that waits for what it makes.
            with (
                drawing_alone(partial(self._heed_stop, call)),
                self._cache.making(basis.key(), self._waits(call), self._run_id),
            ):
                made = self._found(call, basis, is_told=True)
                if made is None:
                    return self._made(call, basis, self._inputs(call), self._cache)
        self._watcher.found(call, made)
        self._tell_numbers(call, made.numbers)
        return self._stored(call, made)

    def _found(self, call: StageCall, basis: Basis, *, is_told: bool = False) -> Made | None:
        if self._cache is None or call.stage.name in self._force:
            return None
        try:
            return self._cache.use(call.name, basis.key())
        except DamagedArtifact as error:
            if not is_told:
                self._tell_damage(call, error)
            return None

    def _made(self, call: StageCall, basis: Basis, inputs: Mapping[str, Any], cache: Cache) -> dict[str, LiveArtifact]:
        values, seconds = self._values(call, inputs, basis.key())
        try:
            made = cache.put(basis, values, seconds, self._run_id, self._formats(call))
        except NotStored as error:
            self._watcher.ran(call, seconds, None)
            self._tell_numbers(call, numbers_of(values))
            where = f" {cache.folder}" if isinstance(error.__cause__, OSError) else ""
            self._watcher.warns(
                f"stage {call.name}: what it made is not kept in the cache{where}, only in memory, "
                f"and neither is what is made of it: {error}"
            )
            return {name: LiveArtifact.given(value, None) for name, value in values.items()}
        self._watcher.ran(call, seconds, sum(artifact.size_bytes for artifact in made.artifacts))
        self._tell_numbers(call, made.numbers)
        return self._stored(call, made)

    def _waits(self, call: StageCall) -> Callable[[str | None], None]:
        """Return what tells once who makes what a stage makes, and ends the waiting when the run is to stop."""
        began = time.monotonic()
        is_told = False

        def waits(maker: str | None) -> None:
            nonlocal is_told
            self._heed_stop(call)
            if not is_told and time.monotonic() - began > _WAIT_TOLD_AFTER_S:
                is_told = True
                self._watcher.waits(call, maker)

        return waits

    def _called(self, call: StageCall) -> dict[str, LiveArtifact]:
        """Call a stage that runs every time. Where its artifacts are as they were, what takes them is still cached."""
        seed = 0 if self._run is None else self._run.seed
        is_unkept = call.name in self._uncached
        values, seconds = self._values(call, self._inputs(call), None if is_unkept else f"{seed} {call.name}")
        self._watcher.ran(call, seconds, None)
        self._tell_numbers(call, numbers_of(values))
        if is_unkept:
            return {name: LiveArtifact.passing(value) for name, value in values.items()}
        live = {name: LiveArtifact.given(value, self._cache) for name, value in values.items()}
        for name, one in live.items():
            if one.unlike is not None:
                self._watcher.warns(f"stage {call.name}: {_unlike(name, one.unlike)}")
        return live

    def _warn_of_unlike(self, artifacts: Iterable[str]) -> None:
        for name in artifacts:
            if name in self.artifacts and (unlike := self.artifacts[name].unlike) is not None:
                self._watcher.warns(_unlike(name, unlike))

    def _stored(self, call: StageCall, made: Made) -> dict[str, LiveArtifact]:
        return {artifact.name: self._live(call, made, artifact) for artifact in made.artifacts}

    def _live(self, call: StageCall, made: Made, artifact: StoredArtifact) -> LiveArtifact:
        def load() -> Any:
            assert self._cache is not None
            try:
                return self._cache.load(artifact, self._formats(call).get(artifact.name))
            except DamagedArtifact as error:
                self._tell_damage(call, error)
                self._cache.forget(made)
                self._note_lost(call)
                raise _Lost(call) from error

        def value() -> Any:
            try:
                return load()
            except _Lost:
                self._have_made(call)
                return self.artifacts[artifact.name].value()

        assert self._bases is not None
        digest = self._bases.digest_of(artifact)
        if digest is None:
            why = self._bases.unknown_uses[artifact.name]
            self._watcher.warns(f'what takes "{artifact.name}" runs every time, because {why}')
        return LiveArtifact(digest=digest, value=value, stored=artifact, load=load)

    def _note_lost(self, call: StageCall) -> None:
        """What is damaged twice is kept in memory: a disk that loses everything would keep us at it for ever."""
        if call.name in self._made_again:
            self._unkept.add(call.name)
        self._made_again.add(call.name)

    def _have_made(self, call: StageCall) -> None:
        """Have what a stage makes at hand, and before it, one after the other, what it needs of all that is damaged.

        What was found or made of something that differs now is had anew, too.
        """
        self._over.setdefault(call.name, call)
        due = {call.name}
        while due:
            # The first in order: whatever it takes is there.
            one = next(one for one in self._over.values() if one.name in due)
            try:
                artifacts = self._artifacts_of(one)
            except _Lost as lost:
                due.add(lost.call.name)
                continue
            due.remove(one.name)
            changed = {name for name, live in artifacts.items() if self._differs(name, live)}
            self.artifacts |= artifacts
            if changed:
                due |= {taker.name for taker in self._over.values() if changed.intersection(taker.needs())}

    def _differs(self, name: str, live: LiveArtifact) -> bool:
        return name in self.artifacts and (live.digest is None or live.digest != self.artifacts[name].digest)

    def _formats(self, call: StageCall) -> Mapping[str, OwnFormat]:
        return {} if self._bases is None or not call.markers else self._bases.formats(call)

    def _basis(self, call: StageCall) -> Basis | None:
        if self._bases is None:
            return None
        return self._bases.of(call, {name: self.artifacts[name].digest for name in call.needs()})

    def _inputs(self, call: StageCall) -> dict[str, Any]:
        is_lent = call.name in self._uncached
        return {name: self._input(source, is_lent=is_lent) for name, source in call.takes.items()}

    def _values(self, call: StageCall, inputs: Mapping[str, Any], key: str | None) -> tuple[dict[str, Any], float]:
        """Return what a stage makes, and how long that took, in seconds; what it draws follows from the key, if any.

        Raises:
            PipelineStopped: it saw that it should stop, so what it returned is not what it is to make.
            BaseException: what it raises.
        """
        self._watcher.begins(call)
        run = None if self._run is None else StageRun(self._run)
        given = (run or plain_run()) if call.takes_run else None
        process = os.getpid()
        began = time.perf_counter()
        try:
            called = partial(self._made_by, call, inputs, given, run)
            values = called() if key is None else drawing_apart(_seed(key), called)
        except BaseException as error:
            if os.getpid() == process:
                self._watcher.fails(call, error)
            raise
        if os.getpid() != process:
            raise PipelineStopped(f"stage {call.name} forked this process, which is not to go on with the pipeline")
        if run is not None and run.stop_noticed:
            raise PipelineStopped(f"stage {call.name} was stopped: what it made so far is not kept in the cache")
        return values, time.perf_counter() - began

    def _made_by(
        self, call: StageCall, inputs: Mapping[str, Any], given: Run | None, run: StageRun | None
    ) -> dict[str, Any]:
        parameters = call.parameters
        if call.name not in self._uncached:
            # What it does to them, neither another stage nor the script sees.
            parameters = Original(dict(parameters)).copy()
        if run is None:
            return made_by(call, parameters, inputs, given)
        # What `log()` and a `MetricContainer` report is of this stage, too.
        before = current()
        set_current(run)
        try:
            return made_by(call, parameters, inputs, given)
        finally:
            set_current(before)

    def _heed_stop(self, call: StageCall) -> None:
        if self._run is not None and self._run.should_stop:
            raise PipelineStopped(f"stopped before stage {call.name}")

    def _tell_damage(self, call: StageCall, error: DamagedArtifact) -> None:
        self._watcher.warns(f"{call.name}: {error}: it is made again")

    def _tell_numbers(self, call: StageCall, numbers: Mapping[str, int | float]) -> None:
        if numbers:
            self._watcher.numbers(call, numbers)

    def _input(self, source: Source, *, is_lent: bool) -> Any:
        if source.is_dict:
            return {artifact: self._loaded(artifact, is_lent=is_lent) for artifact in source.artifacts}
        return self._loaded(source.artifacts[0], is_lent=is_lent)

    def _loaded(self, artifact: str, *, is_lent: bool) -> Any:
        live = self.artifacts[artifact]
        if live.load is not None:
            return live.load()
        return live.lent() if is_lent and live.lent is not None else live.value()


def _unlike(name: str, unlike: str) -> str:
    return f'nobody can tell "{name}", {unlike}: what is made of it is not kept in the cache'


def _seed(text: str) -> int:
    """Return a seed that follows from a text, in [0, 2**32)."""
    return int(text_digest(text)[:8], 16)

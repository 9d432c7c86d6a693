"""Running the steps of a pipeline: each at most once, and not at all where what it makes is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlpipeline.domain.graph import Source
from mlpipeline.errors import DamagedArtifact, NotStored
from mlpipeline.pipelines.bases import Bases
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.calling import call
from mlpipeline.pipelines.copies import Original
from mlpipeline.pipelines.records import Basis, Made, StoredArtifact
from mlpipeline.pipelines.value_digests import value_digest
from mlpipeline.pipelines.wiring import Step

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run


class Watcher(Protocol):
    """Hears of the steps of a pipeline, in the thread that runs them, each before the next begins."""

    def found(self, step: Step, made: Made) -> None:
        """What the step makes is in the cache."""

    def waits(self, step: Step, maker: str | None) -> None:
        """Another process makes what the step makes; `maker` says which, where that is known. Heard once."""

    def begins(self, step: Step) -> None:
        """The step runs from now on."""

    def ran(self, step: Step, seconds: float, size_bytes: int | None) -> None:
        """The step took that long; the size of what it made is None where that was not stored."""

    def warns(self, message: str) -> None:
        """Something is not as it should be, though the step goes on."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """An artifact while a pipeline runs: its value is had when it is asked for."""

    #: Of its content; None where that cannot be said.
    digest: str | None
    value: Callable[[], Any]

    @classmethod
    def given(cls, value: Any, *, has_digest: bool) -> Held:
        """What is there already; its digest costs reading all of it."""
        return cls(digest=value_digest(value) if has_digest else None, value=Original(value).copy)


class Execution:
    """One run through the steps of a pipeline."""

    def __init__(
        self,
        *,
        cache: Cache | None,
        watcher: Watcher,
        held: Mapping[str, Held],
        run: Run | None = None,
        force: Collection[str] = (),
        uncached: Collection[str] = (),
    ) -> None:
        """Take what the steps work with.

        Args:
            cache: where what they make is kept; None for nowhere.
            watcher: hears of each of them.
            held: artifacts that are there already.
            run: what a stage gets that takes `run`.
            force: the stages that run also where what they make is in the cache.
            uncached: the steps that are neither looked for in the cache nor kept there.
        """
        self._cache = cache
        self._watcher = watcher
        self._run = run
        self._force = force
        self._uncached = uncached
        self._run_id = None if run is None else run.id
        self._bases: Bases | None = None
        #: Steps whose artifacts are held.
        self._over: list[Step] = []
        #: The names of those that were made again, because their artifacts were damaged, and of those not to be kept.
        self._made_again: set[str] = set()
        self._unkept: set[str] = set()
        self.held = dict(held)

    def run(self, steps: Sequence[Step]) -> None:
        """Have all that these steps make in `held`. The code of all counts as it is now, before the first runs."""
        if self._cache is not None:
            self._bases = Bases(step for step in steps if step.name not in self._uncached)
        for step in steps:
            self.held |= self._outcome(step)
            self._over.append(step)

    def _outcome(self, step: Step) -> dict[str, Held]:
        while True:
            basis = None if step.name in self._unkept else self._basis(step)
            if self._cache is None or basis is None:
                return self._called(step)
            # Where all is there, nobody waits for anybody.
            made = self._found(step, basis)
            if made is None:
                with self._cache.making(basis.key(), self._waits(step), self._run_id):
                    made = self._found(step, basis, is_told=True)
                    if made is None:
                        inputs = self._inputs(step)
                        # What it takes may have been damaged, and be another one now that it was made again.
                        if self._basis(step) == basis:
                            return self._made(step, basis, inputs, self._cache)
                        continue
            self._watcher.found(step, made)
            return self._stored(step, made)

    def _found(self, step: Step, basis: Basis, *, is_told: bool = False) -> Made | None:
        if self._cache is None or step.stage.name in self._force:
            return None
        try:
            return self._cache.use(step.name, basis.key())
        except DamagedArtifact as error:
            if not is_told:
                self._watcher.warns(f"{step.name}: {error}: it is made again")
            return None

    def _made(self, step: Step, basis: Basis, inputs: Mapping[str, Any], cache: Cache) -> dict[str, Held]:
        values, seconds = self._values(step, inputs)
        try:
            made = cache.put(basis, values, seconds, self._run_id)
        except NotStored as error:
            self._watcher.warns(f"{step.name} is not kept in the cache, only in memory: {error}")
            self._watcher.ran(step, seconds, None)
            return _in_memory(values)
        self._watcher.ran(step, seconds, sum(artifact.size_bytes for artifact in made.artifacts))
        return self._stored(step, made)

    def _waits(self, step: Step) -> Callable[[str | None], None]:
        """Return what tells once who makes what a step makes."""
        told: list[str | None] = []

        def waits(maker: str | None) -> None:
            if not told:
                told.append(maker)
                self._watcher.waits(step, maker)

        return waits

    def _called(self, step: Step) -> dict[str, Held]:
        values, seconds = self._values(step, self._inputs(step))
        self._watcher.ran(step, seconds, None)
        return _in_memory(values)

    def _stored(self, step: Step, made: Made) -> dict[str, Held]:
        return {artifact.name: self._held(step, made, artifact) for artifact in made.artifacts}

    def _held(self, step: Step, made: Made, artifact: StoredArtifact) -> Held:
        def load() -> Any:
            assert self._cache is not None
            try:
                return self._cache.load(artifact)
            except DamagedArtifact as error:
                self._watcher.warns(f"{step.name}: {error}: it is made again")
                self._cache.forget(made)
                self._make_again(step)
                return self.held[artifact.name].value()

        return Held(digest=artifact.content_digest, value=load)

    def _make_again(self, damaged: Step) -> None:
        """Have a step made whose artifacts are damaged, and what was found or made of them if they differ now.

        What is damaged twice is kept in memory: a disk that loses everything would keep us at it for ever.
        """
        if damaged.name in self._made_again:
            self._unkept.add(damaged.name)
        self._made_again.add(damaged.name)
        changed = self._replaced(damaged)
        for step in self._over:
            if step.name != damaged.name and changed.intersection(step.needs()):
                changed |= self._replaced(step)

    def _replaced(self, step: Step) -> set[str]:
        """Have a step's artifacts held anew, and return those that are not what they were."""
        outcome = self._outcome(step)
        changed = {
            name for name, held in outcome.items() if held.digest is None or held.digest != self.held[name].digest
        }
        self.held |= outcome
        return changed

    def _basis(self, step: Step) -> Basis | None:
        if self._bases is None:
            return None
        return self._bases.of(step, {name: self.held[name].digest for name in step.needs()})

    def _inputs(self, step: Step) -> dict[str, Any]:
        return {name: self._input(source) for name, source in step.takes.items()}

    def _values(self, step: Step, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """Return what a step makes, and how long that took, in seconds."""
        self._watcher.begins(step)
        began = time.perf_counter()
        values = call(step, inputs, self._run)
        return values, time.perf_counter() - began

    def _input(self, source: Source) -> Any:
        if source.is_dict:
            return {artifact: self.held[artifact].value() for artifact in source.artifacts}
        return self.held[source.artifacts[0]].value()


def _in_memory(values: Mapping[str, Any]) -> dict[str, Held]:
    return {name: Held.given(value, has_digest=False) for name, value in values.items()}

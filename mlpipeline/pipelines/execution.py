"""Running the steps of a pipeline: each at most once, and not at all where what it makes is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlpipeline.domain.graph import Source
from mlpipeline.errors import DamagedArtifact
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
        self._bases: Bases | None = None
        self.held = dict(held)

    def run(self, steps: Sequence[Step]) -> None:
        """Have all that these steps make in `held`. The code of all counts as it is now, before the first runs."""
        if self._cache is not None:
            self._bases = Bases(step for step in steps if step.name not in self._uncached)
        for step in steps:
            self.held |= self._outcome(step)

    def _outcome(self, step: Step) -> dict[str, Held]:
        basis = self._basis(step)
        if self._cache is None or basis is None:
            return self._called(step)
        with self._cache.making(basis.key()):
            made = None if step.stage.name in self._force else self._cache.find(step.name, basis.key())
            if made is not None:
                self._watcher.found(step, made)
            else:
                began = time.perf_counter()
                self._watcher.begins(step)
                values = self._values(step)
                seconds = time.perf_counter() - began
                made = self._cache.put(basis, values, seconds, None if self._run is None else self._run.id)
                self._watcher.ran(step, seconds, sum(artifact.size_bytes for artifact in made.artifacts))
        return {artifact.name: self._stored(step, made, artifact) for artifact in made.artifacts}

    def _called(self, step: Step) -> dict[str, Held]:
        self._watcher.begins(step)
        began = time.perf_counter()
        values = self._values(step)
        self._watcher.ran(step, time.perf_counter() - began, None)
        return {name: Held.given(value, has_digest=False) for name, value in values.items()}

    def _stored(self, step: Step, made: Made, artifact: StoredArtifact) -> Held:
        def load() -> Any:
            assert self._cache is not None
            try:
                return self._cache.load(artifact)
            except DamagedArtifact as error:
                self._watcher.warns(f"{step.name}: {error}: it is made again")
                self._cache.forget(made)
                self.held |= self._outcome(step)
                return self.held[artifact.name].value()

        return Held(digest=artifact.content_digest, value=load)

    def _basis(self, step: Step) -> Basis | None:
        if self._bases is None:
            return None
        return self._bases.of(step, {name: self.held[name].digest for name in step.needs()})

    def _values(self, step: Step) -> dict[str, Any]:
        return call(step, {name: self._input(source) for name, source in step.takes.items()}, self._run)

    def _input(self, source: Source) -> Any:
        if source.is_dict:
            return {artifact: self.held[artifact].value() for artifact in source.artifacts}
        return self.held[source.artifacts[0]].value()

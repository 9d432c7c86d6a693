"""A pipeline that has learned, to be run as often as anybody likes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from mlpipeline.domain.words import named
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.copies import Original
from mlpipeline.pipelines.execution import Execution
from mlpipeline.pipelines.live_artifacts import LiveArtifact
from mlpipeline.pipelines.plan import Plan, artifact_handed_in
from mlpipeline.pipelines.watching import SILENT
from mlpipeline.pipelines.wiring import Purpose, Wiring


class FittedState(Original):
    """What one stage has learned, for all who call `run`."""

    def __init__(self, value: Any, digest: str | None) -> None:
        super().__init__(value)
        #: Of its content; None where that cannot be said.
        self.digest = digest


class Fitted:
    """The stages of a pipeline as they were when they learned, and what each has learned.

    Several threads may run it at the same time.
    """

    def __init__(self, wiring: Wiring, states: Mapping[str, FittedState]) -> None:
        self.wiring = wiring
        #: Stage -> its state.
        self.states = states
        # A server asks for the same again and again, and to plan that takes longer than small stages do.
        self._plans: dict[tuple[frozenset[str], tuple[str, ...] | None], tuple[dict[str, str], Plan]] = {}

    def run(
        self,
        inputs: Mapping[str, Any],
        outputs: tuple[str, ...] | None,
        cache: Callable[[], Cache | None],
        force: Collection[str],
    ) -> tuple[Execution, Plan]:
        """Run what is needed for `outputs`; return what holds it, and what was asked for.

        Raises:
            PipelineError: something is not handed in, or a stage has not learned.
            BaseException: what a stage raises.
        """
        asked = (frozenset(inputs), outputs)
        if asked not in self._plans:
            self._plans[asked] = self._plan(*asked)
        artifacts, plan = self._plans[asked]
        live = {artifacts[name]: LiveArtifact.passing(value) for name, value in inputs.items()}
        live |= {
            self.wiring.states[name]: LiveArtifact(digest=state.digest, value=state.copy, lent=state.lent)
            for name, state in self.states.items()
        }
        # A server that is asked for ever is not to fill its disk.
        uncached = plan.dependent
        kept = cache() if any(call.name not in uncached for call in plan.calls) else None
        if kept is None:
            uncached = frozenset(call.name for call in plan.calls)
        execution = Execution(cache=kept, watcher=SILENT, artifacts=live, force=force, uncached=uncached)
        execution.run(plan.calls)
        return execution, plan

    def _plan(self, inputs: frozenset[str], outputs: tuple[str, ...] | None) -> tuple[dict[str, str], Plan]:
        artifacts = {name: artifact_handed_in(self.wiring, name) for name in inputs}
        plan = Plan.of(self.wiring, Purpose.INFERENCE, artifacts.values(), outputs)
        needed = [call.stage.name for call in plan.calls if call.state]
        needed += [stage for stage, state in self.wiring.states.items() if state in plan.outputs]
        unfitted = [stage for stage in dict.fromkeys(needed) if stage not in self.states]
        if unfitted:
            raise PipelineError(
                f"{named(unfitted, None)} {'has' if len(unfitted) == 1 else 'have'} not been fitted. "
                "Call pipeline.fit(…) before, or pipeline.fit_run(…) for both."
            )
        return artifacts, plan

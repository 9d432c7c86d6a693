"""What the daemon tells a worker to carry out: the content of `spec.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.states import Start


class Mode(StrEnum):
    """What a run is for."""

    #: To see that a version works: one step, a temporary model dir, nothing recorded.
    TEST = "test"
    #: To train.
    EXECUTION = "execution"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One run to carry out. All paths are absolute."""

    run: str
    name: str
    model: str
    version: str
    mode: Mode
    host: str
    script: str
    models_dir: str
    project: str
    model_dir: str
    start: Start
    seed: int
    #: The version of the script that this one is made of, and what changes in the parameters of that; None where it is
    #: one of the script's own.
    base: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    #: What the version was described with; a worker that finds something else fails as `bad_script`. None: anything.
    parameters: Mapping[str, Any] | None = None
    identity: str | None = None
    #: The folder of the stored code that is to be imported; None for the live files.
    code: str | None = None
    #: The folder of what stages made; None for the cache of their pipeline.
    cache: str | None = None
    #: How many steps of each `run.steps` loop earlier runs in this model dir completed, in the order of the loops.
    steps_done: tuple[int, ...] = ()
    #: Whether an earlier run in this model dir completed the training.
    is_trained: bool = False
    #: UUID -> NVML's index of the GPUs that it leases; none hides all, None leaves the environment as it is.
    gpus: Mapping[str, int] | None = None
    conditions: Conditions = field(default_factory=Conditions)
    #: Whether it shares the terminal of somebody who is there.
    is_attended: bool = False
    #: The host's log; None where nothing is logged.
    log: str | None = None
    #: Whether metrics also become TensorBoard events.
    tensorboard: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {**vars(self), "conditions": self.conditions.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Spec:
        """Return the spec that `value` holds; keys that this release does not know are passed over."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        known["mode"] = Mode(known["mode"])
        known["start"] = Start(known["start"])
        known["conditions"] = Conditions.from_json(known.get("conditions", {}))
        known["steps_done"] = tuple(known.get("steps_done", ()))
        return cls(**known)

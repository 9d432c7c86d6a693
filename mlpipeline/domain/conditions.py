"""On what conditions a version runs: what it needs, how long it may take, and what is done when it fails.

They are said in three places. The nearest to the version wins, key by key: its `Versions`, its entry in the queue, then
`mlp.toml`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlpipeline.domain.complaints import Complain, wrong_value
from mlpipeline.domain.quantities import seconds
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.states import Failure, Outcome
from mlpipeline.domain.words import did_you_mean

#: The keys, wherever they are said, and of which types their values may be.
KINDS: Mapping[str, tuple[type, ...]] = {
    "resources": (Mapping,),
    "retries": (Mapping,),
    "timeout": (int, float, str),
    "silence": (int, float, str),
    "stop_if_diverged": (bool,),
}
KEYS = tuple(KINDS)
#: What may be retried.
RETRIED = (*(str(failure) for failure in Failure), str(Outcome.LOST))


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """On what conditions a version runs; what nothing was said about is None, or not there."""

    resources: Resources = field(default_factory=Resources)
    #: Failure, or `lost` -> how many further attempts that is worth.
    retries: Mapping[str, int] = field(default_factory=dict)
    #: How long an attempt may take, in seconds; 0 for any time.
    timeout_s: float | None = None
    #: How long an attempt may go without output, metrics or progress, in seconds; 0 for any time.
    silence_s: float | None = None
    #: Whether a metric that is NaN or infinite ends the run.
    stop_if_diverged: bool | None = None

    @classmethod
    def parse(cls, values: Mapping[str, object], prefix: str, complain: Complain) -> Conditions:
        """Read those of `KEYS` that are among `values`, as their user wrote them.

        Args:
            values: what was written, by key; other keys are passed over.
            prefix: what stands before a key in messages: `[versions] `.
            complain: makes the error from its message.

        Raises:
            MlpipelineError: made by `complain`; a value is wrong.
        """
        given = {key: values[key] for key in KEYS if values.get(key) is not None}
        times = {key: seconds(given[key], f"{prefix}{key}", complain) for key in ("timeout", "silence") if key in given}
        flag = given.get("stop_if_diverged")
        if flag is not None and not isinstance(flag, bool):
            raise complain(wrong_value(f"{prefix}stop_if_diverged", flag, "true or false"))
        return cls(
            resources=Resources.parse(given.get("resources", {}), f"{prefix}resources", complain),
            retries=_retries(given.get("retries", {}), f"{prefix}retries", complain),
            timeout_s=times.get("timeout"),
            silence_s=times.get("silence"),
            stop_if_diverged=flag,
        )

    def over(self, farther: Conditions) -> Conditions:
        """Return what holds, key by key, where `farther` was said farther away: what is said here comes first."""
        return Conditions(
            resources=self.resources.over(farther.resources),
            retries={**farther.retries, **self.retries},
            timeout_s=farther.timeout_s if self.timeout_s is None else self.timeout_s,
            silence_s=farther.silence_s if self.silence_s is None else self.silence_s,
            stop_if_diverged=farther.stop_if_diverged if self.stop_if_diverged is None else self.stop_if_diverged,
        )

    def within(self, timeout_s: float) -> Conditions:
        """Return them with this timeout, in seconds, where theirs is not shorter; 0 changes nothing."""
        return replace(self, timeout_s=timeout_s) if 0 < timeout_s < (self.timeout_s or math.inf) else self

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {**vars(self), "resources": self.resources.to_json(), "retries": dict(self.retries)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Conditions:
        """Return the conditions that `value` holds; keys that this release does not know are passed over."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        return cls(**{**known, "resources": Resources.from_json(value.get("resources", {}))})


#: What holds where nobody said anything.
UNLIMITED = Conditions(timeout_s=0, silence_s=0, stop_if_diverged=False)


def _retries(value: object, where: str, complain: Complain) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise complain(wrong_value(where, value, "a table, such as { out_of_memory = 1, lost = 2 }"))
    for word, count in value.items():
        if word not in RETRIED:
            known = ", ".join(RETRIED)
            raise complain(f"{where}.{word} is unknown. Known: {known}.{did_you_mean(str(word), RETRIED)}")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise complain(wrong_value(f"{where}.{word}", count, "a whole number of further attempts, such as 1"))
    return dict(value)

"""What a version asks of the host it runs on: GPUs, CPUs and memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.complaints import Complain, shown, wrong_value
from mlpipeline.domain.quantities import size_bytes
from mlpipeline.domain.words import did_you_mean

#: What may stand in `resources = { … }`.
KEYS = ("gpus", "cpus", "memory")
_EXAMPLE = '{ gpus = 1, cpus = 4, memory = "8GB" }'

#: Whoever writes `memory = 8` means gigabytes.
_LEAST_MEMORY_BYTES = 10**6


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a version asks for; None where nothing was said about it."""

    #: How many GPUs, whole and for itself. 0 hides them all; None leaves its environment as it is.
    gpus: int | None = None
    #: How many CPUs, which may be a fraction.
    cpus: float | None = None
    memory_bytes: int | None = None

    @classmethod
    def parse(cls, value: object, where: str, complain: Complain) -> Resources:
        """Read `{ gpus = 1, cpus = 4, memory = "8GB" }`; every key may be left out.

        Args:
            value: what was written.
            where: which key it stands at, such as `[versions] resources`.
            complain: makes the error from its message.

        Raises:
            MlpipelineError: made by `complain`; the message names the key, what was expected and the nearest right
                word.
        """
        if not isinstance(value, Mapping):
            raise complain(wrong_value(where, value, f"a table, such as {_EXAMPLE}"))
        for key in value:
            if key not in KEYS:
                raise complain(f"{where}.{key} is unknown. Known: {', '.join(KEYS)}.{did_you_mean(str(key), KEYS)}")
        return cls(
            gpus=_gpus(value["gpus"], f"{where}.gpus", complain) if "gpus" in value else None,
            cpus=_cpus(value["cpus"], f"{where}.cpus", complain) if "cpus" in value else None,
            memory_bytes=_memory(value["memory"], f"{where}.memory", complain) if "memory" in value else None,
        )

    def over(self, farther: Resources) -> Resources:
        """Return what holds, key by key, where `farther` was said farther away: what is said here comes first."""
        return Resources(
            gpus=farther.gpus if self.gpus is None else self.gpus,
            cpus=farther.cpus if self.cpus is None else self.cpus,
            memory_bytes=farther.memory_bytes if self.memory_bytes is None else self.memory_bytes,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Resources:
        """Return the resources that `value` holds; keys that this release does not know are passed over."""
        return cls(**{name: value.get(name) for name in cls.__dataclass_fields__})


def _gpus(value: object, where: str, complain: Complain) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise complain(wrong_value(where, value, "a whole number of GPUs, such as 1, or 0 for none"))
    return value


def _cpus(value: object, where: str, complain: Complain) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise complain(wrong_value(where, value, "a number of CPUs, such as 4 or 0.5"))
    return value


def _memory(value: object, where: str, complain: Complain) -> int:
    memory_bytes = size_bytes(value, where, complain)
    if 0 < memory_bytes < _LEAST_MEMORY_BYTES:
        advice = f' Did you mean "{value}GB"?' if isinstance(value, int) else ""
        raise complain(
            f'{where} = {shown(value)} is less than 1 MB; expected a size, such as "8GB" or "500MB".{advice}'
        )
    return memory_bytes

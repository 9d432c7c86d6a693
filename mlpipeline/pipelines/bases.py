"""What decides what steps make: their code, their parameters, and the content of what they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlpipeline.domain.graph import Source
from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code import Code, Codes
from mlpipeline.pipelines.content import text_digest
from mlpipeline.pipelines.records import Basis
from mlpipeline.pipelines.value_digests import value_digest
from mlpipeline.pipelines.wiring import Step

#: Of values that are noted as they are: their types, their length in characters, and how many of them in a list.
_PLAIN, _LONGEST, _MOST_ITEMS = (bool, int, float, str, type(None)), 60, 8


class Bases:
    """What steps are made of. Their code counts as it is when this is made, before any of them runs."""

    def __init__(self, steps: Iterable[Step]) -> None:
        #: Stage -> why nobody can say what its code is.
        self.unknown: dict[str, CodeUnknown] = {}
        self._codes: dict[str, Code] = {}
        codes = Codes()
        for step in steps:
            if step.stage.mark.is_cached:
                try:
                    self._codes[step.name] = _code(step, codes)
                except CodeUnknown as error:
                    self.unknown[step.stage.name] = error

    def of(self, step: Step, digests: Mapping[str, str | None]) -> Basis | None:
        """What a step is made of; None where that cannot be said: what it makes is not kept then.

        Args:
            step: one of those that this was made for.
            digests: artifact -> the digest of its content; None where that cannot be said.
        """
        basis = self.known_of(step, digests)
        return basis if basis is not None and len(basis.inputs) == len(step.takes) else None

    def known_of(self, step: Step, digests: Mapping[str, str | None]) -> Basis | None:
        """What a step is made of as far as that can be said: without those inputs of which nobody knows the digest.

        None where its code is not known either.
        """
        if step.name not in self._codes:
            return None
        inputs = {name: _digest(source, digests) for name, source in step.takes.items()}
        code = self._codes[step.name]
        # What is given and what is there by default is the same, where it is the same: versions share that. Of other
        # defaults than plain ones the code is all that counts: they may be such as nobody ever stores.
        plain = {name: value for name, value in step.values.items() if name in step.parameters or _is_plain(value)}
        return Basis(
            step=step.name,
            makes=step.makes,
            parameters={name: value_digest(value) for name, value in plain.items()},
            inputs={name: digest for name, digest in inputs.items() if digest is not None},
            parts=code.parts,
            packages=code.packages,
            version=step.stage.mark.version,
            shown=_shown(plain),
        )


def _digest(source: Source, digests: Mapping[str, str | None]) -> str | None:
    found = [digests.get(artifact) for artifact in source.artifacts]
    if None in found:
        return None
    return text_digest(" ".join(map(str, found))) if source.is_dict else found[0]


def _shown(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return those values that people read at a glance. It is asked of every cached step: no other is looked into."""
    texts = {name: repr(value) for name, value in parameters.items() if _is_plain(value)}
    return {name: text for name, text in texts.items() if len(text) <= _LONGEST}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= _MOST_ITEMS and all(type(item) in _PLAIN for item in value)
    return type(value) in _PLAIN and (type(value) is not str or len(value) <= _LONGEST)


def _code(step: Step, codes: Codes) -> Code:
    if step.stage.mark.version is not None:
        return Code(parts=(), packages={})
    return codes.of(step.stage.code)

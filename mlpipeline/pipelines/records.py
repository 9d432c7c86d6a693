"""What a cache notes of a stage that ran: what it was made of, and what it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlpipeline.pipelines.code import Part
from mlpipeline.pipelines.content import json_digest


@dataclass(frozen=True, kw_only=True)
class Basis:
    """All that decides what a step makes: its key is the digest of this."""

    #: The step: `train_model`, or `imputer.fit`.
    step: str
    makes: tuple[str, ...]
    #: Name -> digest of its value.
    parameters: Mapping[str, str]
    #: Argument -> digest of what it takes.
    inputs: Mapping[str, str]
    parts: tuple[Part, ...]
    #: Installed package -> version.
    packages: Mapping[str, str]

    def key(self) -> str:
        """The key of what is made of this. Where code stands does not matter."""
        parts = sorted((part.name, part.digest) for part in self.parts)
        return json_digest({**asdict(self), "parts": parts})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Basis:
        """The basis that `asdict` made JSON of."""
        return cls(
            step=value["step"],
            makes=tuple(value["makes"]),
            parameters=value["parameters"],
            inputs=value["inputs"],
            parts=tuple(Part(**part) for part in value["parts"]),
            packages=value["packages"],
        )


@dataclass(frozen=True, kw_only=True)
class StoredArtifact:
    """One artifact in a cache."""

    name: str
    #: Of the content of its file, or of all files of its folder.
    digest: str
    #: The name of its serializer.
    serializer: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a step made once."""

    key: str
    basis: Basis
    artifacts: tuple[StoredArtifact, ...]
    #: How long that took.
    seconds: float
    #: When, as in histories.
    made_at: str

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Made:
        """The record that `value` holds.

        Raises:
            KeyError, TypeError: it holds none.
        """
        return cls(
            key=value["key"],
            basis=Basis.from_json(value["basis"]),
            artifacts=tuple(StoredArtifact(**artifact) for artifact in value["artifacts"]),
            seconds=value["seconds"],
            made_at=value["made_at"],
        )

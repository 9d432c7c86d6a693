"""What a cache notes of a stage that ran: what it was made of, and what it made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from mlpipeline.pipelines.code import Part
from mlpipeline.pipelines.content import json_digest, text_digest

#: What the files of artifacts are called.
_FILE = re.compile(r"[0-9a-f]{64}(\.[\w.-]*)?")


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
    #: What its script gives to stand for its code, of which there are no parts then.
    version: str | None = None
    #: Parameter -> its value as people read it, of those that are short; it does not count.
    shown: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """The key of what is made of this. Where code stands, and how values are shown, does not matter."""
        return self._key

    @cached_property
    def _key(self) -> str:
        # Not by `asdict`, which copies everything: this is asked for every cached step.
        parts = sorted((part.name, part.digest) for part in self.parts)
        counts = (self.step, self.makes, self.parameters, self.inputs, parts, self.packages, self.version)
        return json_digest([dict(one) if isinstance(one, Mapping) else one for one in counts])

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
            version=value["version"],
            shown=value["shown"],
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
    #: How its file ends, with the full stop; nothing for folders.
    suffix: str = ""
    #: The user's classes and functions that it refers to by their names, `nets:Net`: their code counts with it.
    uses: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StoredArtifact:
        """The artifact that `asdict` made JSON of.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        made = cls(**{**value, "uses": tuple(value["uses"])})
        if not _FILE.fullmatch(made.file_name) or not all(isinstance(use, str) for use in made.uses):
            raise ValueError(value)  # The name of its file is part of a path.
        return made

    @property
    def file_name(self) -> str:
        """What its file or folder is called."""
        return f"{self.digest}{self.suffix}"

    @property
    def content_digest(self) -> str:
        """What stands for it in the basis of a step that takes it: the same bytes may be different values."""
        return text_digest(f"{self.serializer} {self.digest}")


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
    #: The id of the run of the queue that had it made; None where it was none.
    run: str | None
    #: The numbers among the artifacts, by name, so that nothing has to be loaded to know them.
    numbers: Mapping[str, int | float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Made:
        """The record that `value` holds.

        Raises:
            KeyError, TypeError, ValueError: it holds none.
        """
        return cls(
            key=value["key"],
            basis=Basis.from_json(value["basis"]),
            artifacts=tuple(StoredArtifact.from_json(artifact) for artifact in value["artifacts"]),
            seconds=value["seconds"],
            made_at=value["made_at"],
            run=value["run"],
            numbers=value["numbers"],
        )

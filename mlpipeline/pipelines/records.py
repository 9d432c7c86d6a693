"""What a cache notes of a stage that ran: what it was made of, and what it made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from mlpipeline.pipelines.code import Part
from mlpipeline.pipelines.content import json_digest, text_digest

#: What the files of artifacts are called.
_FILE = re.compile(r"[0-9a-f]{64}(\.[\w.-]*)?")


@dataclass(frozen=True, kw_only=True)
class Basis:
    """All that decides what a stage makes: its key is the digest of this."""

    #: The stage: `train_model`, or `imputer.fit`.
    stage: str
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
    #: What the stage sees in an order -> the names in that: of a dict that it takes, of `**predictions`.
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Parameter -> its value as people read it, of those that are short; it does not count.
    shown: Mapping[str, str] = field(default_factory=dict)

    def key(self) -> str:
        """The key of what is made of this. Where code stands, and how values are shown, does not matter."""
        return self._key

    @cached_property
    def _key(self) -> str:
        # Not by `asdict`, which copies everything: this is asked for every cached stage.
        parts = sorted((part.name, part.digest) for part in self.parts)
        counts = (self.stage, self.makes, self.parameters, self.inputs, parts, self.packages, self.version, self.orders)
        return json_digest([dict(one) if isinstance(one, Mapping) else one for one in counts])

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Basis:
        """The basis that `asdict` made JSON of.

        Raises:
            KeyError, TypeError: it is none.
        """
        return cls(
            stage=_checked(value["stage"], str),
            makes=_texts(value["makes"]),
            parameters=_by_name(value["parameters"], str),
            inputs=_by_name(value["inputs"], str),
            parts=tuple(_part(part) for part in _checked(value["parts"], list)),
            packages=_by_name(value["packages"], str),
            version=_checked(value["version"], str | None),
            orders={name: _texts(names) for name, names in _by_name(value["orders"], list).items()},
            shown=_by_name(value["shown"], str),
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
        made = cls(
            name=_checked(value["name"], str),
            digest=_checked(value["digest"], str),
            serializer=_checked(value["serializer"], str),
            size_bytes=_checked(value["size_bytes"], int),
            suffix=_checked(value["suffix"], str),
            uses=_texts(value["uses"]),
        )
        if not _FILE.fullmatch(made.file_name):
            raise ValueError(made.file_name)  # It is part of a path.
        return made

    @property
    def file_name(self) -> str:
        """What its file or folder is called."""
        return f"{self.digest}{self.suffix}"

    @property
    def content_digest(self) -> str:
        """What stands for it in the basis of a stage that takes it: the same bytes may be different values."""
        return text_digest(f"{self.serializer} {self.digest}")


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a stage made once."""

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
            key=_checked(value["key"], str),
            basis=Basis.from_json(value["basis"]),
            artifacts=tuple(StoredArtifact.from_json(artifact) for artifact in value["artifacts"]),
            seconds=_checked(value["seconds"], int | float),
            made_at=_moment(value["made_at"]),
            run=_checked(value["run"], str | None),
            numbers=_by_name(value["numbers"], int | float),
        )


def _checked(value: Any, kind: Any) -> Any:
    """Return what a record holds somewhere.

    Raises:
        TypeError: it is of another type than it was written as.
    """
    if not isinstance(value, kind):
        raise TypeError(value)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_checked(text, str) for text in _checked(value, list))


def _by_name(value: Any, kind: Any) -> Mapping[str, Any]:
    for item in _checked(value, dict).values():
        _checked(item, kind)
    return cast("Mapping[str, Any]", value)


def _moment(value: Any) -> str:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError(value)  # No other moment can be compared with it.
    return cast("str", value)


def _part(value: Any) -> Part:
    part = Part(**value)
    _texts([part.name, part.digest])
    _checked(part.line, int | None)
    _checked(part.file, str | None)
    return part

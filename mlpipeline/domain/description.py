"""What a script offers, as a worker found it: names and JSON, never live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mlpipeline.domain.changes import NOTHING_FURTHER, Changes, Further
from mlpipeline.domain.identity import identity

#: Stands for the SHA-256 of a file that is not there, or cannot be read.
ABSENT = ""


@dataclass(frozen=True, kw_only=True)
class VersionDescription:
    """One version of a model: of its script, or what an entry of the queue makes of one by `set`."""

    name: str
    #: What follows `<model>-` in the name of its model dir.
    suffix: str
    #: Its own parameters; what is not JSON stands there as a text that names its type.
    parameters: Mapping[str, Any]
    #: Hash of the code that counts for it.
    code: str
    identity: str
    #: Its own seed, if it sets one.
    seed: int | None = None
    #: On what conditions it runs, as far as its script says, as in `Conditions.to_json`.
    conditions: Mapping[str, Any] = field(default_factory=dict)
    #: Which version of the script it is made of, and what changes in the parameters of that; None for one of its own.
    base: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    #: What else may be changed in it, as in `Further`.
    further: Further = field(default_factory=Further)

    @classmethod
    def of(
        cls,
        name: str,
        *,
        suffix: str,
        parameters: Mapping[str, Any],
        code: str,
        conditions: Mapping[str, Any],
        further: Further = NOTHING_FURTHER,
    ) -> VersionDescription:
        """Return a version of a script, with what follows from its parameters and its code."""
        seed = parameters.get("seed")
        return cls(
            name=name,
            suffix=suffix,
            parameters=parameters,
            code=code,
            identity=identity({**parameters, "model_dir_suffix": suffix}, code),
            seed=seed if isinstance(seed, int) else None,
            conditions=conditions,
            further=further,
        )

    def changed(self, changes: Changes) -> VersionDescription:
        """Return the version that an entry of the queue makes of this one.

        Raises:
            NoSuchParameter: it does not have one that is to be changed.
        """
        made = VersionDescription.of(
            changes.name_of(self.name),
            suffix=changes.name_of(self.suffix),
            parameters=changes.in_place(self.parameters, self.further),
            code=self.code,
            conditions=self.conditions,
            further=self.further,
        )
        return replace(made, base=self.name, changes=changes.values)


@dataclass(frozen=True, kw_only=True)
class Description:
    """A script's versions in the order in which they run, and the project files they depend on."""

    versions: tuple[VersionDescription, ...]
    #: Absolute path -> SHA-256 of the content, as it was when the script was imported.
    files: Mapping[str, str]
    #: What its author should know, though it works.
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Description:
        """Return the description that `value` holds.

        Raises:
            KeyError, TypeError: it holds none.
        """
        return cls(
            versions=tuple(
                VersionDescription(**{**version, "further": Further(**version["further"])})
                for version in value["versions"]
            ),
            files=value["files"],
            warnings=tuple(value["warnings"]),
        )

"""What a script offers, as a worker found it: names and JSON, never live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: Stands for the SHA-256 of a file that is not there, or cannot be read.
ABSENT = ""


@dataclass(frozen=True, kw_only=True)
class VersionDescription:
    """One version of a model."""

    name: str
    #: What follows `<model>-` in the name of its model dir.
    suffix: str
    #: Its own parameters; what is not JSON stands there as a text that names its type.
    parameters: Mapping[str, Any]
    identity: str
    #: Its own seed, if it sets one.
    seed: int | None = None
    #: On what conditions it runs, as far as its script says, as in `Conditions.to_json`.
    conditions: Mapping[str, Any] = field(default_factory=dict)


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
            versions=tuple(VersionDescription(**version) for version in value["versions"]),
            files=value["files"],
            warnings=tuple(value["warnings"]),
        )

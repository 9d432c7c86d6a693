"""Artifacts that a script stores in its own way, by the `save` and `load` of a marker class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlpipeline.authoring.stages import Artifact, output_name

#: How the names of these begin. What follows is of their code: changed, it is another format.
PREFIX = "own:"


class OwnFormat:
    """Stores the values of one artifact in a folder, as its marker class does that.

    Args:
        name: how records call it.
        marker: the class; None for one that only records know, which cannot be used.
    """

    suffix, is_pickle = "", False

    def __init__(self, name: str, marker: type[Artifact] | None = None) -> None:
        self.name = name
        self._marker = marker

    @classmethod
    def of(cls, marker: type[Artifact], code_digest: str) -> OwnFormat:
        """The format of a marker class, whose code has that digest."""
        return cls(f"{PREFIX}{code_digest[:16]}", marker)

    def takes(self, value: Any) -> bool:  # noqa: ARG002 (which artifact it is for is said by name)
        """Whether it is anything."""
        return True

    def save(self, value: Any, path: Path) -> None:
        """Have the script write it."""
        path.mkdir()
        if self._marker is not None and self._marker.save is not None:
            self._marker.save(value, path)

    def load(self, path: Path) -> Any:
        """Have the script read it.

        Raises:
            LookupError: nobody knows how.
            Exception: what the script raises, with a note of where.
        """
        if self._marker is None or self._marker.load is None:
            raise LookupError("only the class of its script can read it, which stored it")
        try:
            return self._marker.load(path)
        except Exception as error:
            error.add_note(f'in {self._marker.__qualname__}.load, of the artifact "{output_name(self._marker)}"')
            raise

"""Artifacts while a pipeline runs: those that are there, and how a stage that takes one gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlpipeline.errors import FileKeepsChanging
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.copies import Original
from mlpipeline.pipelines.records import StoredArtifact
from mlpipeline.pipelines.value_digests import value_digest


@dataclass(frozen=True, kw_only=True)
class LiveArtifact:
    """An artifact while a pipeline runs: its value is had when it is asked for."""

    #: Of its content; None where that cannot be said.
    digest: str | None
    value: Callable[[], Any]
    #: What it is in the cache; None where it is not there.
    stored: StoredArtifact | None = None
    #: As `value`, for a stage that takes it: raises `_Lost` instead of having it made again; None where it is in
    #: memory.
    load: Callable[[], Any] | None = None
    #: As `value`, for stages of whose work nothing is kept, which share what takes long to copy; None for `value`.
    lent: Callable[[], Any] | None = None
    #: Why its digest cannot be said though it was asked for.
    unlike: str | None = None

    @classmethod
    def given(cls, value: Any, cache: Cache | None) -> LiveArtifact:
        """What is there already. Each stage gets a copy: what it does to that is not to be in what others make.

        Args:
            value: any.
            cache: where what is made of it is kept. Its digest is for that: it costs reading all of it.

        Raises:
            FileKeepsChanging: a file in it cannot be read as it is at any one moment.
        """
        digest = unlike = None
        if cache is not None:
            try:
                digest = value_digest(value, cache.remembered)
            except FileKeepsChanging:
                raise
            except Exception as error:
                unlike = f"a {type(value).__name__}, from another one ({error})"
        original = Original(value)
        return cls(digest=digest, value=original.copy, lent=original.lent, unlike=unlike)

    @classmethod
    def passing(cls, value: Any) -> LiveArtifact:
        """What is there already, and only for stages of whose work nothing is kept."""
        return cls(digest=None, value=Original(value).lent)

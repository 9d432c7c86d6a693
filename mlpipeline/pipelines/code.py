"""What the code of a stage is, for the key of what it makes: everything of the project that it reaches."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.syntax import canonical_source
from mlpipeline.pipelines.content import text_digest


@dataclass(frozen=True, kw_only=True)
class Part:
    """One function, class, constant or module that counts as code of a stage."""

    #: Where it is from, and what it is called there: `features.normalize`.
    name: str
    digest: str
    #: Where it stands: `features.py`, below the project's folder where it lies there; None where that is not known.
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Code:
    """What counts as code of a stage."""

    parts: tuple[Part, ...]
    #: Installed package -> its version.
    packages: Mapping[str, str]


def code_of(target: Any) -> Code:
    """Return the code of a stage's class or function.

    Raises:
        CodeUnknown: it cannot be read.
    """
    source = textwrap.dedent(inspect.getsource(target))
    name = f"{target.__module__}.{target.__qualname__}"
    return Code(parts=(Part(name=name, digest=text_digest(canonical_source(source))),), packages={})

"""A version's identity: its own parameter values plus its code. When in doubt, it changed."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from mlpipeline.domain.builders import Contributions, builder_statements, contributions
from mlpipeline.domain.syntax import canonical, canonical_source, syntax_tree


@dataclass(frozen=True, kw_only=True)
class CodeIdentity:
    """The code of one script, as far as it decides whether a version runs again."""

    #: Hash of what counts for all versions.
    shared: str
    #: Version name -> hash of what counts for that version alone.
    own: Mapping[str, str]

    def of(self, version: str) -> str:
        """The hash of the code that counts for the version of that name."""
        own = self.own.get(version)
        return self.shared if own is None else _fingerprint([self.shared, own])


def identity(parameters: Mapping[str, Any], code: str) -> str:
    """The identity of a version, a SHA-256 in hexadecimal, of its parameters and what `CodeIdentity.of` says.

    `parameters` is JSON with NaN allowed; the order of its keys does not matter, and 1 is not 1.0.

    Raises:
        TypeError: a value or a key in `parameters` is not JSON.
    """
    return _fingerprint([json.dumps(parameters, sort_keys=True), code])


def code_identity(
    script_source: str,
    modules: Mapping[str, str],
    *,
    opaque: Set[str] = frozenset(),
    extra_files: Mapping[str, str] | None = None,
) -> CodeIdentity:
    """The identity of a script's code: syntax without comments, docstrings and layout.

    Top-level statements of the script that only build `Versions` are left out: what they build is seen in the
    parameters. Of a parameter whose value is not JSON only the type is seen there, so the expressions that may
    make its value count as code: of the one version whose name stands beside them, else of all.

    Args:
        script_source: the script's text; the text itself counts if it does not parse.
        modules: name -> text of the project modules that the script uses, without the script. A name should
            not change when the project is moved.
        opaque: the names of the parameters that are not JSON in any one version.
        extra_files: name -> hash of the content of further files that count as code.
    """
    script = canonical_source(script_source)
    building = Contributions(shared=(), own={})
    if tree := syntax_tree(script_source):
        builders = builder_statements(tree, script_source)
        left_out = {id(statement) for statement in builders.statements}
        kept = [statement for statement in tree.body if id(statement) not in left_out]
        script = canonical(ast.Module(body=kept, type_ignores=[]))
        building = contributions(builders, opaque)
    shared = [
        script,
        sorted((name, canonical_source(source)) for name, source in modules.items()),
        sorted((extra_files or {}).items()),
        building.shared,
    ]
    own = {version: _fingerprint(texts) for version, texts in building.own.items()}
    return CodeIdentity(shared=_fingerprint(shared), own=own)


def _fingerprint(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()

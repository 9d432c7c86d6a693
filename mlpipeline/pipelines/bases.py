"""What decides what stages make: their code, their parameters, and the content of what they take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from mlpipeline.domain.graph import Source
from mlpipeline.domain.values import described
from mlpipeline.errors import CodeUnknown, FileKeepsChanging
from mlpipeline.pipelines.code import Codes
from mlpipeline.pipelines.code_facts import KeptFacts
from mlpipeline.pipelines.content import json_digest, text_digest
from mlpipeline.pipelines.held_files import HeldFiles
from mlpipeline.pipelines.records import Basis, StoredArtifact
from mlpipeline.pipelines.remembered import Remembered
from mlpipeline.pipelines.serializers.own import OwnFormat
from mlpipeline.pipelines.uses import Uses
from mlpipeline.pipelines.value_digests import value_digest
from mlpipeline.pipelines.wiring import StageCall

#: Of values that are noted as they are: their types, their length in characters, and how many of them in a list.
_PLAIN, _LONGEST, _MOST_ITEMS = (bool, int, float, str, type(None)), 60, 8


class Bases:
    """What the results of stages are made of. Their code counts as it is when this is made, before any of them runs."""

    def __init__(
        self, calls: Iterable[StageCall], remembered: Remembered | None = None, kept: KeptFacts | None = None
    ) -> None:
        """Read the code.

        Args:
            calls: of the stages.
            remembered: what was found of files before, for paths among the parameters; None for nothing.
            kept: likewise of the sources of the code.
        """
        #: Stage that runs every time though it is to be cached -> why, and what to do.
        self.unknown: dict[str, str] = {}
        #: Artifact that is in the cache, but what takes it runs every time -> why.
        self.unknown_uses: dict[str, str] = {}
        self._without_inputs: dict[str, Basis] = {}
        self._formats: dict[type, OwnFormat] = {}
        codes, files = Codes(kept), HeldFiles(remembered)
        uses = self._uses = Uses(codes)
        for call in calls:
            if not call.stage.mark.is_cached:
                continue
            try:
                self._without_inputs[call.name] = _without_inputs(call, codes, uses, files, remembered)
                for marker in call.markers.values():
                    parts = codes.of(marker).parts
                    self._formats[marker] = OwnFormat.of(marker, json_digest([part.digest for part in parts]))
            except CodeUnknown as error:
                self.unknown[call.stage.name] = (
                    f"nobody can tell whether its code changed: {error}. "
                    'Give the stage a version, which you change by hand: @stage(version="1")'
                )
            except _ParameterUnknown as error:
                self.unknown[call.stage.name] = str(error)
        codes.keep()

    def digest_of(self, artifact: StoredArtifact) -> str | None:
        """What stands for an artifact in the basis of a stage that takes it: its content, and the code that it uses.

        None where nobody can say what that code is: `unknown_uses` then says why.
        """
        digest = artifact.content_digest
        if not artifact.uses:
            return digest
        try:
            return text_digest(f"{digest} {self._uses.digest(artifact.uses)}")
        except CodeUnknown as error:
            self.unknown_uses[artifact.name] = (
                f'nobody can tell whether the code that "{artifact.name}" uses changed: {error}'
            )
            return None

    def formats(self, call: StageCall) -> dict[str, OwnFormat]:
        """How artifacts that a stage makes are stored by marker classes."""
        return {name: self._formats[marker] for name, marker in call.markers.items()}

    def of(self, call: StageCall, digests: Mapping[str, str | None]) -> Basis | None:
        """What the result of a call is made of; None where that cannot be said: what it makes is not kept then.

        Args:
            call: one of those that this was made for.
            digests: artifact -> the digest of its content; None where that cannot be said.
        """
        basis = self.known_of(call, digests)
        return basis if basis is not None and len(basis.inputs) == len(call.takes) else None

    def known_of(self, call: StageCall, digests: Mapping[str, str | None]) -> Basis | None:
        """As `of`, as far as that can be said: without those inputs of which nobody knows the digest.

        None where its code, or a parameter, is not known either.
        """
        basis = self._without_inputs.get(call.name)
        if basis is None:
            return None
        inputs = {name: _digest(source, digests) for name, source in call.takes.items()}
        return replace(basis, inputs={name: digest for name, digest in inputs.items() if digest is not None})


class _ParameterUnknown(Exception):
    """The value of a parameter cannot be told from another."""


def _without_inputs(
    call: StageCall, codes: Codes, uses: Uses, files: HeldFiles, remembered: Remembered | None
) -> Basis:
    version = call.stage.mark.version
    counts = [codes.of(call.stage.code)] if version is None else []
    counts += [codes.of(marker) for marker in call.markers.values()]
    # What is given and what is there by default is the same, where it is the same: versions share that. Of other
    # defaults the code is all that counts, and the files that they name: they may be such as nobody ever stores.
    every = call.values
    values = {name: value for name, value in every.items() if name in call.parameters or _is_plain(value)}
    parameters = {name: _parameter_digest(name, value, uses, remembered) for name, value in values.items()}
    for name, value in every.items():
        if name not in values and (paths := sorted(_paths_in(value))):
            values[name] = value
            parameters[name] = _default_digest(name, value, paths, uses, remembered)
    held = {path for code in counts for path in code.paths}
    if held:  # Parameters may be large.
        held.difference_update(path for value in values.values() for path in _paths_in(value))
    return Basis(
        stage=call.name,
        makes=call.makes,
        parameters=parameters,
        inputs={},
        parts=(*(part for code in counts for part in code.parts), *files.parts(held)),
        packages={name: installed for code in counts for name, installed in code.packages.items()},
        version=version,
        orders=_orders(call),
        shown=_shown(values),
    )


def _parameter_digest(name: str, value: Any, uses: Uses, remembered: Remembered | None) -> str:
    try:
        return value_digest(value, remembered, uses)
    except FileKeepsChanging:
        raise
    except Exception as error:
        told = f'nobody can tell the value of its parameter "{name}", {described(value)}, from another one: {error}'
        raise _ParameterUnknown(told) from error


def _default_digest(name: str, value: Any, paths: list[Path], uses: Uses, remembered: Remembered | None) -> str:
    """Return the digest of a default that holds paths: of these alone, where it has none itself."""
    try:
        return _parameter_digest(name, value, uses, remembered)
    except _ParameterUnknown:
        return _parameter_digest(name, paths, uses, remembered)


def _paths_in(value: Any) -> Iterator[Path]:
    """Yield the paths that a value is or holds."""
    seen: dict[int, Any] = {}  # id -> what has it, or it could become another's.
    pending = [value]
    while pending:
        one = pending.pop()
        if type(one) in _PLAIN or id(one) in seen or isinstance(one, type | FunctionType | ModuleType):
            continue
        seen[id(one)] = one
        if isinstance(one, Path):
            yield one
        elif isinstance(one, dict):
            pending += [*one, *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            pending += one
        else:
            own = fields(one) if is_dataclass(one) else ()
            pending += [getattr(one, field.name, None) for field in own]
            pending += getattr(one, "__dict__", {}).values()


def _orders(call: StageCall) -> dict[str, tuple[str, ...]]:
    """Return what a stage sees in an order -> the names in that.

    A dict that it takes, what comes by a `**name`, and what an object holds that is copied.
    """
    orders = {name: source.artifacts for name, source in call.takes.items() if source.is_dict}
    inputs = [name for name in call.takes if name != call.state]
    if call.stage.is_function:
        given = [(call.arguments, [*inputs, *call.parameters])]
    else:
        given = [(call.arguments, inputs), (call.stage.constructor, [*call.parameters])]
    for arguments, names in given:
        by_name = {argument.name for argument in arguments if not argument.is_rest}
        for rest in (f"**{argument.name}" for argument in arguments if argument.is_rest):
            # A constructor and `run` may call theirs alike.
            orders[rest] = (*orders.get(rest, ()), *(name for name in names if name not in by_name))
    if not (call.stage.is_function or call.stage.is_made):
        orders["self"] = tuple(call.parameters)
    return orders


def _digest(source: Source, digests: Mapping[str, str | None]) -> str | None:
    found = [digests.get(artifact) for artifact in source.artifacts]
    if None in found:
        return None
    if not source.is_dict:
        return found[0]
    return json_digest(dict(zip(source.artifacts, found, strict=True)))


def _shown(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return those values that people read at a glance, of paths the names: where a file lies does not count.

    It is asked of every cached stage: no other value is looked into.
    """
    texts = {name: repr(value) for name, value in parameters.items() if _is_plain(value)}
    files = {name: value.name or str(value) for name, value in parameters.items() if isinstance(value, Path)}
    return {**files, **{name: text for name, text in texts.items() if len(text) <= _LONGEST}}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= _MOST_ITEMS and all(type(item) in _PLAIN for item in value)
    return type(value) in _PLAIN and (type(value) is not str or len(value) <= _LONGEST)

"""What is read at each of the places that the code of a stage leads to."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlpipeline.domain.references import WAYS_BY_ATTRIBUTE, References
from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code_effects import read_effects
from mlpipeline.pipelines.code_file import SourceFile
from mlpipeline.pipelines.code_reach import (
    Names,
    PartText,
    Place,
    PlaceKind,
    Reach,
    class_name,
)
from mlpipeline.pipelines.code_sources import Sources
from mlpipeline.pipelines.code_values import Values
from mlpipeline.pipelines.code_ways import leads_anywhere, value_at, way_anywhere
from mlpipeline.pipelines.content import bytes_digest
from mlpipeline.pipelines.installed import Origin, origin_of_module


def reach_of(place: Place, sources: Sources) -> Reach:
    """What there is at a place.

    Raises:
        CodeUnknown: it cannot be said.
    """
    reach = Reach(sources)
    _READERS[place.kind](reach, *place.objects)
    return reach


def _read_function(reach: Reach, function: types.FunctionType) -> None:
    file, piece = reach.sources.of_function(function)
    found = file.references(piece)
    names, qualname = function.__globals__, function.__code__.co_qualname
    resolved = reach.resolved(names, found, function.__code__.co_freevars)
    texts = [found.text, file.portable(reach.live(function)), resolved]
    # What a closure holds counts where that is made.
    if reach.has_no_value and "<" not in qualname:
        texts += _of_attributes(reach, names, file, qualname, [found])
    reach.texts.append(PartText(f"{file.name}.{qualname}", " ".join(texts), file, piece.line))
    reach.lead(PlaceKind.EFFECTS, names)


def _read_bytecode(reach: Reach, function: types.FunctionType) -> None:
    code, names = function.__code__, function.__globals__
    found = _names_in(code)
    # Which attribute is whose is not told: each may be of each module.
    modules = [name for name in found if isinstance(names.get(name), types.ModuleType)]
    chains = [*((name,) for name in found), *((module, name) for module in modules for name in found)]
    ways = [name for name in found if name in WAYS_BY_ATTRIBUTE] + [way_anywhere(names, chain) for chain in chains]
    for way in filter(None, ways):
        raise leads_anywhere(reach.bytecode_name(function), way)
    read = [(name, reach.chain(names, (name,))) for name in found if name in names]
    if code.co_name == "__hash__" and code.co_filename.startswith("<attrs "):
        # attrs writes the hash of a text into it, which is another one in each process.
        code = code.replace(co_consts=tuple(constant for constant in code.co_consts if type(constant) is not int))
    text = f"{Values(reach).text(code)} {reach.live(function)} {read}"
    reach.texts.append(PartText(reach.bytecode_name(function), text, None, None))


def _read_class(reach: Reach, kind: type) -> None:
    file, pieces = reach.sources.of_class(kind)
    names = vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
    name = class_name(kind, file)
    if file is None and "__file__" in names:
        reach.lead(PlaceKind.MODULE, names)
    values = Values(reach)
    texts = [values.text(base) for base in (*kind.__bases__, type(kind))]
    if file is None:
        texts.append(values.class_members(kind))
        if reach.has_no_value:
            raise CodeUnknown(name, "its source cannot be read")
    else:
        made = [file.references(piece) for piece in pieces]
        for found in made:
            texts += [found.text, reach.resolved(names, found)]
        texts.append(file.portable(values.class_members(kind)))
        if reach.has_no_value:
            inner = [file.decorated(piece) for piece in pieces]
            for found in inner:
                texts += [found.text, reach.resolved(names, found)]
            texts += _of_attributes(reach, names, file, kind.__qualname__, [*made, *inner])
    reach.texts.append(PartText(name, " ".join(texts), file, pieces[0].line if pieces else None))
    reach.lead(PlaceKind.EFFECTS, names)


def _read_value(reach: Reach, names: Names, name: str, value: Any) -> None:
    full_name = f"{reach.sources.name_of(names)}.{name}"
    file = reach.sources.of_module(names)
    text = Values(reach).text(value)
    texts = [text if file is None else file.portable(text)]
    if reach.has_no_value:
        made = [] if file is None else [file.references(statement) for statement in file.binding(name)]
        if not made and origin_of_module(type(value).__module__) is not Origin.STANDARD:
            raise CodeUnknown(full_name, f"how this {type(value).__qualname__} was made cannot be read")
        for found in made:
            texts += [found.text, reach.resolved(names, found)]
        untold = _untold(reach, names, value, made)
        texts.append(untold if file is None else file.portable(untold))
    reach.texts.append(PartText(full_name, " ".join(texts), file, None if file is None else file.line(name)))


def _read_module(reach: Reach, names: Names) -> None:
    file = reach.sources.of_whole_module(names)
    name = reach.sources.name_of(names)
    if file is not None:
        reach.refuse_ways_anywhere(names, file.whole)
        imports = [reach.imported(one, names) for one in file.whole.imports]
        reach.texts.append(PartText(name, f"{file.digest} {imports}", file, None))
    elif "__path__" not in names:
        # One that was compiled to machine code.
        try:
            content = Path(names["__file__"]).read_bytes()
        except (KeyError, OSError) as error:
            raise CodeUnknown(name, "its source cannot be read") from error
        reach.texts.append(PartText(name, bytes_digest(content), None, None))


def _of_attributes(
    reach: Reach, names: Names, file: SourceFile, qualname: str, made: Sequence[References]
) -> Iterator[str]:
    """The texts of how a function or a class has those of its attributes that have no value.

    Args:
        reach: what there is at its place.
        names: of the module where it stands.
        file: where that was loaded from.
        qualname: by which it stands there.
        made: what its definition refers to.
    """
    changing = [file.references(statement) for statement in file.changing(qualname.partition(".")[0])]
    for found in changing:
        yield from (found.text, reach.resolved(names, found))
    yield file.portable(_untold(reach, names, None, [*made, *changing]))


def _untold(reach: Reach, names: Names, value: Any, made: Sequence[References]) -> str:
    """The text of the objects without a value in one of which the statements that bind it do not tell.

    Somebody else may have put them there: another module that fills a registry, a function that sets a global name.
    """
    if not reach.without_value:
        return ""
    is_made_here = any(found.names for found in made)
    told = {_package(value_at(names, chain)) for found in made for chain in found.names}
    untold = [
        one
        for one in reach.without_value
        if not (is_made_here and (one is value or isinstance(value, types.FunctionType)))
        and _package(type(one)) not in told
    ]
    return Values(reach, takes_apart=True).text(untold) if untold else ""


def _package(value: Any) -> str:
    """The first part of the name of the module that something is from."""
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return str(name).partition(".")[0]


_READERS: Mapping[PlaceKind, Callable[..., None]] = {
    PlaceKind.FUNCTION: _read_function,
    PlaceKind.BYTECODE: _read_bytecode,
    PlaceKind.CLASS: _read_class,
    PlaceKind.VALUE: _read_value,
    PlaceKind.MODULE: _read_module,
    PlaceKind.EFFECTS: read_effects,
}


def _names_in(code: types.CodeType) -> list[str]:
    inner = [
        name for constant in code.co_consts if isinstance(constant, types.CodeType) for name in _names_in(constant)
    ]
    return list(dict.fromkeys([*code.co_names, *inner]))

"""What modules set outside of the project as they are loaded, such as `np.seterr(all="raise")`: it counts as code."""

from __future__ import annotations

import sys
import types

from mlpipeline.pipelines.code_reach import Names, PartText, PlaceKind, Reach
from mlpipeline.pipelines.code_sources import absolute
from mlpipeline.pipelines.installed import Origin, origin_of_module, packages_above


def read_effects(reach: Reach, names: Names) -> None:
    """Have a reach note what a module of these names, and those of the project that it imports, set outside."""
    file = reach.sources.of_module(names)
    if file is None:
        return
    for level, module, taken in file.top_level.imports:
        imported = absolute(level, module, names) or ""
        # Of what is taken, some may be modules. `imported_names` would look for their files, at each of all imports.
        for name in (*packages_above(imported), *(f"{imported}.{one}" for one in taken)):
            if name in sys.modules and _is_project(name):
                reach.lead(PlaceKind.EFFECTS, vars(sys.modules[name]))
    settings = [
        number
        for number, places in file.top_level.settings
        if any(place is None or not _is_project(absolute(*place, names)) for place in places)
    ]
    if not settings:
        return
    texts = []
    # What they read counts by how it is assigned: its value may not be there yet, when a script runs its pipeline.
    pending, seen = list(settings), set(settings)
    for number in pending:
        found = file.references(file.statement(number))
        texts.append(found.text)
        for chain in found.names:
            assigning = file.assigning(chain[0])
            pending += [one for one in assigning if one not in seen]
            seen.update(assigning)
            if not assigning and _is_code(names.get(chain[0])):
                texts.append(f"{chain} {reach.chain(names, chain)}")
    reach.texts.append(PartText(f"{file.name} (top level)", " ".join(texts), file, file.statement(settings[0]).line))


def _is_project(module: str | None) -> bool:
    return module is not None and origin_of_module(module) is Origin.PROJECT


def _is_code(value: object) -> bool:
    return isinstance(value, types.FunctionType | types.ModuleType | type)

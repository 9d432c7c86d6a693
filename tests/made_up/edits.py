"""Random edits of projects that were made up, and those that make no difference to what the stage does."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

from made_up.projects import MODULES, PICKS, ROLES, Project, add_unreached, holes, make, style

#: Of an edit: carries it out, and says what it was; None where there is nothing to be edited so.
_Edit = Callable[[Project, random.Random], str | None]


def _pick_changed(project: Project, draws: random.Random, among: set[str] | None = None) -> str | None:
    items = [item for item in project.items if item.picks and (among is None or item.name in among)]
    if not items:
        return None
    item = draws.choice(items)
    at = draws.randrange(len(item.picks))
    before, item.picks[at] = item.picks[at], draws.choice(PICKS[holes(item.kind, PICKS)[at]])
    return f"{before} of {item.name} ({item.kind}) is {item.picks[at]}"


def _callee_changed(project: Project, draws: random.Random) -> str | None:
    item = draws.choice([item for item in project.items if item.callees])
    at = draws.randrange(len(item.callees))
    role, before = ROLES[holes(item.kind, ROLES)[at]], item.callees[at]
    known = project.items[: project.items.index(item)]
    found = [one for one in known if one.role == role and one.rank <= item.rank and one.name != before]
    if not found or draws.random() < 0.3:
        found = [make(project, draws, role, draws.choice(MODULES[: item.rank + 1]), known, 1)]
        project.items[: project.items.index(item)] = known
    item.callees[at] = draws.choice(found).name
    return f"{before} of {item.name} ({item.kind}) is {item.callees[at]}"


def _callees_swapped(project: Project, draws: random.Random) -> str | None:
    items = [item for item in project.items if len(set(item.callees)) > 1 and len(set(holes(item.kind, ROLES))) == 1]
    if not items:
        return None
    item = draws.choice(items)
    item.callees.reverse()
    return f"{item.name} ({item.kind}) needs {item.callees}"


def _kind_changed(project: Project, draws: random.Random) -> str | None:
    item = draws.choice(project.items)
    before, at = item.kind, project.items.index(item)
    known = project.items[:at]
    made = make(project, draws, item.role, item.module, known, 1)
    known.remove(made)
    project.items[: at + 1] = [*known, replace(made, name=item.name)]
    return f"{item.name} ({before}) is {made.kind}"


def _style_changed(project: Project, draws: random.Random) -> str | None:
    item = draws.choice([item for item in project.items if item.styles])
    at = draws.randrange(len(item.styles))
    before, item.styles[at] = item.styles[at], style(project, draws)
    return f"{item.callees[at]} reaches {item.name} not by {before}, but by {item.styles[at]}"


def _moved(project: Project, draws: random.Random) -> str | None:
    item = draws.choice(project.items[:-1])
    low = max([project.item(name).rank for name in item.callees], default=0)
    high = min([one.rank for one in project.items if item.name in one.callees], default=len(MODULES) - 1)
    before, item.module = item.module, draws.choice(MODULES[low : high + 1])
    return f"{item.name} ({item.kind}) is not in {before}, but in {item.module}"


def _reached_changed(project: Project, draws: random.Random) -> str | None:
    return _pick_changed(project, draws, project.reached())


def _unreached_changed(project: Project, draws: random.Random) -> str | None:
    return _pick_changed(project, draws, {item.name for item in project.items} - project.reached())


def _unreached_added(project: Project, draws: random.Random) -> str | None:
    known = list(project.items)
    made = add_unreached(project, draws)
    if any(item.is_through_another for item in project.items if item not in known):
        # It may do something to what is reached; or to what came by `import *`, which may be from anywhere.
        project.items[:] = known
        return None
    return f"{made.name} ({made.kind}) is new"


def _unreached_removed(project: Project, draws: random.Random) -> str | None:
    needed = {name for item in project.items for name in item.callees} | project.reached()
    # What does something to another one may seem to do it to what came by `import *`, which may be from anywhere.
    items = [item for item in project.items if item.name not in needed and not item.is_through_another]
    if not items:
        return None
    item = draws.choice(items)
    project.items.remove(item)
    return f"{item.name} ({item.kind}) is gone"


def _looks(**changes: object) -> _Edit:
    def look(project: Project, draws: random.Random) -> str:
        project.look = replace(project.look, **changes)
        return f"look: {changes}"

    return look


#: More than once in this list is what is edited most.
EDITS: tuple[_Edit, ...] = (
    *(_reached_changed,) * 3,
    _pick_changed,
    *(_callee_changed,) * 2,
    _callees_swapped,
    _kind_changed,
    _style_changed,
    _moved,
    _unreached_added,
)
#: They make no difference to any stage.
NEUTRAL: tuple[_Edit, ...] = (
    _looks(comments=7),
    _looks(docstring="Said."),
    _looks(is_reformatted=True),
    _looks(indent="\t"),
    _looks(line_end="\r\n"),
)
#: Nor do these, where nothing leads to all of a module.
NEUTRAL_BUT_WIDE: tuple[_Edit, ...] = (
    _looks(order=3),
    _looks(local="held"),
    _unreached_changed,
    _unreached_added,
    _unreached_removed,
)


def edited(project: Project, draws: random.Random, edits: tuple[_Edit, ...] = EDITS) -> tuple[Project, str]:
    """The project after an edit, if it is one that changes a text, and what was edited."""
    after = deepcopy(project)
    return after, draws.choice(edits)(after, draws) or "nothing"

"""`mlpipeline gc`: what may be deleted, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlpipeline.daemon.collecting import Item, Left, Survey
from mlpipeline.daemon.deleting import Deleted
from mlpipeline.domain.quantities import size_in_words
from mlpipeline.domain.retention import Kind
from mlpipeline.domain.words import named
from mlpipeline.project.paths import Outputs
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.tables import fold, table
from mlpipeline.views.words import one_line

#: How many items are named, and how many of those that are left alone for the same reason.
_ITEMS_NAMED, _LEFT_NAMED = 20, 5

#: One, and several.
_CALLED = {
    Kind.MODEL_DIR: ("model dir", "model dirs"),
    Kind.OLD_MODEL_DIR: ("old model dir", "old model dirs"),
    Kind.RUN_DIR: ("run dir", "run dirs"),
    Kind.CODE: ("stored code", "stored codes"),
    Kind.ENVIRONMENT: ("environment", "environments"),
    Kind.LEFTOVER: ("leftover", "leftovers"),
}


def survey_screen(survey: Survey, outputs: Outputs, screen: Screen, *, are_all_named: bool) -> str:
    """Return what would be deleted, the largest first, and what is left alone."""
    items = survey.items
    parts = [screen.paint("nothing to delete", Color.STRONG)]
    if items:
        total = size_in_words(sum(item.size_bytes for item in items))
        parts = [screen.paint(f"{total} to be freed", Color.STRONG), _kinds(items, screen)]
        shown = items if are_all_named else items[:_ITEMS_NAMED]
        rows = [(size_in_words(item.size_bytes), _path(item.path, outputs), item.why) for item in shown]
        more = f"\nand {len(items) - len(shown)} more: -v names them all" if len(shown) < len(items) else ""
        parts.append(table(("size", "what", "why"), rows, screen) + more)
    if survey.left:
        parts.append("\n".join(_left(survey.left, outputs, screen, None if are_all_named else _LEFT_NAMED)))
    return "\n\n".join(parts)


def deleted_text(deleted: Sequence[Deleted], outputs: Outputs) -> tuple[str, list[str]]:
    """Return what was freed, and what could not be deleted, each with why."""
    gone = [done.item for done in deleted if done.error is None]
    freed = size_in_words(sum(item.size_bytes for item in gone))
    counts = ", ".join(_counted(kind, gone) for kind in Kind if any(item.kind is kind for item in gone))
    kept = [
        f"{one_line(_path(done.item.path, outputs))}: {one_line(done.error)}"
        for done in deleted
        if done.error is not None
    ]
    return f"freed {freed}: {counts}" if gone else "nothing was deleted", kept


def gc_for_programs(survey: Survey, deleted: Sequence[Deleted] | None) -> dict[str, Any]:
    """Return `gc --json`; `deleted` is None where nothing was to be deleted, only shown."""
    came_of = {done.item.path: done.error for done in deleted or ()}
    items = [
        {
            "kind": item.kind,
            "path": str(item.path),
            "size_bytes": item.size_bytes,
            "why": item.why,
            "deleted": item.path in came_of and came_of[item.path] is None,
            "error": came_of.get(item.path),
        }
        for item in survey.items
    ]
    return {
        "dry_run": deleted is None,
        "size_bytes": sum(item.size_bytes for item in survey.items),
        "freed_bytes": sum(done.item.size_bytes for done in deleted or () if done.error is None),
        "items": items,
        "left": [{"path": str(left.path), "why": left.why} for left in survey.left],
    }


def _kinds(items: Sequence[Item], screen: Screen) -> str:
    rows = []
    for kind in Kind:
        of_kind = [item for item in items if item.kind is kind]
        if of_kind:
            rows.append((_CALLED[kind][1], f"{len(of_kind)}", size_in_words(sum(item.size_bytes for item in of_kind))))
    return table(("kind", "count", "size"), rows, screen)


def _counted(kind: Kind, items: Sequence[Item]) -> str:
    count = sum(item.kind is kind for item in items)
    return f"{count} {_CALLED[kind][count != 1]}"


def _left(left: Sequence[Left], outputs: Outputs, screen: Screen, most: int | None) -> Iterator[str]:
    yield screen.paint("left alone", Color.STRONG)
    by_why: dict[str, list[str]] = {}
    for one in left:
        by_why.setdefault(one.why, []).append(one_line(_path(one.path, outputs)))
    for why, paths in by_why.items():
        text = f"{named(paths, most)}: {one_line(why)}"
        yield from fold(text, screen.width) if screen.width is not None else [text]


def _path(path: Path, outputs: Outputs) -> str:
    return path.relative_to(outputs.path).as_posix()

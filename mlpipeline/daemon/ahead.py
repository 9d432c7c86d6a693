"""What a daemon has to do, as those are told who look on."""

from __future__ import annotations

from heapq import nlargest

from mlpipeline.daemon.catalogue import Problem
from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.presence import MODELS_SHOWN, NEXT_SHOWN, Ahead
from mlpipeline.daemon.todo import Todo


def ahead(parts: Parts, todo: Todo, *, is_stopping: bool, has_room: bool) -> Ahead:
    """Return how all stands at this moment; `has_room` is whether another run may begin."""
    outlook = todo.outlook
    held = [*outlook.held, *parts.catalogue.problems]
    # While all places are taken, each version waits for one of them, and nobody looks what else it would lack.
    waits: list[Problem] = [*(parts.chooser.waits if has_room else ()), *outlook.waits]
    return Ahead(
        stopping=is_stopping,
        importing=not parts.catalogue.is_complete,
        waiting=outlook.waiting_count,
        next=outlook.next,
        at_once=parts.options.at_once,
        to_start=[
            {"model": model, "start": start, "count": count}
            for (model, start), count in nlargest(MODELS_SHOWN, outlook.to_start.items(), key=lambda item: item[1])
        ],
        waits=[problem.to_json() for problem in waits[:NEXT_SHOWN]],
        held=[problem.to_json() for problem in held],
        on_hold=[problem.to_json() for problem in outlook.on_hold],
    )

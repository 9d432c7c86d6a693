"""`mlpipeline status`: everything on one screen, what failed first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mlpipeline.domain.causes import causes
from mlpipeline.domain.states import Outcome, State
from mlpipeline.project.paths import QUEUE_NAME
from mlpipeline.views.causes import cause_text
from mlpipeline.views.listing import state_cell
from mlpipeline.views.observed import ObservedDaemon, ObservedRun, is_trouble
from mlpipeline.views.obstacles import Obstacle, held, held_at_launch, waits
from mlpipeline.views.overview import Overview
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.tables import Cell, fold, table
from mlpipeline.views.words import ago, moment, one_line, roughly

#: How many of those that failed are looked at; those that failed alike are one cause.
FAILED_SHOWN = 30
#: How many causes are told, …
_CAUSES_SHOWN = 5
#: … of how many of them the last lines of the output, and how many lines, …
_OUTPUTS_SHOWN = 2
_OUTPUT_LINES = 3
#: … and how many causes where there is little room.
_CAUSES_IN_BRIEF = 2
#: How many of the next versions it names, and of the reasons why others wait, or are held.
_NEXT_SHOWN = 5
_REASONS_SHOWN = 10
#: On a screen narrower than that, in columns, what runs is no table.
_LEAST_FOR_TABLE = 64
#: How much of a traceback it shows: where it ended, and how.
_TRACEBACK_LINES = 6


def status_screen(overview: Overview, screen: Screen, *, is_brief: bool = False) -> str:
    """Return what failed, what runs, what is held, waits, or is next, and when all is done.

    Args:
        overview: of the project.
        screen: that it is for.
        is_brief: whether it is to take few lines: of what failed only the causes, and no traceback.
    """
    parts = [
        _heading_part(overview, screen),
        *_failed_part(overview, screen, is_brief=is_brief),
        *_running_part(overview, screen),
        *_obstacles_part("held, or cannot be used", held(overview), screen, 0 if is_brief else _TRACEBACK_LINES),
        *_obstacles_part("waits for something", waits(overview), screen, 0),
        *_next_part(overview, screen),
        *_stopped_part(overview, screen),
        *_requests_part(overview, screen),
        # Never folded: it is to be copied.
        f"{screen.paint('log:', Color.STRONG)} {one_line(str(overview.outputs.log))}",
    ]
    return "\n\n".join(parts)


def _lines(text: str, screen: Screen, *, indent: str = "") -> str:
    """Return a text of one line, folded where the screen is narrower; `word:` at its beginning is a heading."""
    text = one_line(text)
    room = None if screen.width is None else max(1, screen.width - len(indent))
    lines = [f"{indent}{line}" for line in (fold(text, room) if room is not None else [text])]
    if not indent:
        word, colon, rest = lines[0].partition(":")
        lines[0] = screen.paint(word + colon, Color.STRONG) + rest if colon else lines[0]
    return "\n".join(lines)


# How it stands


def _heading_part(overview: Overview, screen: Screen) -> str:
    lines = [*_daemon_lines(overview), *_summary_lines(overview)]
    return "\n".join(_lines(line, screen) for line in lines)


def _daemon_lines(overview: Overview) -> list[str]:
    host = overview.outputs.host
    lines = []
    if overview.own_daemon is None:
        lines.append(f"no daemon is running on {host}")
    for daemon in overview.daemons:
        if daemon.ended_at is not None:
            if daemon.host == host:
                lines[0] += f"; the last launch ended {moment(daemon.ended_at)}"
        elif daemon.is_alive is False:
            lines[0] += f"; the last one (pid {daemon.pid}, since {moment(daemon.since)}) died"
        elif daemon.is_alive:
            lines.append(_daemon_line(daemon, f"since {moment(daemon.since)}"))
        else:
            lines.append(_daemon_line(daemon, f"last heard {ago(daemon.silent_s)}"))
    return lines


def _daemon_line(daemon: ObservedDaemon, when: str) -> str:
    stopping = ", stopping: it starts nothing more" if daemon.is_stopping else ""
    return f"daemon on {daemon.host}: pid {daemon.pid}, {when} ({daemon.command}){stopping}"


def _summary_lines(overview: Overview) -> Iterator[str]:
    ended = [f"{overview.done_today[outcome]} {outcome}" for outcome in Outcome if overview.done_today.get(outcome)]
    if ended:
        yield f"today: {', '.join(ended)}"
    if overview.outlook is not None:
        from mlpipeline.views.outlook import outlook_in_words

        when = outlook_in_words(overview.outlook, overview.now)
        yield from () if when is None else (when,)


# What failed


def _failed_part(overview: Overview, screen: Screen, *, is_brief: bool) -> Iterator[str]:
    found = causes(observed.run for observed in overview.runs if is_trouble(observed))
    if not found:
        return
    shown = found[: _CAUSES_IN_BRIEF if is_brief else _CAUSES_SHOWN]
    told = [
        cause_text(
            cause,
            overview.outputs,
            screen,
            output_lines=_OUTPUT_LINES if index < _OUTPUTS_SHOWN and not is_brief else 0,
        )
        for index, cause in enumerate(shown)
    ]
    more = sum(len(cause.runs) for cause in found[len(shown) :]) + overview.more_failed
    end = [f"and {more} more failed: mlpipeline runs --failed"] if more else []
    yield screen.paint("failed:", Color.STRONG) + "\n" + ("\n" if is_brief else "\n\n").join([*told, *end])


# What runs


def _running_part(overview: Overview, screen: Screen) -> Iterator[str]:
    running = [observed for observed in overview.runs if observed.run.is_open]
    if not running:
        return
    from mlpipeline.views.pace import pace_in_words, rate_in_words

    optional: dict[str, Sequence[Cell]] = {
        "state": [state_cell(observed) for observed in running],
        "progress": [pace_in_words(observed.pace) for observed in running],
        "rate": [rate_in_words(observed.pace.rate if observed.pace else None) for observed in running],
        "elapsed": ["" if observed.elapsed_s is None else roughly(observed.elapsed_s) for observed in running],
        "left": [_left(observed) for observed in running],
        "host, pid": [_where(observed) for observed in running],
        "gpus": [_gpus(observed) for observed in running],
    }
    # Columns that say nothing are left out; so are states, where all simply run.
    shown = {name: cells for name, cells in optional.items() if any(cells)}
    if all(_is_plain(observed) for observed in running):
        del shown["state"]
    rows: list[list[Cell]] = [
        [observed.run.id, observed.run.key, *(cells[index] for cells in shown.values())]
        for index, observed in enumerate(running)
    ]
    notes = [f"{observed.run.id}: {observed.why}" for observed in running if observed.why]
    if screen.width is not None and screen.width < _LEAST_FOR_TABLE:
        listed = "\n".join(_run_in_brief(observed, screen) for observed in running)
    else:
        listed = table(("run", "version", *shown), rows, screen)
    yield "\n".join([listed, *(_lines(note, screen, indent="  ") for note in notes)])


def _run_in_brief(observed: ObservedRun, screen: Screen) -> str:
    """Return a run in a few short lines."""
    from mlpipeline.views.pace import pace_in_words, rate_in_words

    run, pace, left, gpus = observed.run, observed.pace, _left(observed), _gpus(observed)
    said = [
        "" if _is_plain(observed) else state_cell(observed).text,
        pace_in_words(pace),
        rate_in_words(pace.rate if pace else None),
        "" if observed.elapsed_s is None else f"for {roughly(observed.elapsed_s)}",
        f"{left} left" if left else "",
        _where(observed),
        f"GPU {gpus}" if gpus else "",
    ]
    heading = screen.paint(f"{run.id} {one_line(run.key)}", Color.STRONG)
    return f"{heading}\n{_lines(', '.join(filter(None, said)), screen, indent='  ')}"


def _where(observed: ObservedRun) -> str:
    return f"{observed.run.host} {observed.run.pid or ''}".rstrip()


def _gpus(observed: ObservedRun) -> str:
    return ", ".join(map(str, (observed.gpus or {}).values()))


def _is_plain(observed: ObservedRun) -> bool:
    run = observed.run
    return run.state is State.RUNNING and not run.is_paused and run.attempt == 1


def _left(observed: ObservedRun) -> str:
    return "" if observed.pace is None or observed.pace.left_s is None else roughly(observed.pace.left_s)


# What does not


def _obstacles_part(heading: str, obstacles: Sequence[Obstacle], screen: Screen, traceback_lines: int) -> Iterator[str]:
    if not obstacles:
        return
    lines = [
        line for obstacle in obstacles[:_REASONS_SHOWN] for line in _obstacle_lines(obstacle, screen, traceback_lines)
    ]
    more = len(obstacles) - _REASONS_SHOWN
    end = [f"  and {more} more"] if more > 0 else []
    yield "\n".join([screen.paint(f"{heading}:", Color.STRONG), *lines, *end])


def _obstacle_lines(obstacle: Obstacle, screen: Screen, traceback_lines: int) -> Iterator[str]:
    yield _lines(f"{obstacle.subject}: {obstacle.why}", screen, indent="  ")
    for line in (obstacle.traceback or "").splitlines()[-traceback_lines:] if traceback_lines else ():
        yield screen.paint(f"    {one_line(line)}", Color.DIM)


def _next_part(overview: Overview, screen: Screen) -> Iterator[str]:
    own = overview.own_daemon
    if own is None:
        yield "\n".join(_lines(line, screen) for line in _at_launch(overview))
        return
    known = _named(own.next, own.waiting) if own.waiting else ""
    told = "; ".join(filter(None, (known, "scripts are still being imported" if own.is_importing else "")))
    if told:
        yield _lines(f"next: {told}", screen)
    elif not any(daemon.waits for daemon in overview.daemons if daemon.is_there):
        yield _lines("next: nothing waits", screen)


def _at_launch(overview: Overview) -> Iterator[str]:
    if overview.queued is None:
        yield f"next, when it is launched: nothing, until {QUEUE_NAME} is mended"
        return
    from mlpipeline.views.queued import queued_names

    held = held_at_launch(overview)
    names = queued_names(overview.queued, held)
    nothing = "nothing: all that is listed is held" if overview.queued else "nothing is listed"
    listed = _named(names, len(names)) if names else nothing
    trouble = (observed.run for observed in overview.runs if is_trouble(observed))
    failed = sum(held.isdisjoint((run.key, f"{run.model}.py")) for run in trouble)
    # Of those that were not looked at nobody knows which are held.
    at_least = "at least " if held and overview.more_failed else ""
    failed += 0 if held else overview.more_failed
    again = f"; what failed is tried again if it is still listed: {at_least}{failed}" if failed else ""
    yield f"next, when it is launched: {listed}{again}"


def _named(names: Sequence[str], count: int) -> str:
    """Return the first of `count` names, and how many more there are."""
    shown = names[:_NEXT_SHOWN]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return f"{', '.join(shown)}{more}"


def _stopped_part(overview: Overview, screen: Screen) -> Iterator[str]:
    if overview.stopped:
        yield _lines(f"stopped, to be resumed: {_named(overview.stopped, len(overview.stopped))}", screen)


def _requests_part(overview: Overview, screen: Screen) -> Iterator[str]:
    if overview.requests:
        asked: Iterable[str] = (f"{request.ask} {request.of} ({request.by})" for request in overview.requests)
        lines = [_lines(line, screen, indent="  ") for line in asked]
        yield "\n".join([_lines("asked for, and not answered yet:", screen), *lines])

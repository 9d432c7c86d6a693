"""`mlpipeline pipeline why`: what makes a stage run again, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mlpipeline.domain.quantities import duration_in_words, size_in_words
from mlpipeline.domain.rerun import NOT_SHOWN, Reason, Why
from mlpipeline.domain.values import as_parameter
from mlpipeline.pipelines.outlook import Outlook, Standing
from mlpipeline.pipelines.records import Made
from mlpipeline.views.screens import Color, Screen
from mlpipeline.views.tables import fold
from mlpipeline.views.words import moment, one_line

#: What a reason reads like that needs nothing but its own fields; see `reason_text`.
_TEXTS = {
    Why.NEVER_MADE: "nothing that it made is in the cache",
    Why.NOT_CACHED: "its script says cache=False: it runs every time",
    Why.UNKNOWN: "it runs every time, because {what}",
    Why.LACKS: "{what}",
    Why.ARTIFACT_DAMAGED: "{what} in the cache is damaged",
    Why.CODE_CHANGED: "{what} changed{place}",
    Why.CODE_NEW: "{what} is new in its code{place}",
    Why.CODE_GONE: "{what} is no longer part of its code{place}",
    Why.INPUT_NEW: "it did not take {what} before",
    Why.INPUT_GONE: "it takes {what} no more",
    Why.ORDER: "the order in {what} changed: {was} → {now}",
    Why.OUTPUTS: "it makes {now} now, and made {was}",
}
#: What does not follow from what was made before.
_NOT_COMPARED = {Why.INPUT_MADE_ANEW, Why.ARTIFACT_GONE, Why.ARTIFACT_DAMAGED}
_STANDINGS = {
    Standing.MAY_RUN: "may run",
    Standing.WOULD_RUN: "would run",
    Standing.CANNOT_RUN: "cannot run",
}


def why_screen(found: Sequence[Outlook], screen: Screen) -> str:
    """Return why a stage would run, then why those would that it takes something from.

    Args:
        found: what is to be expected of all that it needs, itself last.
        screen: that it is for.
    """
    standings = {outlook.call.name: outlook.standing for outlook in found}
    *needed, asked = found
    told = [asked, *(one for one in needed if one.standing is not Standing.CACHED)]
    return "\n\n".join("\n".join(_lines(one, standings, screen)) for one in told)


def reason_text(reason: Reason, standings: Mapping[str, Standing], made: Made | None) -> str:
    """Return a reason as a part of a sentence.

    Args:
        reason: to be told.
        standings: stage -> what is to be expected of it.
        made: what it was compared with.
    """
    place = "" if reason.place is None else f" ({reason.place})"
    at = "" if made is None else f" on {_when(made)}"
    match reason.why:
        case Why.INPUT_MADE_ANEW:
            maker = str(reason.maker)
            text = f"it takes {reason.what} from {maker}, which {_STANDINGS[standings[maker]]}"
        case Why.ARTIFACT_GONE:
            text = f"{reason.what}, which it made{at}, is not in the cache any more"
        case Why.INPUT_CHANGED:
            text = f"{reason.what} is another than{at}"
        case Why.PARAMETER | Why.VERSION | Why.PACKAGE:
            text = _change(reason)
        case _:
            text = _TEXTS[reason.why].format(what=reason.what, place=place, was=reason.was, now=reason.now)
    return one_line(text)


def why_for_programs(name: str, found: Sequence[Outlook]) -> dict[str, Any]:
    """Return `pipeline why --json`: the stage, and what it needs that is not cached."""
    *needed, asked = found
    return {
        "pipeline": name,
        "stage": outlook_for_programs(asked),
        "needs": [outlook_for_programs(one) for one in needed if one.standing is not Standing.CACHED],
    }


def outlook_for_programs(outlook: Outlook) -> dict[str, Any]:
    """Return what is to be expected of a stage as `--json` prints it."""
    call, made = outlook.call, outlook.made
    return {
        "stage": call.name,
        "standing": outlook.standing,
        "made_at": None if made is None else made.made_at,
        "seconds": None if made is None else round(made.seconds, 6),
        "run": None if made is None else made.run,
        "size_bytes": None if made is None else _size(made),
        "reasons": [asdict(reason) for reason in outlook.reasons],
        "takes": {name: list(source.artifacts) for name, source in call.takes.items()},
        "makes": list(call.makes),
        "parameters": {name: as_parameter(value) for name, value in call.values.items()},
    }


def made_in_words(made: Made, at: str) -> str:
    """Return when something was made, how long that took, and how much it is: `11-20 14:02, 12.3 s, 4.1 MB`."""
    return f"{at}, {duration_in_words(made.seconds)}, {size_in_words(_size(made))}"


def _lines(outlook: Outlook, standings: Mapping[str, Standing], screen: Screen) -> Iterator[str]:
    name = one_line(outlook.call.name)
    if outlook.standing is Standing.CACHED and outlook.made is not None:
        by = "" if outlook.made.run is None else f", by run {outlook.made.run}"
        text = f"{name} is cached: made {made_in_words(outlook.made, _when(outlook.made))}{by}"
        yield from _folded(text, Color.GOOD, screen)
        return
    again = "" if outlook.made is None else " again"
    head = f"{name} {_STANDINGS[outlook.standing]}{again}:"
    reasons = [reason_text(reason, standings, outlook.made) for reason in outlook.reasons]
    if len(reasons) == 1:
        yield from _folded(f"{head} {reasons[0]}", Color.NOTICE, screen)
    else:
        yield from _folded(head, Color.NOTICE, screen)
        for reason in reasons:
            yield from (f"  {line}" for line in _folded(reason, Color.PLAIN, screen, indented=2))
    is_compared = any(reason.why not in _NOT_COMPARED for reason in outlook.reasons)
    if is_compared and outlook.made is not None:
        told = f"compared with what it made on {_when(outlook.made)}, the nearest that is known"
        yield from _folded(told, Color.DIM, screen)


def _folded(text: str, color: Color, screen: Screen, indented: int = 0) -> Iterator[str]:
    lines = [text] if screen.width is None else fold(text, screen.width - indented)
    return (screen.paint(line, color) for line in lines)


def _change(reason: Reason) -> str:
    """Return what was and what is: `epochs: 3 → 5`, `numpy 2.1.0 → 2.2.0`."""
    what = f"{reason.what}:" if reason.why is Why.PARAMETER else reason.what
    if reason.was is None:
        return f"{what} {reason.now}, of which there was none"
    if reason.now is None:
        return f"{what} {reason.was} is gone"
    if reason.was != reason.now:
        return f"{what} {reason.was} → {reason.now}"
    return f"{reason.what} has another value" if reason.now == NOT_SHOWN else f"{what} {reason.now} has another content"


def _when(made: Made) -> str:
    return moment(made.made_at)[:16]


def _size(made: Made) -> int:
    return sum(artifact.size_bytes for artifact in made.artifacts)

"""What would run, and why: a look through the cache that runs nothing, and loads nothing of what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from mlpipeline.domain.rerun import Reason, Why, nearest
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.bases import Bases
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.records import Made
from mlpipeline.pipelines.wiring import Purpose, StageCall, Wiring


class Standing(StrEnum):
    """Whether a stage would run."""

    #: No: what it makes is in the cache.
    CACHED = "cached"
    #: Yes.
    WOULD_RUN = "would_run"
    #: If what it takes turns out to be another than before: a stage that makes it would run.
    MAY_RUN = "may_run"
    #: It lacks something, such as a value that nobody gave, or what it takes does.
    CANNOT_RUN = "cannot_run"


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is to be expected of a stage."""

    call: StageCall
    standing: Standing
    #: What it made, if it is cached; else what it made of nearly the same; None where it never ran.
    made: Made | None = None
    #: Why it would run, or may.
    reasons: tuple[Reason, ...] = ()


def outlooks(wiring: Wiring, cache: Cache, asked: str | None = None) -> list[Outlook]:
    """Return what is to be expected of the stages of a pipeline while it trains, in the order of running.

    Args:
        wiring: of its stages.
        cache: that it uses.
        asked: a stage, a call of one or an artifact: only what that needs, itself last; None for all.

    Raises:
        PipelineError: the stages do not fit together, or none is called what is asked for.
    """
    calls = _calls(wiring, asked)
    bases = Bases(calls, cache.remembered, cache.facts)
    digests: dict[str, str | None] = {}
    #: Artifact -> the call that makes it anew, or may; and artifacts that cannot be had.
    makers: dict[str, str] = {}
    lacking: set[str] = set()
    found = []
    for call in calls:
        if call.lacks is not None or lacking.intersection(call.needs()):
            reasons = () if call.lacks is None else (Reason(why=Why.LACKS, what=call.lacks),)
            found.append(Outlook(call=call, standing=Standing.CANNOT_RUN, reasons=reasons))
            lacking.update(call.makes)
            continue
        outlook = _outlook(call, bases, digests, makers, cache)
        found.append(outlook)
        if outlook.standing is Standing.CACHED and outlook.made is not None:
            digests |= {artifact.name: bases.digest_of(artifact) for artifact in outlook.made.artifacts}
        else:
            makers |= dict.fromkeys(call.makes, call.name)
    if asked is not None:
        found[-1] = _sound(found[-1], cache)
    return found


def _sound(outlook: Outlook, cache: Cache) -> Outlook:
    """Return what is to be expected of a stage whose artifacts are loaded, which only then are seen to be damaged."""
    made = outlook.made
    names = cache.damaged(made) if outlook.standing is Standing.CACHED and made is not None else []
    if not names:
        return outlook
    reasons = tuple(Reason(why=Why.ARTIFACT_DAMAGED, what=name) for name in names)
    return replace(outlook, standing=Standing.WOULD_RUN, reasons=reasons)


def _calls(wiring: Wiring, asked: str | None) -> list[StageCall]:
    graph = wiring.graph(Purpose.TRAINING)
    if asked is None:
        return cast("list[StageCall]", list(graph.calls.values()))
    calls = cast("list[StageCall]", graph.needed(wiring.artifacts_of(asked)))
    if not calls:
        raise PipelineError(f'"{asked}" is handed in: no stage makes it.')
    return calls


def _outlook(
    call: StageCall, bases: Bases, digests: Mapping[str, str | None], makers: Mapping[str, str], cache: Cache
) -> Outlook:
    basis = bases.known_of(call, digests)
    if basis is None:
        why = bases.unknown.get(call.stage.name)
        reason = Reason(why=Why.NOT_CACHED, what=call.name) if why is None else Reason(why=Why.UNKNOWN, what=why)
        return Outlook(call=call, standing=Standing.WOULD_RUN, reasons=(reason,))
    uses = tuple(
        Reason(why=Why.UNKNOWN, what=bases.unknown_uses[need])
        for need in call.needs()
        if need in digests and digests[need] is None
    )
    if uses:
        return Outlook(call=call, standing=Standing.WOULD_RUN, reasons=uses)
    by_maker: dict[str, list[str]] = {}
    for need in call.needs():
        if need in makers:
            by_maker.setdefault(makers[need], []).append(need)
    anew = tuple(
        Reason(why=Why.INPUT_MADE_ANEW, what=", ".join(needs), maker=maker) for maker, needs in by_maker.items()
    )
    unknown = call.takes.keys() - basis.inputs.keys()
    if not unknown and (made := cache.find(call.name, basis.key())) is not None:
        return Outlook(call=call, standing=Standing.CACHED, made=made)
    closest = nearest(cache.all_made(call.name), basis, unknown)
    if closest is None:
        never = Reason(why=Why.NEVER_MADE, what=call.name)
        return Outlook(call=call, standing=Standing.WOULD_RUN, reasons=(*anew, never))
    made, differences = closest
    own = differences or _lost(made, cache)
    standing = Standing.WOULD_RUN if own or not anew else Standing.MAY_RUN
    return Outlook(call=call, standing=standing, made=made, reasons=(*anew, *own))


def _lost(made: Made, cache: Cache) -> list[Reason]:
    """Return why what a stage made cannot be used, as far as a glance shows."""
    gone = cache.gone(made)
    damaged = [name for name in cache.damaged(made, at_a_glance=True) if name not in gone]
    return [
        *(Reason(why=Why.ARTIFACT_GONE, what=name, was=made.made_at) for name in gone),
        *(Reason(why=Why.ARTIFACT_DAMAGED, what=name) for name in damaged),
    ]

"""When the queue will be done, as far as what ran before tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlpipeline.domain.estimates import Durations, Range, Work, until_done
from mlpipeline.domain.states import Start, State
from mlpipeline.views.observed import ObservedDaemon, ObservedRun
from mlpipeline.views.words import iso_time, roughly

#: By which factor the rate of the first few steps may be off.
_FACTOR_EARLY = 2


@dataclass(frozen=True, kw_only=True)
class QueueOutlook:
    """What is left to do, and how long it takes."""

    #: From now until all is done; None where nothing is known of it, or no daemon is there.
    ends: Range | None
    #: How many runs go on, or are still to begin, and how many of them that leaves out, as nothing is known of them.
    left: int
    unknown: int
    #: The runs, by id, of which no end is known as they are paused; those are counted as unknown too.
    paused: Sequence[str] = ()
    #: The hosts, once for each of their runs, that have been silent for so long that nobody knows how those are.
    silent: Sequence[str] = ()


def models_ahead(daemons: Iterable[ObservedDaemon], runs: Iterable[ObservedRun]) -> set[str]:
    """Return the models of what runs and of what daemons will start: those whose durations matter."""
    return {
        *(observed.run.model for observed in runs if observed.run.is_open),
        *(told["model"] for daemon in daemons if _is_at_work(daemon) for told in daemon.to_start),
    }


def queue_outlook(daemons: Iterable[ObservedDaemon], runs: Iterable[ObservedRun], durations: Durations) -> QueueOutlook:
    """Return what is left to do, and how long that takes.

    A run that goes on takes what is left of its steps at its rate, or what is left of the durations of its like.
    Several hosts that work at one queue may share it, or each do it all: at least is the longest of their lists shared
    by all their places, at most is what the slowest of them takes alone.

    Args:
        daemons: that left a heartbeat.
        runs: those that go on, among others.
        durations: of the models that `models_ahead` names.
    """
    daemons = list(daemons)
    at_work = [daemon for daemon in daemons if _is_at_work(daemon)]
    going = [observed for observed in runs if observed.run.is_open]
    out_of_sight = {daemon.host for daemon in daemons if daemon.is_silent}
    lists = {daemon.host: list(_to_start(daemon, durations)) for daemon in at_work}
    longest = max(lists.values(), key=lambda told: sum(count for count, _ in told), default=[])
    left = [None if observed.run.host in out_of_sight else _left(observed, durations) for observed in going]
    at_most: list[Range] = []
    for daemon in at_work:
        own = [_left(observed, durations) for observed in going if observed.run.host == daemon.host]
        alone = until_done(_known(own), _works(lists[daemon.host]), _places(daemon, len(own)))
        at_most += [alone] if alone is not None else []
    at_least = until_done(_known(left), _works(longest), max(1, sum(daemon.at_once for daemon in at_work)))
    ends = None
    if at_least is not None and at_most:
        most_s = max(found.most_s for found in at_most)
        ends = Range(least_s=min(at_least.least_s, most_s), most_s=most_s)
    unknown = left.count(None) + sum(count for count, each in longest if each is None)
    silent = tuple(observed.run.host for observed in going if observed.run.host in out_of_sight)
    paused = tuple(observed.run.id for observed in going if observed.run.is_paused and observed.run.host not in silent)
    count = len(left) + sum(count for count, _ in longest)
    return QueueOutlook(ends=ends, left=count, unknown=unknown, paused=paused, silent=silent)


def _is_at_work(daemon: ObservedDaemon) -> bool:
    return daemon.is_there and not daemon.is_silent


def _places(daemon: ObservedDaemon, running: int) -> int:
    """Return how many runs can be counted on at a time: where some wait for a GPU, there may be no room for more."""
    return max(1, min(daemon.at_once, running)) if daemon.waits else daemon.at_once


def _to_start(daemon: ObservedDaemon, durations: Durations) -> Iterator[tuple[int, Range | None]]:
    """Yield how many versions a daemon is to start, and how long each takes, as far as that is known."""
    if daemon.is_stopping:
        return
    named = dict.fromkeys([*daemon.next, *(wait["what"] for wait in daemon.waits)])
    kinds = [told["model"] for told in daemon.to_start]
    for told in daemon.to_start:
        model, start, count = told["model"], Start(told["start"]), int(told["count"])
        # The names do not tell how each begins, so they tell nothing where those of a model begin differently.
        own = [key for key in named if key.startswith(f"{model}:")] if kinds.count(model) == 1 else []
        for key in own[:count]:
            yield 1, durations.expected(model, key.removeprefix(f"{model}:"), start)
        rest = count - len(own[:count])
        if rest:
            yield rest, durations.expected(model, None, start)
    # It tells but the models of which most is to be started.
    more = daemon.waiting - sum(int(told["count"]) for told in daemon.to_start)
    if more > 0:
        yield more, None


def _left(observed: ObservedRun, durations: Durations) -> Range | None:
    run = observed.run
    if run.is_paused:
        return None  # Until somebody resumes it.
    if observed.pace is not None and observed.pace.left_s is not None:
        off = _FACTOR_EARLY if observed.pace.is_early else 1
        return Range(least_s=observed.pace.left_s / off, most_s=observed.pace.left_s * off)
    expected = durations.expected(run.model, run.version, run.start)
    if expected is None or run.state is State.WAITING:
        return expected
    return expected.after(observed.elapsed_s or 0.0)


def _known(left: Iterable[Range | None]) -> list[Range]:
    return [one for one in left if one is not None]


def _works(told: Iterable[tuple[int, Range | None]]) -> list[Work]:
    return [Work(count=count, each=each) for count, each in told if each is not None]


def outlook_in_words(outlook: QueueOutlook, now: float) -> str | None:
    """Return when all is done, None where nothing is left; `now` is in seconds since the epoch.

    `all done between 03:10 and 05:40, in 2 h 5 min to 4 h 35 min`.
    """
    if not outlook.left:
        return None
    if outlook.ends is None:
        return f"when all is done is not known: {_why_unknown(outlook, 'what is left')}"
    least, most = (roughly(seconds) for seconds in (outlook.ends.least_s, outlook.ends.most_s))
    when = ends_in_words(outlook.ends, now)
    when += f", in {most}" if when.startswith("about ") else f", in {least} to {most}"
    if outlook.unknown:
        return f"all but {outlook.unknown} of {outlook.left} done {when}; {_why_unknown(outlook)}"
    return f"all done {when}"


def _why_unknown(outlook: QueueOutlook, rest: str | None = None) -> str:
    """Return why no end is known of some of what is left; `rest` is what that is called, where it is all of it."""
    paused, silent = outlook.paused, list(dict.fromkeys(outlook.silent))
    others = outlook.unknown - len(paused) - len(outlook.silent)
    reasons = [f"{', '.join(paused)} {'is' if len(paused) == 1 else 'are'} paused"] if paused else []
    reasons += [f"nothing is heard of {', '.join(silent)}"] if silent else []
    if others > 0:
        them = rest if rest and not reasons else "it" if others == 1 and not reasons else "those"
        if reasons:
            them = "the other" if others == 1 else "the others"
        reasons.append(f"nothing like {them} has succeeded yet")
    return ", ".join(reasons)


def ends_in_words(ends: Range, now: float) -> str:
    """Return when that is from `now`, in seconds since the epoch: `about 14:20`, or `between 03:10 and 05:40`."""
    first, last = (_clock(now + seconds, now) for seconds in (ends.least_s, ends.most_s))
    return f"about {last}" if first == last else f"between {first} and {last}"


def ends_for_programs(outlook: QueueOutlook, now: float) -> Sequence[str] | None:
    """Return when all is done at least and at most, as ISO 8601, as `--json` prints it."""
    ends = outlook.ends
    return None if ends is None else [iso_time(now + seconds) for seconds in (ends.least_s, ends.most_s)]


def _clock(at: float, now: float) -> str:
    """Return a time to come to the minute, with its day unless that is today."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    if then.date() == today.date():
        return then.strftime("%H:%M")
    return then.strftime("%a %H:%M" if (then.date() - today.date()).days < 7 else "%Y-%m-%d %H:%M")

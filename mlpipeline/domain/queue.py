"""What a queue says, how one differs from the next, and which of its versions were asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.names import version_key
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import MlpipelineError, NotListed


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """What an entry waits for: every listed version of a script, or one of its versions."""

    #: Its path relative to models_dir, with `/` and with `.py`.
    script: str
    version: str | None = None

    def __str__(self) -> str:
        """As its user may write it: `teacher.py`, `teacher:large`."""
        return self.script if self.version is None else version_key(model_name(self.script), self.version)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a queue: a script, and which of its versions to run."""

    #: Its path relative to models_dir, with `/` and with `.py`.
    script: str
    #: Only these, in the script's own order and by its names for them; None means every version.
    versions: tuple[str, ...] | None = None
    #: What changes in their parameters (`set`): each is then a version of its own.
    changes: Changes | None = None
    #: Whether they stay listed and do not start; or which of them.
    hold: bool | tuple[str, ...] = False
    #: What has to have succeeded before they start.
    after: tuple[Awaited, ...] = ()
    #: On what conditions they run, as far as the queue says.
    conditions: Conditions = field(default_factory=Conditions, hash=False)

    def __str__(self) -> str:
        """As a message names it: `net.py`, `net:small@lr=0.1`, `net.py@lr=0.1 (small, large)`."""
        if self.versions is None:
            return self.name_of(self.script)
        if len(self.versions) == 1:
            return version_key(model_name(self.script), self.name_of(self.versions[0]))
        return f"{self.name_of(self.script)} ({', '.join(self.versions)})"

    def name_of(self, version: str) -> str:
        """Return what is run of a script's version: itself, or what `set` makes of it, such as `small@lr=0.1`."""
        return version if self.changes is None else self.changes.name_of(version)

    def holds(self, version: str) -> bool:
        """Whether a version, by its script's name for it, does not start while the entry says so."""
        if isinstance(self.hold, bool):
            return self.hold
        return version in self.hold or self.name_of(version) in self.hold

    def lists(self, awaited: Awaited) -> bool:
        """Whether any of its versions is one that is awaited."""
        if self.script != awaited.script:
            return False
        return awaited.version is None or self.makes(awaited) or (self.changes is None and self._has(awaited.version))

    def makes(self, awaited: Awaited) -> bool:
        """Whether its `set` makes the very version that is awaited."""
        if self.script != awaited.script or self.changes is None or awaited.version is None:
            return False
        ending = self.name_of("")
        return awaited.version.endswith(ending) and self._has(awaited.version.removesuffix(ending))

    def _has(self, version: str) -> bool:
        return self.versions is None or version in self.versions


def awaited_entries(entries: Sequence[Entry], awaited: Awaited) -> list[Entry]:
    """Return the entries that list what is awaited: those that make it, before those that list all of its script."""
    return [entry for entry in entries if entry.makes(awaited)] or [entry for entry in entries if entry.lists(awaited)]


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What a queue file says: the list that is in force."""

    #: What to run, in order; with `use_blacklist`, what not to run.
    entries: tuple[Entry, ...]
    use_blacklist: bool = False


def model_name(script: str) -> str:
    """Return the name of a script's model: its path without `.py`, such as `cnn/net`."""
    return script.removesuffix(".py")


def queue_changes(before: Sequence[Entry], after: Sequence[Entry]) -> str | None:
    """Return the log line that says how a list of entries changed, None when it did not.

    An entry whose script stays and whose versions differ is changed, not removed and added. Reordered are the
    fewest entries that must have been moved: those outside a longest common subsequence.
    """
    positions = {entry: position for position, entry in enumerate(before)}
    gone: dict[str, list[int]] = defaultdict(list)
    still_there = set(after)
    for entry in before:
        if entry not in still_there:
            gone[entry.script].append(positions[entry])
    kept: list[int] = []  # for each entry of `after` that was there before, where it was
    added = changed = 0
    for entry in after:
        if entry in positions:
            kept.append(positions[entry])
        elif gone[entry.script]:
            kept.append(gone[entry.script].pop(0))
            changed += 1
        else:
            added += 1
    removed = len(before) - len(kept)
    reordered = len(kept) - _longest_rise(kept)
    sizes = " ".join(part for part in (f"+{added}" if added else "", f"−{removed}" if removed else "") if part)
    parts = [sizes] if sizes else []
    parts += [f"{changed} changed"] if changed else []
    parts += [f"{reordered} reordered"] if reordered else []
    return f"queue re-read: {', '.join(parts)}" if parts else None


def _longest_rise(numbers: Iterable[int]) -> int:
    """Return the length of the longest increasing subsequence of distinct numbers."""
    ends: list[int] = []  # ends[k]: the least number that a rise of length k + 1 can end with
    for number in numbers:
        place = bisect_left(ends, number)
        ends[place : place + 1] = [number]
    return len(ends)


@dataclass(frozen=True, kw_only=True)
class Only:
    """The versions that `--only` asks for: `digits:deep`, or `digits` or `digits.py` for all of a model's."""

    #: As given, with `/` and without a leading `./`; none means that everything is asked for.
    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, values: Iterable[str]) -> Only:
        """Read the values of `--only`.

        Raises:
            MlpipelineError: a value names no model, or ends where a version's name should stand.
        """
        names = []
        for value in values:
            name = value.strip().replace("\\", "/").removeprefix("./")
            if not name or name.startswith(":") or name.endswith(":"):
                raise MlpipelineError(
                    f'--only "{value}" names no version. Write a model, such as digits, or one of its '
                    "versions, such as digits:deep."
                )
            names.append(name)
        return cls(names=tuple(names))

    def matches(self, model: str, version: str) -> bool:
        """Whether that version of that model is asked for."""
        # Whole names are compared, nothing is split: a colon in the name of a model does no harm.
        wanted = {model, f"{model}.py", f"{model}:{version}", f"{model}.py:{version}"}
        return not self.names or not wanted.isdisjoint(self.names)

    def may_match(self, model: str) -> bool:
        """Whether any version of that model can be asked for; False saves asking its script for versions."""
        whole = {model, f"{model}.py"}
        starts = (f"{model}:", f"{model}.py:")
        return not self.names or any(name in whole or name.startswith(starts) for name in self.names)

    def refuse_unmatched(self, listed: Mapping[str, Sequence[str] | None], is_there: Callable[[str], bool]) -> None:
        """Refuse names that match nothing that the queue lists.

        Args:
            listed: model -> its versions on the list; None where they are not known, as nobody asked for them or the
                script cannot be used: that is told otherwise.
            is_there: whether a file of that name is in the models folder, listed or not.

        Raises:
            NotListed: it says which, and the nearest one that is there.
        """
        for name in self.names:
            alone = Only(names=(name,))
            if any(
                alone.may_match(model)
                if versions is None
                else any(alone.matches(model, version) for version in versions)
                for model, versions in listed.items()
            ):
                continue
            keys = [f"{model}:{version}" for model, versions in listed.items() for version in versions or ()]
            script = f"{name.partition(':')[0].removesuffix('.py')}.py"
            is_unlisted = script.removesuffix(".py") not in listed and is_there(script)
            hint = f" {script} is there, but not listed." if is_unlisted else did_you_mean(name, [*listed, *keys])
            raise NotListed(f'--only "{name}" matches nothing that the queue lists.{hint}')

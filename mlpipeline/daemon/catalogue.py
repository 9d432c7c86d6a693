"""What the queue offers at this moment: its versions in order, and what of it cannot be used."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mlpipeline.daemon.descriptions import SLOW_S, Answer, Descriptions
from mlpipeline.domain.chosen import Chosen, chosen
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.description import Description, VersionDescription
from mlpipeline.domain.excerpts import excerpt
from mlpipeline.domain.names import checked_model_dir, shared_model_dirs, version_key
from mlpipeline.domain.queue import Awaited, Entry, Only, Queue, awaited_entries, model_name, queue_changes
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import InvalidName, QueueError, ScriptError
from mlpipeline.project.queue_file import QueueFile
from mlpipeline.project.scripts import listed_scripts

#: How long the queue file must have been wrong for that to be told, in seconds.
_SETTLING_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A version that the queue lists, as it is now."""

    model: str
    version: str
    #: Its script, relative to models_dir.
    script: str
    identity: str
    parameters: Mapping[str, Any]
    seed: int | None
    #: The name of its model dir, `<model>-<suffix>`.
    model_dir: str
    #: The project files it depends on: absolute path -> SHA-256.
    files: Mapping[str, str]
    #: What has to have succeeded before it starts.
    after: tuple[Awaited, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    #: The version of the script that it is made of, and what changes in the parameters of that; None where it is one of
    #: the script's own.
    base: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    #: Whether the queue file says that it is not to start for now.
    is_on_hold: bool = False

    @cached_property
    def key(self) -> str:
        """`model:version`; thousands are looked up by it again and again."""
        return version_key(self.model, self.version)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something listed that cannot be used."""

    #: The script, or `model:version`.
    what: str
    why: str
    traceback: str | None = None

    def to_json(self) -> dict[str, str]:
        """Return it as the heartbeat says it."""
        shown = {} if self.traceback is None else {"traceback": self.traceback}
        return {"what": self.what, "why": self.why, **shown}


class Catalogue:
    """The queue file and the descriptions of its scripts, taken together."""

    def __init__(
        self,
        queue_file: QueueFile,
        descriptions: Descriptions,
        only: Only,
        conditions: Conditions,
        log: Callable[[str], None],
    ) -> None:
        """Offer what `queue_file` lists and `only` asks for; `conditions` hold where nobody said otherwise."""
        self._queue_file = queue_file
        self._descriptions = descriptions
        self._only = only
        self._conditions = conditions
        self._log = log
        self._entries: tuple[Entry, ...] | None = None
        #: What is wrong with the queue file since when, on the monotonic clock, and what was last told of it.
        self._error: tuple[str, float] | None = None
        self._last_complaint: str | None = None
        #: What was told: of problems, what is still one.
        self._told: set[tuple[str, str]] = set()
        self._told_problems: set[Problem] = set()
        self.offers: list[Offer] = []
        self._by_key: dict[str, Offer] = {}
        #: Those whose turn is known: nothing that is still being described is listed before them.
        self.in_turn: list[Offer] = []
        self.problems: list[Problem] = []
        #: The scripts that are held as a whole, and could not be used: that is nobody's concern for now.
        self.unusable_on_hold: list[str] = []
        #: Whether every script below models_dir counts, listed or not.
        self.uses_blacklist = False
        #: Whether any of the offers comes after something.
        self.has_after = False
        #: model -> its versions on the list; None where they are not known.
        self.listed: dict[str, tuple[str, ...] | None] = {}
        #: Rises whenever any of these changes.
        self.generation = 0
        #: Script -> what it offers, None while that is being found out: of all that is asked for, and is awaited by it.
        self._answers: dict[str, Answer | None] = {}
        #: What entries list, of these answers.
        self._chosen_of: dict[Entry, Chosen] = {}

    def refresh(self) -> None:
        """Read the queue again and see what it offers now; a queue file that is wrong leaves the last good list."""
        self._descriptions.poll()
        before, self._entries = self._entries, self._listed()
        answers_before, self._answers = self._answers, self._asked(self._entries)
        if self._entries != before or not _are_same(self._answers, answers_before):
            self._make_anew(self._entries)
        for script in self._descriptions.slow:
            self._tell(script, f"is still being imported after {SLOW_S:g} s; what is listed after it waits")

    def _make_anew(self, entries: tuple[Entry, ...]) -> None:
        self.generation += 1
        self.offers, self.problems, self.listed = [], [], {}
        self.unusable_on_hold = []
        self._chosen_of.clear()
        in_turn: int | None = None
        for entry in entries:
            model = model_name(entry.script)
            self.listed.setdefault(model, None)
            if not self._only.may_match(model):
                continue
            answer = self._answers[entry.script]
            if answer is not None:
                self._add(entry, model, answer)
            elif in_turn is None and entry.hold is not True:
                in_turn = len(self.offers)
        self.in_turn = self.offers[:in_turn]
        self.has_after = any(offer.after for offer in self.offers)
        self._refuse_shared_model_dirs()
        self._by_key = {offer.key: offer for offer in self.offers}
        self._tell_problems({script for script, answer in self._answers.items() if answer is None})

    def find(self, key: str) -> Offer | None:
        """Return what it offers as `model:version`."""
        return self._by_key.get(key)

    @property
    def is_complete(self) -> bool:
        """Whether every listed script has been described."""
        return not self._descriptions.is_pending

    @property
    def source_files(self) -> set[str]:
        """The files that what it offers depends on, there or not: absolute paths."""
        listed = {str(self._queue_file.models_dir / entry.script) for entry in self._entries or ()}
        return {str(self._queue_file.path), *listed, *self._descriptions.files}

    def awaited(self, awaited: Awaited) -> list[Offer] | None:
        """Return the versions that an offer comes after, listed or not; None while they are being found out.

        Raises:
            ScriptError: there is no such script or version, or it cannot be used.
        """
        script = awaited.script
        answer = self._answers.get(script)
        if answer is None:
            return None
        if isinstance(answer, ScriptError):
            raise answer.with_traceback(None)
        entries = [entry for entry in self._entries or () if entry.script == script]
        try:
            # It need not be listed to have succeeded.
            found = [
                self._offer(entry, version, answer, is_on_hold=version.name in chosen_of.held)
                for entry in awaited_entries(entries, awaited) or [Entry(script=script)]
                for chosen_of in [self._chosen(entry, answer)]
                for version in chosen_of.versions
                if awaited.version in (None, version.name)
            ]
        except InvalidName as error:
            raise ScriptError(script, str(error)) from error
        if not found and awaited.version is not None:
            known = [version.name for version in answer.versions]
            known += [version.name for entry in entries for version in self._chosen(entry, answer).versions]
            raise ScriptError(script, f'has no version "{awaited.version}".{did_you_mean(awaited.version, known)}')
        if not found:
            raise ScriptError(script, "none of the versions that are listed can be used.")
        return found

    def _asked(self, entries: tuple[Entry, ...]) -> dict[str, Answer | None]:
        asked = [entry for entry in entries if self._only.may_match(model_name(entry.script))]
        scripts = [entry.script for entry in asked]
        scripts += [awaited.script for entry in asked for awaited in entry.after]
        return {script: self._descriptions.get(script) for script in dict.fromkeys(scripts)}

    def _listed(self) -> tuple[Entry, ...]:
        before = self._entries
        try:
            queue: Queue = self._queue_file.read()
            listing = listed_scripts(queue, self._queue_file.models_dir)
        except QueueError as error:
            if before is None:
                raise
            self._note_error(str(error))
            return before
        self._error = None
        self.uses_blacklist = queue.use_blacklist
        if self._last_complaint is not None:
            self._last_complaint = None
            self._log(f"{self._queue_file.path.name} can be read again")
        for passed_over in listing.passed_over:
            self._tell(passed_over.script, f"passed over: {passed_over.why}")
        if before is not None and (changes := queue_changes(before, listing.entries)):
            self._log(changes)
        return listing.entries

    def _note_error(self, told: str) -> None:
        # An editor that saves in place leaves half a file for a moment: only what stays is told.
        now = time.monotonic()
        if self._error is None or self._error[0] != told:
            self._error = (told, now)
        if told != self._last_complaint and now - self._error[1] >= _SETTLING_S:
            self._last_complaint = told
            self._log(f"{told}\nThe last good list stays in force.")

    @property
    def is_unsettled(self) -> bool:
        """Whether the queue file is wrong, and may be in the middle of being saved."""
        return self._error is not None and self._error[0] != self._last_complaint

    def _add(self, entry: Entry, model: str, answer: Answer) -> None:
        if isinstance(answer, ScriptError) and entry.hold is True:
            self.unusable_on_hold.append(entry.script)
            return
        if isinstance(answer, ScriptError):
            self.problems.append(Problem(what=entry.script, why=answer.message, traceback=answer.traceback))
            return
        for warning in answer.warnings:
            self._tell(entry.script, warning)
        found = self._chosen(entry, answer)
        for unusable in found.unusable:
            if any(self._only.matches(model, version) for version in unusable.versions):
                self.problems.append(Problem(what=entry.script, why=unusable.why))
        self.listed[model] = (*(self.listed[model] or ()), *(version.name for version in found.versions))
        for version in found.versions:
            if self._only.matches(model, version.name):
                try:
                    is_on_hold = version.name in found.held
                    self.offers.append(self._offer(entry, version, answer, is_on_hold=is_on_hold))
                except InvalidName as error:
                    # Not what it would be called: that may break a line.
                    self.problems.append(Problem(what=entry.script, why=str(error)))

    def _chosen(self, entry: Entry, description: Description) -> Chosen:
        # Hundreds may come after versions of one script.
        if entry not in self._chosen_of:
            self._chosen_of[entry] = chosen(entry, description, self._queue_file.path.name)
        return self._chosen_of[entry]

    def _offer(self, entry: Entry, version: VersionDescription, description: Description, *, is_on_hold: bool) -> Offer:
        """Return a version of a script as the queue's entry offers it.

        Raises:
            InvalidName: a name of it cannot become part of a path.
        """
        model = model_name(entry.script)
        own = Conditions.from_json(version.conditions)
        return Offer(
            model=model,
            version=version.name,
            script=entry.script,
            identity=version.identity,
            parameters=version.parameters,
            seed=version.seed,
            model_dir=checked_model_dir(model, version.name, version.suffix),
            files=description.files,
            after=entry.after,
            conditions=own.over(entry.conditions).over(self._conditions),
            base=version.base,
            changes=version.changes,
            is_on_hold=is_on_hold,
        )

    def _refuse_shared_model_dirs(self) -> None:
        shared = shared_model_dirs((offer.key, offer.model_dir) for offer in self.offers)
        for model_dir, keys in shared.items():
            why = f"would use the same model dir, {model_dir}. Give one of them another name or model_dir_suffix."
            self.problems.append(Problem(what=" and ".join(keys), why=why))
        self.offers, self.in_turn = (
            [offer for offer in offers if offer.model_dir not in shared] for offers in (self.offers, self.in_turn)
        )

    def _tell_problems(self, unknown: set[str]) -> None:
        # What stays as it is is said once, not before every run; what comes back after it was mended is said again.
        for problem in self.problems:
            if problem not in self._told_problems:
                shown = f"\n{excerpt(problem.traceback)}" if problem.traceback else ""
                self._log(f"{problem.what}: {problem.why}{shown}")
        kept = {problem for problem in self._told_problems if problem.what in unknown}
        self._told_problems = kept.union(self.problems)

    def _tell(self, what: str, why: str) -> None:
        if (what, why) not in self._told:
            self._told.add((what, why))
            self._log(f"{what}: {why}")


def _are_same(answers: Mapping[str, Answer | None], before: Mapping[str, Answer | None]) -> bool:
    return answers.keys() == before.keys() and all(answers[script] is before[script] for script in answers)

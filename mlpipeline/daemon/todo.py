"""What of the queue is still to be started in this launch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from mlpipeline.daemon.catalogue import Catalogue, Offer, Problem
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.starting import Held
from mlpipeline.domain.plan import STARTS, Verdict, verdict
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State
from mlpipeline.domain.waits import Wait
from mlpipeline.history.ledger import Ledger


class Obstacle(Protocol):
    """Something that may keep versions from starting. Asked by `Todo`, in the loop's thread."""

    @property
    def is_active(self) -> bool:
        """Whether there is anything that it could keep; what is False costs nothing, however much is listed."""
        ...

    def wait(self, offer: Offer) -> Wait | None:
        """Return what keeps a version that is to run from starting now, or None.

        The answer is remembered until the queue, the history or what runs changed, or `Todo.forget_waits` is called.
        """
        ...


class Todo:
    """The offers that are to be started, in order.

    The list is made again only when the queue, a script or another host's history changed, or when a run ended that
    kept a version waiting, so that choosing takes the same time whatever is listed and whatever was done.
    """

    def __init__(
        self, catalogue: Catalogue, ledger: Ledger, options: LaunchOptions, host: str, log: Callable[[str], None]
    ) -> None:
        """Choose for `host` among what `catalogue` offers."""
        self._catalogue = catalogue
        self._ledger = ledger
        self._options = options
        self._host = host
        self._log = log
        #: Rises whenever the lists are made again.
        self.generation = 0
        #: The generation of the catalogue and the news of the ledger that the lists were made from.
        self._state = (-1, -1)
        #: `model:version` -> its offer: all that wait, and those of them whose turn is known.
        self._waiting: dict[str, Offer] = {}
        self._in_turn: dict[str, Offer] = {}
        #: Model dirs of offers that are not among them while a run goes on there.
        self._busy: set[str] = set()
        #: What was started in this launch: `model:version` -> identity.
        self._begun: dict[str, str] = {}
        #: Those whose model dir somebody else has.
        self._held: dict[str, Held] = {}
        #: In the order in which they are asked.
        self.obstacles: Sequence[Obstacle] = ()
        #: What they said, and what of it was told.
        self._waits: dict[str, Wait | None] = {}
        self._told: dict[str, str] = {}
        #: Rises whenever other versions than before may start.
        self.changes = 0

    def refresh(self) -> None:
        """See what the queue offers now, and what other hosts did meanwhile."""
        self._catalogue.refresh()
        self._ledger.catch_up()
        state = (self._catalogue.generation, self._ledger.news)
        if state != self._state:
            self._state = state
            self.generation += 1
            self._busy.clear()
            self.forget_waits()
            self._waiting = {offer.key: offer for offer in self._catalogue.offers if self._is_to_start(offer)}
            self._in_turn = {offer.key: offer for offer in self._catalogue.in_turn if offer.key in self._waiting}

    @property
    def in_turn(self) -> list[Offer]:
        """Those whose turn is known, in order, whatever keeps them from starting."""
        return list(self._in_turn.values())

    def candidates(self, is_wanted: Callable[[Offer], bool] = lambda _: True) -> Iterator[tuple[Offer, Verdict]]:
        """Yield what may be started now, and how, in order; only what `is_wanted`, which is asked in that order."""
        is_any_kept = any(obstacle.is_active for obstacle in self.obstacles)
        for key, offer in list(self._in_turn.items()):
            if (is_any_kept and self.wait_of(offer) is not None) or key in self._held or not is_wanted(offer):
                continue
            decided = self._decided(offer)
            if decided in STARTS:
                yield offer, decided
            else:
                self._drop(key)

    @property
    def has_any(self) -> bool:
        """Whether anything is listed whose turn is known, and that was not begun."""
        return bool(self._in_turn)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that this launch will start."""
        if next(self.candidates(), None) is not None:
            return False
        waits = map(self.wait_of, self._waiting.values())
        return all(wait is not None and wait.is_held for wait in waits)

    def wait_of(self, offer: Offer) -> Wait | None:
        """Return what keeps a version from starting, other than a run that it sees in its model dir, or None."""
        if offer.key in self._held:
            return Wait(why=self._held[offer.key].why, is_held=True)
        if offer.key not in self._waits:
            wait = self._asked(offer)
            self._waits[offer.key] = wait
            # Said when it is new: what waits is asked about again and again.
            if wait is None or not wait.is_held:
                self._told.pop(offer.key, None)
            elif self._told.get(offer.key) != wait.why:
                self._told[offer.key] = wait.why
                # Without recording, nobody can look it up once the launch is over.
                where = " (traceback in status)" if wait.traceback and self._options.is_recorded else ""
                self._log(f"{offer.key} is held: {wait.why}{where}")
        return self._waits[offer.key]

    def _asked(self, offer: Offer) -> Wait | None:
        answers = (obstacle.wait(offer) for obstacle in self.obstacles if obstacle.is_active)
        return next((wait for wait in answers if wait is not None), None)

    def forget_waits(self) -> None:
        """Ask again what keeps versions from starting: something changed."""
        self._waits.clear()
        self.changes += 1

    def is_to_run(self, key: str) -> bool:
        """Return whether a version is still to be started in this launch."""
        return key in self._waiting

    def latest(self, offer: Offer) -> Run | None:
        """Return the latest run in an offer's model dir."""
        return self._ledger.latest(offer.model_dir)

    def verdict(self, offer: Offer) -> Verdict:
        """Return what this launch does with an offer."""
        return verdict(self.last_known(offer), offer.key, offer.identity, skip_done=self._options.skip_done)

    def last_known(self, offer: Offer) -> Run | None:
        """Return the latest run in an offer's model dir, as lost where a person says that its host has left it."""
        last = self.latest(offer)
        if last is not None and last.is_open and last.host != self._host and self._ledger.is_released(last.id):
            is_prepared = last.is_prepared or last.state is State.RUNNING
            return replace(last, state=State.ENDED, outcome=Outcome.LOST, is_prepared=is_prepared)
        return last

    def note_begun(self, key: str, identity: str) -> None:
        """A version was started, or is still running from before."""
        self._begun[key] = identity
        self._drop(key)
        self.forget_waits()

    def note_ended(self, model_dir: str) -> None:
        """A run in `model_dir` is over: what waited for that is decided now."""
        self.forget_waits()
        if model_dir in self._busy:
            self._state = (-1, -1)

    def has_begun(self, key: str) -> bool:
        """Return whether a version was started in this launch, or adopted by it."""
        return key in self._begun

    def hold(self, offer: Offer, held: Held) -> None:
        """Pass an offer over for now."""
        self._held[offer.key] = held
        self.forget_waits()
        self._log(f"{offer.key} is held: {held.why}")

    def release_held(self) -> None:
        """Let those wait again whose reason is over."""
        if self._held:
            self._ledger.catch_up()
            held = {key: held for key, held in self._held.items() if not held.is_over()}
            if len(held) < len(self._held):
                self._held = held
                self.forget_waits()

    @property
    def is_holder_new(self) -> bool:
        """Whether what is held may be released at any moment."""
        return any(held.is_new for held in self._held.values())

    @property
    def held(self) -> list[Problem]:
        """What is held, and why."""
        by_others = [Problem(what=key, why=held.why) for key, held in self._held.items()]
        return [
            *by_others,
            *(Problem(what=key, why=wait.why, traceback=wait.traceback) for key, wait in self._kept() if wait.is_held),
        ]

    @property
    def waits(self) -> list[Problem]:
        """What waits for something else than its turn, and for what."""
        return [Problem(what=key, why=wait.why) for key, wait in self._kept() if not wait.is_held]

    @property
    def waiting_count(self) -> int:
        """How many versions wait for their turn."""
        kept = {key for key, _ in self._kept()}
        return len(self._waiting) - len((self._held.keys() | kept) & self._waiting.keys())

    def waiting(self, most: int) -> list[str]:
        """Return the next versions that wait for their turn, in order, and no more than `most`."""
        kept = {key for key, _ in self._kept()}
        return list(islice((key for key in self._waiting if key not in self._held and key not in kept), most))

    def _kept(self) -> Iterator[tuple[str, Wait]]:
        """Yield those that an obstacle keeps from starting."""
        if any(obstacle.is_active for obstacle in self.obstacles):
            for key, offer in self._waiting.items():
                wait = self.wait_of(offer) if key not in self._held else None
                if wait is not None:
                    yield key, wait

    def _drop(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._in_turn.pop(key, None)

    def _is_to_start(self, offer: Offer) -> bool:
        begun = self._begun.get(offer.key)
        # Once per launch; whoever watches wants what was edited since to come up again.
        if begun is not None and (not self._options.watch or begun == offer.identity):
            return False
        return self._decided(offer) in STARTS

    def _decided(self, offer: Offer) -> Verdict:
        decided = self.verdict(offer)
        if decided is Verdict.ALIVE:
            self._busy.add(offer.model_dir)
        return decided

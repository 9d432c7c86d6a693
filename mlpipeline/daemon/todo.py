"""What of the queue is still to be started in this launch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from mlpipeline.daemon.catalogue import Catalogue, Offer, Problem
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.presence import NEXT_SHOWN
from mlpipeline.daemon.starting import Held
from mlpipeline.domain.plan import STARTS, Verdict, verdict
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, Start, State
from mlpipeline.domain.waits import HELD_IN_QUEUE, Wait
from mlpipeline.history.ledger import Ledger

#: The state from which lists were made that are to be made again, whatever it is by now.
_OUT_OF_DATE = (-1, -1)


class Obstacle(Protocol):
    """Something that may keep versions from starting. Asked by `Todo`, in the loop's thread."""

    @property
    def is_active(self) -> bool:
        """Whether there is anything that it could keep; what is False costs nothing, however much is listed."""
        ...

    def wait(self, offer: Offer) -> Wait | None:
        """Return what keeps a version that is to run from starting now, or None.

        The answer is remembered until the queue or the history changed, or `Todo.forget_waits` is called. That of a
        version that comes after others is also asked for again whenever a run began or ended.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """How all that is still to be started stands at this moment."""

    #: How many versions wait for their turn, and the next of them, in order, up to `NEXT_SHOWN`.
    waiting_count: int
    next: Sequence[str]
    #: What waits for something else than its turn, and for what, up to `NEXT_SHOWN`.
    waits: Sequence[Problem]
    #: Whether any of that, shown here or not, passes by itself.
    is_any_passing: bool
    #: What is held because something is wrong, and why.
    held: Sequence[Problem]
    #: How many versions are to be started by and by, by model and how they begin; none that is held.
    to_start: Mapping[tuple[str, Start], int]
    #: What the queue file holds, and how many versions come after that.
    on_hold: Sequence[Problem]
    behind_count: int


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
        self._state = _OUT_OF_DATE
        #: `model:version` -> its offer: all that wait, and those of them whose turn is known.
        self._waiting: dict[str, Offer] = {}
        self._in_turn: dict[str, Offer] = {}
        #: How each of those that wait begins, and how many do so, by model: counted once, however many there are.
        self._starts: dict[str, Start] = {}
        self._counts: Counter[tuple[str, Start]] = Counter()
        #: Model dirs of offers that are not among them while a run goes on there.
        self._busy: set[str] = set()
        #: What was started in this launch: `model:version` -> identity.
        self._begun: dict[str, str] = {}
        #: Those whose model dir somebody else has.
        self._held: dict[str, Held] = {}
        #: Those that wait and come after others.
        self._dependent: dict[str, Offer] = {}
        #: In the order in which they are asked.
        self.obstacles: Sequence[Obstacle] = ()
        #: Those of them that are active; None when that is not known.
        self._active: list[Obstacle] | None = None
        #: What they said, and what of it was told.
        self._waits: dict[str, Wait | None] = {}
        self._told: dict[str, str] = {}
        #: What is held, and not said yet: those of a script that one reason keeps are told of in one line.
        self._untold: dict[str, Wait] = {}
        #: How all stands, until something changes.
        self._outlook: Outlook | None = None
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
            starts = {offer.key: self._start_of(offer) for offer in self._catalogue.offers}
            self._starts = {key: start for key, start in starts.items() if start is not None}
            self._waiting = {offer.key: offer for offer in self._catalogue.offers if offer.key in self._starts}
            self._counts = Counter((offer.model, self._starts[key]) for key, offer in self._waiting.items())
            self._dependent = {key: offer for key, offer in self._waiting.items() if offer.after}
            self._in_turn = {offer.key: offer for offer in self._catalogue.in_turn if offer.key in self._waiting}

    @property
    def in_turn(self) -> Mapping[str, Offer]:
        """Those whose turn is known, by `model:version`, in order, whatever keeps them from starting."""
        return self._in_turn

    def candidates(self, is_wanted: Callable[[Offer], bool] = lambda _: True) -> Iterator[tuple[Offer, Verdict]]:
        """Yield what may be started now, and how, in order; only what `is_wanted`, which is asked in that order."""
        is_any_kept = bool(self._active_obstacles)
        for offer in list(self._in_turn.values()):
            if (is_any_kept and self.wait_of(offer) is not None) or offer.key in self._held or not is_wanted(offer):
                continue
            decided = self._decided(offer)
            if decided in STARTS:
                yield offer, decided
            else:
                self._drop(offer.key)

    @property
    def has_any(self) -> bool:
        """Whether anything is listed whose turn is known, and that was not begun."""
        return bool(self._in_turn)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that this launch will start."""
        if next(self.candidates(), None) is not None:
            return False
        return not (self.outlook.waiting_count or self.outlook.is_any_passing)

    def wait_of(self, offer: Offer) -> Wait | None:
        """Return what keeps a version from starting, other than a run that it sees in its model dir, or None."""
        if offer.key in self._held:
            return Wait(why=self._held[offer.key].why, is_held=True)
        if offer.key not in self._waits:
            wait = self._asked(offer)
            self._waits[offer.key] = wait
            # Said when it is new: what waits is asked about again and again.
            if wait is None or not wait.is_held or wait.is_meant:
                self._told.pop(offer.key, None)
                self._untold.pop(offer.key, None)
            elif self._told.get(offer.key) != wait.why:
                self._told[offer.key] = wait.why
                self._untold[offer.key] = wait
        return self._waits[offer.key]

    def _tell_held(self) -> None:
        """Log what is held since this was last said."""
        by_reason: dict[tuple[str, str, bool], list[str]] = {}
        for key, wait in self._untold.items():
            by_reason.setdefault((key.partition(":")[0], wait.why, bool(wait.traceback)), []).append(key)
        self._untold.clear()
        for (model, why, is_traced), keys in by_reason.items():
            what = f"{keys[0]} is" if len(keys) == 1 else f"{len(keys)} versions of {model} are"
            # Without recording, nobody can look it up once the launch is over.
            where = " (traceback in status)" if is_traced and self._options.is_recorded else ""
            self._log(f"{what} held: {why}{where}")

    def _asked(self, offer: Offer) -> Wait | None:
        answers = (obstacle.wait(offer) for obstacle in self._active_obstacles)
        return next((wait for wait in answers if wait is not None), None)

    @property
    def _active_obstacles(self) -> list[Obstacle]:
        if self._active is None:
            self._active = [obstacle for obstacle in self.obstacles if obstacle.is_active]
        return self._active

    def forget_waits(self) -> None:
        """Ask again what keeps versions from starting: something changed."""
        self._waits.clear()
        self._active = self._outlook = None
        self.changes += 1

    def _forget_dependent(self) -> None:
        """Ask again what keeps those from starting that come after others: to the rest it is all the same what runs."""
        for key in self._dependent:
            self._waits.pop(key, None)
        self._outlook = None
        self.changes += 1

    def to_run(self, key: str) -> Offer | None:
        """Return a version that is still to be started in this launch, as it is listed; None when it is not."""
        return self._waiting.get(key)

    @property
    def dependent(self) -> Mapping[str, Offer]:
        """What of that comes after others, by `model:version`."""
        return self._dependent

    def latest(self, offer: Offer) -> Run | None:
        """Return the latest run in an offer's model dir."""
        return self._ledger.latest(offer.model_dir)

    def verdict(self, offer: Offer) -> Verdict:
        """Return what this launch does with an offer."""
        return verdict(
            self.last_known(offer),
            offer.key,
            offer.identity,
            skip_done=self._options.skip_done,
            is_collected=self._ledger.is_collected,
        )

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
        self._forget_dependent()

    def forget_begun(self, key: str) -> None:
        """A version may be started again in this launch: its run came to an end that nobody wanted for good."""
        self._begun.pop(key, None)
        self._state = _OUT_OF_DATE

    def note_ended(self, model_dir: str) -> None:
        """A run in `model_dir` is over: what waited for that is decided now."""
        self._forget_dependent()
        if model_dir in self._busy:
            self._state = _OUT_OF_DATE

    @property
    def is_out_of_date(self) -> bool:
        """Whether something came to an end since the lists were made that changes what they hold."""
        return self._state == _OUT_OF_DATE

    def has_begun(self, key: str) -> bool:
        """Return whether a version was started in this launch, or adopted by it."""
        return key in self._begun

    def hold(self, offer: Offer, held: Held) -> None:
        """Pass an offer over for now."""
        self._held[offer.key] = held
        self._forget_dependent()
        self._log(f"{offer.key} is held: {held.why}")

    def release_held(self) -> None:
        """Let those wait again whose reason is over."""
        if self._held:
            self._ledger.catch_up()
            held = {key: held for key, held in self._held.items() if not held.is_over()}
            if len(held) < len(self._held):
                self._held = held
                self._forget_dependent()

    @property
    def is_holder_new(self) -> bool:
        """Whether what is held may be released at any moment."""
        return any(held.is_new for held in self._held.values())

    @property
    def outlook(self) -> Outlook:
        """How all stands now: gone through once for whoever asks, until something changes."""
        if self._outlook is None:
            kept = self._kept()
            self._tell_held()  # All have been asked by now.
            on_hold = [key for key, wait in kept.items() if wait.is_meant and self._waiting[key].is_on_hold]
            behind = {key for key, wait in kept.items() if wait.is_meant}.difference(on_hold)
            others = [(key, wait) for key, wait in kept.items() if not wait.is_held or key in behind]
            in_line = (key for key in self._waiting if key not in self._held and key not in kept)
            self._outlook = Outlook(
                waiting_count=len(self._waiting) - len(kept) - len(self._held.keys() & self._waiting.keys()),
                next=list(islice(in_line, NEXT_SHOWN)),
                waits=[Problem(what=key, why=wait.why) for key, wait in others[:NEXT_SHOWN]],
                is_any_passing=len(others) > len(behind),
                held=[
                    *(Problem(what=key, why=held.why) for key, held in self._held.items()),
                    *(
                        Problem(what=key, why=wait.why, traceback=wait.traceback)
                        for key, wait in kept.items()
                        if wait.is_held and not wait.is_meant
                    ),
                ],
                to_start=self._counts_without([*self._held, *(key for key, wait in kept.items() if wait.is_held)]),
                on_hold=[
                    Problem(what=what, why=HELD_IN_QUEUE) for what in (*on_hold, *self._catalogue.unusable_on_hold)
                ],
                behind_count=len(behind),
            )
        return self._outlook

    def _counts_without(self, held: Sequence[str]) -> Mapping[tuple[str, Start], int]:
        offers = (self._waiting[key] for key in held if key in self._waiting)
        return +(self._counts - Counter((offer.model, self._starts[offer.key]) for offer in offers))

    def _kept(self) -> dict[str, Wait]:
        """Return what an obstacle keeps from starting, in order, and nobody else does."""
        if not self._active_obstacles:
            return {}
        left = ((key, offer) for key, offer in self._waiting.items() if key not in self._held)
        return {key: wait for key, offer in left if (wait := self.wait_of(offer)) is not None}

    def _drop(self, key: str) -> None:
        offer = self._waiting.pop(key, None)
        if offer is not None:
            self._counts[offer.model, self._starts.pop(key)] -= 1
        self._in_turn.pop(key, None)
        self._dependent.pop(key, None)
        self._outlook = None

    def _start_of(self, offer: Offer) -> Start | None:
        """Return how a version begins, None where it is not to start."""
        begun = self._begun.get(offer.key)
        # Once per launch; whoever watches wants what was edited since to come up again.
        if begun is not None and (not self._options.watch or begun == offer.identity):
            return None
        return STARTS.get(self._decided(offer))

    def _decided(self, offer: Offer) -> Verdict:
        decided = self.verdict(offer)
        if decided is Verdict.ALIVE:
            self._busy.add(offer.model_dir)
        return decided

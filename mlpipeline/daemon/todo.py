"""What of the queue is still to be started in this launch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from mlpipeline.daemon.catalogue import Catalogue, Offer, Problem
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.starting import Held
from mlpipeline.domain.plan import STARTS, Verdict, verdict
from mlpipeline.domain.runs import Run
from mlpipeline.history.ledger import Ledger


class Todo:
    """The offers that are to be started, in order.

    The list is made again only when the queue, a script or another host's history changed, or when a run ended that
    kept a version waiting, so that choosing takes the same time whatever is listed and whatever was done.
    """

    def __init__(
        self, catalogue: Catalogue, ledger: Ledger, options: LaunchOptions, log: Callable[[str], None]
    ) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._options = options
        self._log = log
        #: The generation of the catalogue and the news of the ledger that the lists were made from.
        self._state = (-1, -1)
        #: `model:version` -> its offer: all that wait, and those of them whose turn is known.
        self._waiting: dict[str, Offer] = {}
        self._in_turn: dict[str, Offer] = {}
        #: Model dirs of offers that are not among them while a run goes on there.
        self._busy: set[str] = set()
        #: What was started in this launch: `model:version` -> identity.
        self._begun: dict[str, str] = {}
        self._held: dict[str, Held] = {}

    def refresh(self) -> None:
        """See what the queue offers now, and what other hosts did meanwhile."""
        self._catalogue.refresh()
        self._ledger.catch_up()
        state = (self._catalogue.generation, self._ledger.news)
        if state != self._state:
            self._state = state
            self._busy.clear()
            self._waiting = {offer.key: offer for offer in self._catalogue.offers if self._is_to_start(offer)}
            self._in_turn = {offer.key: offer for offer in self._catalogue.in_turn if offer.key in self._waiting}

    def next(self) -> tuple[Offer, Verdict] | None:
        """Return what is to be started now, and how; None when there is nothing."""
        for key, offer in list(self._in_turn.items()):
            if key in self._held:
                continue
            decided = self._decided(offer)
            if decided in STARTS:
                return offer, decided
            self._drop(key)
        return None

    def latest(self, offer: Offer) -> Run | None:
        """Return the latest run in an offer's model dir."""
        return self._ledger.latest(offer.model_dir)

    def verdict(self, offer: Offer) -> Verdict:
        """Return what this launch does with an offer."""
        return verdict(self.latest(offer), offer.key, offer.identity, skip_done=self._options.skip_done)

    def note_begun(self, key: str, identity: str) -> None:
        """A version was started, or is still running from before."""
        self._begun[key] = identity
        self._drop(key)

    def note_ended(self, model_dir: str) -> None:
        """A run in `model_dir` is over: what waited for that is decided now."""
        if model_dir in self._busy:
            self._state = (-1, -1)

    def has_begun(self, key: str) -> bool:
        """Return whether a version was started in this launch, or adopted by it."""
        return key in self._begun

    def hold(self, offer: Offer, held: Held) -> None:
        """Pass an offer over for now."""
        self._held[offer.key] = held
        self._log(f"{offer.key} is held: {held.why}")

    def release_held(self) -> None:
        """Let those wait again whose reason is over."""
        if self._held:
            self._ledger.catch_up()
            self._held = {key: held for key, held in self._held.items() if not held.is_over()}

    @property
    def is_holder_new(self) -> bool:
        """Whether what is held may be released at any moment."""
        return any(held.is_new for held in self._held.values())

    @property
    def held(self) -> list[Problem]:
        """What is held, and why."""
        return [Problem(what=key, why=held.why) for key, held in self._held.items()]

    @property
    def waiting_count(self) -> int:
        """How many versions wait for their turn."""
        return len(self._waiting) - len(self._held.keys() & self._waiting.keys())

    def waiting(self, most: int) -> list[str]:
        """Return the next versions that wait for their turn, in order, and no more than `most`."""
        return list(islice((key for key in self._waiting if key not in self._held), most))

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

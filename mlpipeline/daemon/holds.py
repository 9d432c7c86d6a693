"""What the queue file holds: it stays listed, and does not start until that is taken away there."""

from __future__ import annotations

from collections.abc import Callable

from mlpipeline.daemon.catalogue import Catalogue, Offer
from mlpipeline.domain.waits import HELD_IN_QUEUE, Wait
from mlpipeline.domain.words import named

#: How many of those that are held the log names.
_NAMED = 10


class Holds:
    """An `Obstacle`, and the one that is asked first: what somebody wants is told before all that may be wrong."""

    def __init__(self, catalogue: Catalogue, log: Callable[[str], None]) -> None:
        """Keep what `catalogue` says is on hold, and `log` once which that is."""
        self._catalogue = catalogue
        self._log = log
        self._generation = -1
        self._is_any = False
        #: What was said to be held, `model:version`.
        self._told: set[str] = set()

    @property
    def is_active(self) -> bool:
        """Whether anything that is asked for is held."""
        if self._generation != self._catalogue.generation:
            self._generation = self._catalogue.generation
            self._see()
        return self._is_any

    def wait(self, offer: Offer) -> Wait | None:
        """Return that a version is held, or None."""
        return Wait(why=HELD_IN_QUEUE, is_held=True, is_meant=True) if offer.is_on_hold else None

    def _see(self) -> None:
        on_hold = [offer.key for offer in self._catalogue.offers if offer.is_on_hold]
        self._is_any = bool(on_hold)
        new = [key for key in on_hold if key not in self._told]
        # What a script that is being described again offers is not known for a moment, and may be held still.
        over = [offer.key for offer in self._catalogue.offers if offer.key in self._told and not offer.is_on_hold]
        self._told = self._told.union(new).difference(over)
        if new:
            self._log(f"{HELD_IN_QUEUE}: {named(new, _NAMED)}")
        if over:
            self._log(f"no longer {HELD_IN_QUEUE}: {named(over, _NAMED)}")

"""Holding the rest of a script whose versions fail one after the other, in the same way at the same place."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path

from mlpipeline.daemon.catalogue import Offer
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome
from mlpipeline.domain.streaks import streak_in_words
from mlpipeline.domain.waits import Wait
from mlpipeline.history.ledger import Ledger
from mlpipeline.history.stores import code_name
from mlpipeline.history.streaks import latest_of, streak_of


class Breaker:
    """An `Obstacle`: what keeps a version from starting is the history of its script, so it outlasts this launch."""

    def __init__(
        self,
        ledger: Ledger,
        hold_after: int,
        models_dir: Path,
        tell: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        """Hold the rest of a script after `hold_after` failures in a row, 0 is never; `tell` whenever that changes."""
        self._ledger = ledger
        self._hold_after = hold_after
        self._models_dir = models_dir
        self._tell = tell
        self._log = log
        #: Model -> the runs that failed one after the other, newest first.
        self._streaks: dict[str, list[Run]] = {}
        #: Those of them of which a version was held; and models of which a run failed here in this launch.
        self._holding: set[str] = set()
        self._failed_here: set[str] = set()
        #: The news of the ledger up to which that is so.
        self._news = -1

    @property
    def is_active(self) -> bool:
        """Whether there is a script to hold."""
        if self._hold_after and self._news != self._ledger.news:
            self._news = self._ledger.news
            for model in self._ledger.models_in_trouble() | self._streaks.keys():
                self.look_at(model)
        return bool(self._streaks)

    @property
    def tripped(self) -> Set[str]:
        """The models whose versions failed in a row, not all of them before this launch, or on other hosts."""
        return self._failed_here & self._streaks.keys()

    def note_ended(self, run: Run) -> None:
        """A run of this host is over, or one of its attempts."""
        if run.outcome is Outcome.SUCCEEDED:
            self._note(run.model, None)
        elif run.place is not None:
            self._failed_here.add(run.model)
            self.look_at(run.model)

    def look_at(self, model: str) -> None:
        """See how the script of a model fares."""
        if self._hold_after:
            self._note(model, streak_of(self._ledger, model, self._hold_after))

    def _note(self, model: str, found: list[Run] | None) -> None:
        if found != self._streaks.get(model):
            self._streaks.pop(model, None)
            if found is not None:
                self._streaks[model] = found
            elif model in self._holding:
                self._holding.remove(model)
                last = next(iter(latest_of(self._ledger, model, self._hold_after)), None)
                if last is not None and last.outcome is Outcome.SUCCEEDED:  # Else somebody released it, and knows.
                    self._log(f"{model} goes on: {last.key} has succeeded")
            self._tell()

    def wait(self, offer: Offer) -> Wait | None:
        """Hold a version whose script failed in a row, and has not changed since."""
        runs = self._streaks.get(offer.model)
        if runs is not None and runs[0].code != code_name(offer.files):
            self._holding.discard(offer.model)  # It goes on as it was edited, whoever succeeds.
            return None
        if runs is None or self._ledger.is_released(_name(offer)):
            return None
        self._holding.add(offer.model)
        told = streak_in_words(runs, self._models_dir)
        until = f"Held until {offer.script} changes, or `mlpipeline release {offer.model}`"
        return Wait(why=f"{told}. {until}", is_held=True)

    def what_holds(self, model: str, offer: Offer | None) -> list[str]:
        """Return what is to be released, as `Ledger.is_released` names it: for a model's script, or for one version."""
        if offer is not None:
            return [_name(offer)] if self.wait(offer) is not None else []
        self.look_at(model)
        return [run.id for run in self._streaks.get(model, [])]


def _name(offer: Offer) -> str:
    return f"{offer.key}@{offer.identity}"

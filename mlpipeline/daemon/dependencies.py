"""What the queue lists as `after` others waits until those have succeeded."""

from __future__ import annotations

from mlpipeline.daemon.catalogue import Catalogue, Offer
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.after import Standing, wait_after
from mlpipeline.domain.queue import Awaited
from mlpipeline.domain.waits import Wait
from mlpipeline.errors import ScriptError


class Dependencies:
    """An obstacle: keeps versions from starting before all that they come after has succeeded."""

    def __init__(self, catalogue: Catalogue, todo: Todo, host: str) -> None:
        self._catalogue = catalogue
        self._todo = todo
        self._host = host
        #: What was found for those that come after the same, and when: thousands of versions may wait for one.
        self._found: dict[tuple[Awaited, ...], Wait | None] = {}
        self._found_at = -1

    @property
    def is_active(self) -> bool:
        """Whether anything that is asked for comes after something else."""
        return self._catalogue.has_after

    def wait(self, offer: Offer) -> Wait | None:
        """Return why a version does not start before others, or None."""
        if not offer.after:
            return None
        if self._found_at != self._todo.occasion:
            self._found_at = self._todo.occasion
            self._found.clear()
        if offer.after not in self._found:
            self._found[offer.after] = self._wait_after(offer.after)
        return self._found[offer.after]

    def _wait_after(self, after: tuple[Awaited, ...]) -> Wait | None:
        standings: list[Standing] = []
        for awaited in after:
            try:
                versions = self._catalogue.awaited(awaited)
            except ScriptError as error:
                why = f'it comes after "{awaited}", which cannot be used: {error}'
                return Wait(why=why, is_held=True, traceback=error.traceback)
            if versions is None:
                return Wait(why=f"after {awaited}, which is being imported")
            standings += map(self._standing, versions)
        return wait_after(standings, self._host)

    def _standing(self, offer: Offer) -> Standing:
        is_to_run = self._todo.is_to_run(offer.key)
        return Standing(
            key=offer.key,
            identity=offer.identity,
            last=self._todo.latest(offer),
            is_to_run=is_to_run,
            wait=self._todo.wait_of(offer) if is_to_run else None,
        )

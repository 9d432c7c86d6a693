"""What the queue lists as `after` others waits until those have succeeded."""

from __future__ import annotations

from mlpipeline.daemon.catalogue import Catalogue, Offer
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.after import Standing, foremost, wait_after
from mlpipeline.domain.queue import Awaited
from mlpipeline.domain.waits import Wait
from mlpipeline.errors import ScriptError
from mlpipeline.history.ledger import Ledger


class Dependencies:
    """An obstacle: keeps versions from starting before all that they come after has succeeded."""

    def __init__(self, catalogue: Catalogue, ledger: Ledger, todo: Todo, host: str) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._todo = todo
        self._host = host
        #: What was found for those that come after the same, and when: thousands of versions may wait for one, …
        self._found: dict[tuple[Awaited, ...], Wait | None] = {}
        self._found_at = -1
        #: … or one for thousands: what these are, those that have succeeded, and of which queue and history.
        self._versions: dict[Awaited, list[Offer]] = {}
        self._succeeded: set[str] = set()
        self._state = (-1, -1)

    @property
    def is_active(self) -> bool:
        """Whether anything that is asked for comes after something else."""
        return self._catalogue.has_after

    def wait(self, offer: Offer) -> Wait | None:
        """Return why a version does not start before others, or None."""
        if not offer.after:
            return None
        self._forget_what_changed()
        if offer.after not in self._found:
            self._found[offer.after] = self._wait_after(offer.after)
        return self._found[offer.after]

    def _forget_what_changed(self) -> None:
        state = (self._catalogue.generation, self._ledger.news)
        if state != self._state:
            self._state = state
            self._versions.clear()
            self._succeeded.clear()
        if self._found_at != self._todo.changes:
            self._found_at = self._todo.changes
            self._found.clear()

    def _wait_after(self, after: tuple[Awaited, ...]) -> Wait | None:
        waits: list[Wait] = []
        for awaited in after:
            try:
                versions = self._versions.get(awaited) or self._catalogue.awaited(awaited)
            except ScriptError as error:
                why = f'it comes after "{awaited}", which cannot be used: {error}'
                return Wait(why=why, is_held=True, traceback=error.traceback)
            if versions is None:
                waits.append(Wait(why=f"after {awaited}, which is being imported"))
                continue
            self._versions[awaited] = versions
            found = (self._wait_after_one(version) for version in versions if version.key not in self._succeeded)
            waits += [wait for wait in found if wait is not None]
        return foremost(waits)

    def _wait_after_one(self, offer: Offer) -> Wait | None:
        is_to_run = self._todo.is_to_run(offer.key)
        wait = self._todo.wait_of(offer) if is_to_run else None
        # What is about to run is waited for whatever history says of it, which takes longer to find out.
        is_asked = not is_to_run or (wait is not None and wait.is_held)
        last = self._todo.last_known(offer) if is_asked else None
        standing = Standing(key=offer.key, identity=offer.identity, last=last, is_to_run=is_to_run, wait=wait)
        found = wait_after(standing, self._host)
        if found is None and not is_to_run:
            self._succeeded.add(offer.key)
        return found

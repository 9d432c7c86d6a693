"""What the queue lists as `after` others waits until those have succeeded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from graphlib import TopologicalSorter

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
            # In order, and not each by the one that comes after it: a chain may be longer than a stack is deep.
            for after in TopologicalSorter(self._what_comes_first(offer.after)).static_order():
                self._found[after] = self._wait_after(after)
        return self._found[offer.after]

    def _what_comes_first(self, after: tuple[Awaited, ...]) -> dict[tuple[Awaited, ...], set[tuple[Awaited, ...]]]:
        """Return what is still to be found out: this, and what the versions come after that this names."""
        graph: dict[tuple[Awaited, ...], set[tuple[Awaited, ...]]] = {}
        left = [after]
        while left:
            one = left.pop()
            if one not in graph:
                keys = (version.key for awaited in one for version in self._versions_of(awaited))
                graph[one] = {self._todo.dependent[key].after for key in keys if key in self._todo.dependent}
                graph[one].difference_update(self._found)
                left += graph[one]
        return graph

    def _versions_of(self, awaited: Awaited) -> list[Offer]:
        """Return what is named, as far as that is known and can be used."""
        if awaited not in self._versions:
            with suppress(ScriptError):
                versions = self._catalogue.awaited(awaited)
                if versions is not None:
                    self._versions[awaited] = versions
        return self._versions.get(awaited, [])

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
                is_known = awaited in self._versions or self._catalogue.awaited(awaited) is not None
            except ScriptError as error:
                why = f'it comes after "{awaited}", which cannot be used: {error}'
                return Wait(why=why, is_held=True, traceback=error.traceback)
            if not is_known:
                waits.append(Wait(why=f"after {awaited}, which is being imported"))
            wait = foremost(self._waits_after(self._versions_of(awaited)))
            waits += [] if wait is None else [wait]
        return foremost(waits)

    def _waits_after(self, versions: list[Offer]) -> Iterator[Wait]:
        """Yield what these are waited for, but only one of the waits for those that are about to run."""
        is_one_told = False
        for offer in versions:
            if offer.key in self._succeeded:
                continue
            # As it is listed: what it comes after itself counts, too.
            listed = self._todo.to_run(offer.key)
            is_to_run = listed is not None
            wait = None if listed is None else self._todo.wait_of(listed)
            # What is about to run is waited for whatever history says of it, which takes longer to find out.
            is_about_to_run = is_to_run and (wait is None or not wait.is_held)
            if is_about_to_run and is_one_told:
                continue
            is_one_told = is_one_told or is_about_to_run
            last = None if is_about_to_run else self._todo.last_known(offer)
            standing = Standing(key=offer.key, identity=offer.identity, last=last, is_to_run=is_to_run, wait=wait)
            found = wait_after(standing, self._host)
            if found is not None:
                yield found
            elif not is_to_run:
                self._succeeded.add(offer.key)

"""Choosing what starts next: the first in order that has all it asks for."""

from __future__ import annotations

from collections.abc import Callable

from mlpipeline.daemon.catalogue import Catalogue, Offer, Problem
from mlpipeline.daemon.disk_room import DiskRoom
from mlpipeline.daemon.leases import Leases, Supply
from mlpipeline.daemon.presence import NEXT_SHOWN
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.leasing import Amounts, Kind, Round, asked, beyond
from mlpipeline.domain.plan import Verdict
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.waits import Wait


class Chooser:
    """Passes over what lacks something, as long as it does; an `Obstacle` to what asks for more than there is."""

    def __init__(
        self, catalogue: Catalogue, leases: Leases, disk: DiskRoom, host: str, log: Callable[[str], None]
    ) -> None:
        """Choose among what `catalogue` offers on `host`, and `log` what the first waits for."""
        self._catalogue = catalogue
        self._leases = leases
        self._disk = disk
        self._host = host
        self._log = log
        #: What the versions that are listed ask for, and of which kinds that is, by generation of the catalogue.
        self._asked: frozenset[Resources] = frozenset()
        self._kinds: frozenset[Kind] = frozenset()
        self._generation = -1
        #: What waits for something of the host, in order, up to `NEXT_SHOWN`.
        self._lacking: dict[str, Problem] = {}
        #: The runs that are due for another attempt and lack something: what they ask for, and what they lack.
        self._foremost: dict[str, Resources] = {}
        self._foremost_lacks: dict[str, Problem] = {}
        self._told: set[tuple[str, str]] = set()
        self._is_disk_full = False
        #: What this host has of it in all, and what is held because it asks for more.
        self._total: Amounts = {}
        self._beyond: dict[Resources, Wait] = {}
        #: The changes of the list, the supply, and what others are before them, with which nothing could start.
        self._spent: tuple[int, Supply, dict[str, Resources]] | None = None

    @property
    def is_active(self) -> bool:
        """Whether anything listed asks for more than there is."""
        self._note_asked()
        return bool(self._beyond)

    def wait(self, offer: Offer) -> Wait | None:
        """Hold what this host will never have enough for."""
        return self._beyond.get(offer.conditions.resources)

    def next(self, todo: Todo) -> tuple[Offer, Verdict] | None:
        """Return what is to be started now, and how; None when there is nothing, or not yet what it needs."""
        self._note_asked()
        if self._kinds and todo.has_any:
            chosen = self._next_supplied(todo)
        else:
            self._lacking.clear()
            chosen = next(todo.candidates(), None)
        if chosen is None:
            return None  # What was found for the attempts that are due still holds.
        self._is_disk_full = not self._disk.look()
        return None if self._is_disk_full else chosen

    def why_never(self, resources: Resources) -> str | None:
        """Return why this host will never have enough for a run, or None."""
        wait = beyond(resources, self._leases.supply(frozenset(asked(resources))).total, self._host)
        return wait.why if wait is not None else None

    def may_start(self, key: str, resources: Resources) -> bool:
        """Return whether a run that is due for another attempt has all it asks for.

        What it lacks is kept for it before all that is listed, until `forget_foremost`.
        """
        self._is_disk_full = not self._disk.look()
        if self._is_disk_full:
            return False
        wait = self._round(self._leases.supply(self._kinds | asked(resources).keys())).wait(key, resources)
        if wait is None:
            return True
        self._foremost[key] = resources
        self._foremost_lacks[key] = Problem(what=key, why=wait.why)
        return False

    def forget_foremost(self) -> None:
        """Keep nothing more for runs that are due for another attempt: they are asked about anew."""
        self._foremost.clear()
        self._foremost_lacks.clear()
        self._is_disk_full = False

    def _round(self, supply: Supply) -> Round:
        begun = Round(supply.free, supply.total, supply.notes)
        for key, resources in self._foremost.items():
            begun.wait(key, resources)
        return begun

    @property
    def is_disk_full(self) -> bool:
        """Whether nothing starts for want of room on the disk."""
        return self._is_disk_full

    @property
    def waits(self) -> list[Problem]:
        """What was passed over, and what for; where nothing starts at all, that first."""
        everything = [Problem(what="everything", why=self._disk.shortage)] if self._is_disk_full else []
        return [*everything, *self._foremost_lacks.values(), *self._lacking.values()]

    def _note_asked(self) -> None:
        if self._generation != self._catalogue.generation:
            self._generation = self._catalogue.generation
            self._asked = frozenset(offer.conditions.resources for offer in self._catalogue.offers)
            self._kinds = frozenset(kind for resources in self._asked for kind in asked(resources))
            self._note_total(self._leases.supply(self._kinds).total)

    def _note_total(self, total: Amounts) -> None:
        self._total = total
        found = {resources: beyond(resources, total, self._host) for resources in self._asked}
        self._beyond = {resources: wait for resources, wait in found.items() if wait is not None}

    def _next_supplied(self, todo: Todo) -> tuple[Offer, Verdict] | None:
        supply = self._leases.supply(self._kinds)
        if supply.total != self._total:
            self._note_total(supply.total)
            todo.forget_waits()
        # With thousands listed, they are gone through again only when something changed.
        if self._spent == (todo.changes, supply, self._foremost):
            return None
        self._lacking.clear()
        begun = self._round(supply)
        chosen = next(todo.candidates(lambda offer: self._is_supplied(begun, offer)), None)
        self._spent = (todo.changes, supply, dict(self._foremost)) if chosen is None else None
        return chosen

    def _is_supplied(self, begun: Round, offer: Offer) -> bool:
        wait = begun.wait(offer.key, offer.conditions.resources)
        if wait is None:
            return True
        # Those behind it wait for their turn as well. It is told once, not whenever something else has changed.
        if not self._lacking and (offer.key, offer.identity) not in self._told:
            self._told.add((offer.key, offer.identity))
            self._log(f"{offer.key} {wait.why}")
        if len(self._lacking) < NEXT_SHOWN:
            self._lacking[offer.key] = Problem(what=offer.key, why=wait.why)
        return False

"""The test gate: what did not pass its test does not run, and nothing new runs while something is to be tested."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence

from mlpipeline.daemon.catalogue import Offer
from mlpipeline.daemon.leases import Leases
from mlpipeline.daemon.options import LaunchOptions
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.test_runs import TestRun
from mlpipeline.daemon.test_starting import TestStarter
from mlpipeline.daemon.todo import Todo
from mlpipeline.domain.excerpts import excerpt
from mlpipeline.domain.leasing import Round, asked
from mlpipeline.domain.plan import gate_line, gate_result_line
from mlpipeline.domain.quantities import duration_in_words
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.test_results import TestResult
from mlpipeline.domain.waits import Wait
from mlpipeline.executors.executor import Executor, Presence, Seen
from mlpipeline.history.stores import CodeChanged

#: After how long a test is worth a line in the log, in seconds.
_SLOW_S = 10.0


class TestGate:
    """Tests versions before they may run; an obstacle to those that did not pass, and to all while tests are to come.

    A pass is an event in the history, and counts for every host and launch. A failure counts for this launch.
    """

    def __init__(
        self,
        options: LaunchOptions,
        host: str,
        records: Records,
        executor: Executor,
        leases: Leases,
        starter: TestStarter,
        forget: Callable[[str], None],
    ) -> None:
        """Test on `host`; `forget` has a script described again whose files are not what they were."""
        self._options = options
        self._host = host
        self._records = records
        self._executor = executor
        self._leases = leases
        self._starter = starter
        self._forget = forget
        #: Whether all that was listed at first was tested.
        self._is_open = False
        #: The changes of the list that `_waiting` was made from, and its generation.
        self._changes = self._generation = -1
        #: Those whose turn is known and that have not passed, in order, held or not.
        self._left: list[Offer] = []
        #: Those to be tested, in order, and the tests under way.
        self._waiting: list[Offer] = []
        self._tests: list[TestRun] = []
        #: How many tests have ended in this launch.
        self.end_count = 0
        #: `model:version` -> which GPUs its test waits for, and what of that was said.
        self._lacking: dict[str, str] = {}
        self._lacking_told: set[tuple[str, str]] = set()
        #: `model:version` and identity: what is known to have passed, and what had not when that was last asked.
        self._passed: set[tuple[str, str]] = set()
        self._unpassed: set[tuple[str, str]] = set()
        #: `model:version` -> what failed in this launch.
        self._failed: dict[str, TestResult] = {}
        #: What was said to be tested, and how many passed (True) and failed since that was last over.
        self._announced: set[tuple[str, str]] = set()
        self._tally: Counter[bool] = Counter()
        #: Whether what it answers as an obstacle may have changed, and what keeps those that have passed.
        self._has_news = False
        self._wait_of_all = self._wait_for_others()

    # As an obstacle

    @property
    def is_active(self) -> bool:
        """Whether versions are tested first."""
        return self._options.test_first

    def wait(self, offer: Offer) -> Wait | None:
        """Return what keeps a version from starting: its own test, or those of others."""
        failed = self._failed.get(offer.key)
        if failed is not None and failed.identity == offer.identity:
            return Wait(why=f"its test failed: {failed.error}", is_held=True, traceback=failed.traceback)
        if any(test.offer.key == offer.key for test in self._tests):
            return Wait(why="being tested")
        if not self._has_passed(offer):
            lacks = self._lacking.get(offer.key)
            return Wait(why=f"to be tested first{(lacks and f', and {lacks}') or ''}")
        return self._wait_of_all

    def _wait_for_others(self) -> Wait | None:
        left = len(self._waiting) + len(self._tests)
        if left:
            told = f"{left} to be tested before anything starts"
            first = next(iter(self._lacking), None)
            return Wait(why=told if first is None else f"{told}: {first} {self._lacking[first]}")
        return None if self._is_open else Wait(why="what is still being imported is tested before anything starts")

    # As the loop sees it

    @property
    def count(self) -> int:
        """How many tests are under way."""
        return len(self._tests)

    def advance(self, todo: Todo, room: int, *, is_complete: bool) -> None:
        """Begin the tests that are to come, as far as there is room.

        Args:
            todo: what is to run; it is told to ask again when something changed.
            room: how many tests may begin.
            is_complete: whether all that is listed is known.

        Raises:
            OSError, StartRefused: a test could not be started; it may be tried again.
        """
        if not self._options.test_first:
            return
        self._tell(todo)  # Of what ended, before it is asked about.
        try:
            if todo.generation != self._generation:
                self._generation = todo.generation
                self._unpassed.clear()  # Another host may have tested it meanwhile.
                self._left = list(todo.in_turn.values())
            if todo.changes != self._changes:
                self._changes = todo.changes
                self._see(todo, is_complete=is_complete)
            for offer in list(self._waiting) if room > 0 else ():
                if self._is_supplied(offer) and self._start(offer):
                    self._waiting.remove(offer)
                    room -= 1
                if room <= 0:
                    break
            if is_complete and not self._waiting and not self._tests:
                self._open()
        finally:
            self._tell(todo)

    def collect(self) -> None:
        """Take in how tests ended, and end those that take too long.

        Raises:
            OSError: what came of one could not be recorded; it may be tried again.
        """
        if not self._tests:
            return
        seen = self._executor.look([test.active.handle for test in self._tests])
        gone = Seen(presence=Presence.ENDED)
        for test in list(self._tests):
            if not test.active.is_over:
                test.active.note_seen(seen.get(test.active.handle, gone))
            if not test.active.is_over:
                test.hurry()
                self._tell_if_slow(test)
                if test.active.is_overdue:
                    self._executor.stop(test.active.handle, hard=True)
            elif test.active.is_settled:
                self._end(test)

    def release(self, model: str, version: str | None) -> bool:
        """Test anew what had failed of a model, or of one version of it; return whether anything had."""
        found = [
            result for result in self._failed.values() if result.model == model and version in (None, result.version)
        ]
        for result in found:
            del self._failed[result.key]
            self._announced.discard((result.key, result.identity))
            self._has_news = True
            self._changes = -1  # The list is gone through again though nothing in it has changed.
        return bool(found)

    def stop(self) -> None:
        """Test nothing more, and have what is under way ended at once: it counts as not tested."""
        self._waiting.clear()
        for test in self._tests:
            test.give_up()

    def close(self) -> None:
        """End what is still under way, and leave nothing."""
        for test in self._tests:
            self._executor.stop(test.active.handle, hard=True)
        self._starter.close()

    # What is to be tested

    def _tell(self, todo: Todo) -> None:
        if self._has_news:
            self._has_news = False
            self._wait_of_all = self._wait_for_others()
            todo.forget_waits()

    def _has_passed(self, offer: Offer) -> bool:
        what = (offer.key, offer.identity)
        if what not in self._passed and what not in self._unpassed:
            (self._passed if self._records.ledger.has_passed(*what) else self._unpassed).add(what)
        return what in self._passed

    def _see(self, todo: Todo, *, is_complete: bool) -> None:
        """Find out what is to be tested, and give up those tests that are of no use any more."""
        offers = todo.in_turn
        for test in self._tests:
            offer = offers.get(test.offer.key)
            # While a script is described again, it offers nothing: perhaps it is the same afterwards.
            if is_complete if offer is None else offer.identity != test.offer.identity:
                test.give_up()
        for key, failed in list(self._failed.items()):
            if key in offers and offers[key].identity != failed.identity:
                del self._failed[key]
                self._has_news = True
        # With thousands listed, those that have passed are not gone through whenever a run begins or ends.
        self._left = [offer for offer in self._left if offer.key in offers and not self._has_passed(offer)]
        untested = [offer for offer in self._left if not _is_held(offer, todo)]
        under_way = {test.offer.key for test in self._tests if test.is_wanted}
        waiting = [offer for offer in untested if offer.key not in under_way]
        self._has_news = self._has_news or waiting != self._waiting
        self._waiting = waiting
        self._announce(untested, len(offers) - len(self._left), is_complete=is_complete)

    def _announce(self, untested: Sequence[Offer], passed_count: int, *, is_complete: bool) -> None:
        new = {(offer.key, offer.identity) for offer in untested} - self._announced
        passed_before = 0 if self._is_open or self._announced else passed_count
        if new or (passed_before and is_complete):
            self._announced |= new
            self._records.log(gate_line(len(new), passed_before))

    def _open(self) -> None:
        self._has_news = self._has_news or not self._is_open
        self._is_open = True
        if self._tally:
            self._starter.forget_artifacts()
            self._records.log(gate_result_line(self._tally[True], self._tally[False]))
            self._tally.clear()

    # One test

    def _is_supplied(self, offer: Offer) -> bool:
        """Return whether the GPUs are free that a test asks for; of CPUs and memory it takes what there is."""
        gpus = Resources(gpus=offer.conditions.resources.gpus)
        supply = self._leases.supply(frozenset(asked(gpus)))
        wait = Round(supply.free, supply.total, supply.notes).wait(offer.key, gpus)
        before = self._lacking.pop(offer.key, None)
        if wait is not None:
            self._lacking[offer.key] = wait.why
            if (offer.key, offer.identity) not in self._lacking_told:
                self._lacking_told.add((offer.key, offer.identity))
                self._records.log(f"{offer.key} is to be tested first, and {wait.why}")
        self._has_news = self._has_news or self._lacking.get(offer.key) != before
        return wait is None

    def _start(self, offer: Offer) -> bool:
        """Begin a test; return False when its code is changing right now, or its GPUs are not free: decide again."""
        try:
            test = self._starter.start(offer)
        except CodeChanged:
            self._forget(offer.script)
            return False
        if test is None:
            return False
        self._tests.append(test)
        self._has_news = True
        return True

    def _tell_if_slow(self, test: TestRun) -> None:
        if test.is_wanted and not test.is_slow_told and test.seconds > _SLOW_S:
            test.is_slow_told = True
            self._records.log(f"{test.offer.key} is still being tested after {_SLOW_S:g} s; what is to run waits")

    def _end(self, test: TestRun) -> None:
        # What the test left behind goes first, as with any run.
        self._executor.stop(test.active.handle, hard=True)
        result = test.result(self._host)
        if result is not None:
            self._records.note(result.to_event())
            self.end_count += 1
            self._heed(result)
        self._leases.free(test.active.run_id)
        self._tests.remove(test)
        self._has_news = True
        shutil.rmtree(test.folder, ignore_errors=True)

    def _heed(self, result: TestResult) -> None:
        self._tally[result.is_passed] += 1
        if result.is_passed:
            self._passed.add((result.key, result.identity))
            self._failed.pop(result.key, None)
            self._records.log(f"{result.key}: test passed in {duration_in_words(result.seconds)}")
            return
        self._failed[result.key] = result
        if result.traceback and not self._options.is_recorded:
            # Once this launch is over, nobody can look it up.
            self._records.log(excerpt(result.traceback))


def _is_held(offer: Offer, todo: Todo) -> bool:
    """Return whether a version would not start anyway: because its test failed, or for whatever reason."""
    wait = todo.wait_of(offer)
    return wait is not None and wait.is_held

"""The daemon's loop: collect what ended, see what the queue offers, start what may start, sleep."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.ahead import ahead
from mlpipeline.daemon.breaker import Breaker
from mlpipeline.daemon.catalogue import Offer
from mlpipeline.daemon.dependencies import Dependencies
from mlpipeline.daemon.holds import Holds
from mlpipeline.daemon.next_attempts import NextAttempts
from mlpipeline.daemon.notifying import Notifying
from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.presence import CHANGE_INTERVAL_S, HEARTBEAT_INTERVAL_S
from mlpipeline.daemon.recovery import settle_claims, take_over
from mlpipeline.daemon.retrying import Retries
from mlpipeline.daemon.runs_under_way import RunsUnderWay
from mlpipeline.daemon.starting import Held
from mlpipeline.daemon.steering import Steering
from mlpipeline.daemon.stopping import Stopping
from mlpipeline.daemon.todo import Todo
from mlpipeline.daemon.trouble import Trouble
from mlpipeline.daemon.watching import LOOK_INTERVAL_S
from mlpipeline.domain.plan import STARTS, closing_line, plan_line
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State
from mlpipeline.errors import NotListed, QueueError
from mlpipeline.history.stores import store_environment
from mlpipeline.project.scripts import is_there

#: How long the plan may take before what is known of it is begun, in seconds.
_PLAN_PATIENCE_S = 3.0
#: How soon the loop looks again, in seconds: while something is about to happen that wakes nobody, …
_SOON_S = 0.05
#: … while it watches processes that are not its children, …
_ADOPTED_S = 0.5
#: … while its own children run or describe, whose end wakes it, …
_RUNNING_S = 1.0
#: … and after something could not be written or started.
_TROUBLE_S = 5.0
#: How long its end waits for what git has to say, in seconds.
_SURROUNDINGS_S = 1.0


class Daemon:
    """Works a queue off, or stays with it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._records = parts.records
        self._options = parts.options
        self._retries = Retries(parts.records)
        self._todo = Todo(parts.catalogue, parts.records.ledger, parts.options, parts.outputs.host, parts.records.log)
        self._breaker = Breaker(
            parts.records.ledger,
            parts.settings.hold_after,
            parts.settings.models_dir,
            self._todo.forget_waits,
            parts.records.log,
        )
        self._steering = Steering(
            parts.records,
            parts.executor,
            parts.starter,
            self._retries,
            parts.catalogue,
            self._breaker,
            parts.gate,
            parts.outputs.host,
            parts.settings.stop_grace_s,
        )
        dependencies = Dependencies(parts.catalogue, parts.records.ledger, self._todo, parts.outputs.host)
        self._gate = parts.gate
        holds = Holds(parts.catalogue, parts.records.log)
        self._todo.obstacles = (holds, parts.chooser, self._breaker, self._gate, dependencies)
        self._runs = RunsUnderWay(parts, self._steering, self._retries, self._breaker, self._todo)
        self._next_attempts = NextAttempts(parts, self._retries, self._runs, self._todo)
        self._trouble = Trouble(parts.records.log)
        self._stopping = Stopping(parts, self._steering, self._retries, self._runs, self._trouble)
        self._notifying = Notifying(parts, self._runs, self._todo, self._breaker)
        #: Whether what a dead daemon left was taken over, and whether it is known what the queue offers.
        self._is_taken_over = self._is_planned = self._is_plan_whole = False
        self._began_at = time.monotonic()
        self._is_environment_noted = False

    def run(self) -> int:
        """Run until there is nothing left to do, or somebody says stop; return the exit status."""
        self._log(f"mlpipeline begins: {self._options.command}")
        if not self._options.is_recorded:
            self._log("nothing is recorded: what this launch does in the model dirs, later launches know nothing of")
        while (pause_s := self._advance()) is not None:
            self._parts.waker.sleep(pause_s)
        return self._close()

    def _advance(self) -> float | None:
        """Make one tick; return how long to sleep until the next, in seconds, or None when all is done.

        What a tick does is only done once it is recorded, so after trouble it is simply done again.
        """
        try:
            self._stopping.heed_signals()
            self._take_over()
            self._runs.collect()
            # Not before: what ended while no daemon was there, or just now, is over for whoever asks.
            if self._options.is_recorded and not any(active.is_over for active in self._runs.active):
                self._heed_requests()
            self._gate.collect()
            self._note_surroundings()
            if self._stopping.is_on:
                self._next_attempts.give_up("the queue is stopped")
            else:
                self._plan()
                self._watch_sources()
                self._start_what_may_start()
            # Not before: the next run is waited for, this is not.
            self._runs.give_back()
            self._parts.presence.beat(
                ahead(self._parts, self._todo, is_stopping=self._stopping.is_on, has_room=self._room > 0)
            )
            if not self._stopping.is_on:
                self._notifying.look(self._is_at_rest)
            pause_s = None if self._is_done() else self._pause_s()
        except (NotListed, QueueError) as error:
            # `--only` asks for what there is not, or there never was a good list; nothing was started yet.
            self._log(f"mlpipeline ends: {error}")
            raise
        except Exception as error:
            # A fault of ours must not end a night; what it broke is tried again.
            self._trouble.note(error)
            return None if self._stopping.is_given_up else _TROUBLE_S
        self._trouble.note_over()
        return pause_s

    # The parts of a launch

    def _take_over(self) -> None:
        if self._is_taken_over:
            return
        parts, executor = self._parts, self._parts.executor
        taken = {active.run_id for active in self._runs.active}
        for run in self._records.ledger.open_runs(self._parts.outputs.host):
            active = None
            if run.past and run.state is State.WAITING and not self._options.is_recorded:
                continue  # Its next attempt is for a launch that records it.
            if run.id not in taken:
                active = take_over(run, parts.outputs, self._records, executor, self._retries, parts.oom_kills)
            if run.id in self._retries:
                self._todo.note_begun(run.key, run.identity)
            if active is not None:
                self._adopt(run, active)
        settle_claims(parts.outputs, self._records, parts.reporter)
        self._is_taken_over = True

    def _adopt(self, run: Run, active: Active) -> None:
        # What ended while no daemon was there is history before the plan is made: what was lost is resumed now.
        if active.handle in self._parts.executor.look([active.handle]):
            if not self._options.is_recorded:
                return  # How it ends is for a launch that records it.
            self._records.log(f"{run.key} was begun by a daemon before this one: watched again", run.id)
            if run.is_stop_asked:
                # Perhaps it was not told before its daemon died; to be told twice does no harm.
                self._steering.tell_to_stop(active)
            elif run.timeout is not None:
                self._steering.cut_short(active)
                self._todo.note_begun(run.key, run.identity)
            else:
                self._todo.note_begun(run.key, run.identity)
        self._parts.leases.adopt(run.id, self._parts.outputs.run_dir(run.name), active.attempt)
        self._runs.active.append(active)

    def _plan(self) -> None:
        if not self._is_planned and any(active.is_over for active in self._runs.active):
            return  # How those ended that were taken over is known in a moment, and decides what is resumed.
        self._todo.refresh()
        if self._is_plan_whole:
            return
        catalogue = self._parts.catalogue
        if catalogue.is_complete:
            self._options.only.refuse_unmatched(catalogue.listed, partial(is_there, self._parts.settings.models_dir))
            self._log_plan(catalogue.offers, "")
            self._is_planned = self._is_plan_whole = True
        elif not self._is_planned and not self._options.only.names and self._is_import_slow:
            # What is listed before a script that takes its time to import need not wait for it.
            self._log_plan(catalogue.in_turn, "so far, ")
            self._is_planned = True

    @property
    def _is_import_slow(self) -> bool:
        return bool(self._parts.catalogue.in_turn) and time.monotonic() - self._began_at > _PLAN_PATIENCE_S

    def _log_plan(self, offers: list[Offer], so_far: str) -> None:
        problems = len(self._parts.catalogue.problems)
        cannot = f"; {problems} cannot be used" if problems else ""
        decided = [(self._todo.verdict(offer), offer.is_on_hold) for offer in offers]
        verdicts = [verdict for verdict, is_on_hold in decided if not (is_on_hold and verdict in STARTS)]
        self._log(f"{so_far}{plan_line(verdicts, len(decided) - len(verdicts))}{cannot}")

    def _heed_requests(self) -> None:
        if self._steering.heed_requests(self._runs.active):
            self._todo.forget_waits()
        self._runs.note_ends(self._steering.ended)
        self._steering.ended.clear()

    def _is_done(self) -> bool:
        if self._stopping.is_on:
            return self._is_idle
        return not self._options.watch and self._is_at_rest()

    @property
    def _is_idle(self) -> bool:
        return not (self._runs.active or self._runs.holding or any(self._retries) or self._gate.count)

    def _is_at_rest(self) -> bool:
        """Return whether nothing is left that it would start by itself."""
        return (
            self._is_idle
            and self._is_plan_whole
            and self._parts.catalogue.is_complete
            and self._todo.is_over
            and not self._todo.is_holder_new
        )

    def _close(self) -> int:
        self._parts.surroundings.close(_SURROUNDINGS_S)
        with suppress(OSError):
            self._note_surroundings()
        outlook = self._todo.outlook
        problems = [*self._parts.catalogue.problems, *outlook.held]
        outcomes = [run.outcome for run in self._runs.ended]
        self._log(closing_line(outcomes, len(problems), len(outlook.on_hold), outlook.behind_count))
        self._records.show(self._parts.reporter.summary(self._runs.ended, problems))
        if self._parts.waker.stops:
            return 128 + self._parts.waker.stops[0]
        is_well = all(run.outcome is Outcome.SUCCEEDED for run in self._runs.ended) and not problems
        return 0 if is_well else 1

    def _note_surroundings(self) -> None:
        found = self._parts.surroundings.found
        if found is not None and not self._is_environment_noted:
            name = store_environment(self._records.outputs, found)
            self._records.note({"event": "environment", "launch": self._records.launch, "environment": name})
            self._is_environment_noted = True

    # Starting

    def _watch_sources(self) -> None:
        if self._parts.watch is not None:
            self._parts.watch.cover(self._parts.catalogue)

    def _start_what_may_start(self) -> None:
        todo = self._todo
        if self._trouble.is_on:
            self._runs.give_back()  # While there is no room for what was, nothing new begins.
        todo.release_held()
        self._test_first()
        if self._is_planned:
            self._next_attempts.begin(lambda: self._room, is_plan_whole=self._is_plan_whole)
            if todo.is_out_of_date:
                self._look_again()  # For what an attempt was given up for, nothing else may wake us soon.
        while self._is_planned and self._room > 0 and (chosen := self._parts.chooser.next(todo)) is not None:
            offer, decided = chosen
            if any(run.model_dir == offer.model_dir for run in self._runs.holding):
                self._runs.give_back()  # What is edited while it runs comes up again at once.
            outcome = self._parts.starter.start(offer, STARTS[decided], todo.latest(offer))
            if isinstance(outcome, Held):
                todo.hold(offer, outcome)
            elif outcome is not None:
                todo.note_begun(offer.key, offer.identity)
                self._runs.active.append(outcome)
            if self._room > 0:
                # The queue may be edited at any time: it is read again before every run.
                self._look_again()

    def _look_again(self) -> None:
        self._todo.refresh()
        self._test_first()

    def _test_first(self) -> None:
        if self._is_planned:
            self._gate.advance(self._todo, self._room, is_complete=self._parts.catalogue.is_complete)

    @property
    def _room(self) -> int:
        """How many runs, or tests, may begin."""
        return self._options.at_once - len(self._runs.active) - self._gate.count

    def _log(self, text: str) -> None:
        self._records.log(text)

    def _pause_s(self) -> float:
        is_starting = any(self._records.run(active.run_id).state is State.WAITING for active in self._runs.active)
        if is_starting or self._todo.is_holder_new or self._parts.catalogue.is_unsettled:
            return _SOON_S
        if self._parts.presence.has_news:
            return CHANGE_INTERVAL_S
        if any(not active.is_own for active in self._runs.active):
            return _ADOPTED_S
        due_in_s = self._retries.due_in_s()
        if due_in_s is not None and not self._stopping.is_on:
            return min(max(due_in_s, _SOON_S), _RUNNING_S)
        # What waits for another host's run hears of its end from the history alone.
        is_waiting = self._parts.chooser.waits or self._todo.outlook.is_any_passing
        is_at_rest = not self._runs.active and not self._gate.count and not is_waiting
        if not is_at_rest or not self._parts.catalogue.is_complete:
            return _RUNNING_S
        is_told_of_changes = self._parts.watch is None or self._parts.watch.is_complete
        return HEARTBEAT_INTERVAL_S if is_told_of_changes else LOOK_INTERVAL_S

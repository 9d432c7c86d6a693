"""The daemon's loop: collect what ended, see what the queue offers, start what may start, sleep."""

from __future__ import annotations

import signal
import time
import traceback
from contextlib import suppress
from heapq import nlargest

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.breaker import Breaker
from mlpipeline.daemon.catalogue import Offer, Problem
from mlpipeline.daemon.dependencies import Dependencies
from mlpipeline.daemon.holds import Holds
from mlpipeline.daemon.notifying import Notifying
from mlpipeline.daemon.parts import Parts
from mlpipeline.daemon.presence import CHANGE_INTERVAL_S, HEARTBEAT_INTERVAL_S, MODELS_SHOWN, NEXT_SHOWN, Ahead
from mlpipeline.daemon.recovery import settle_claims, take_over
from mlpipeline.daemon.retrying import Retries
from mlpipeline.daemon.runs_under_way import RunsUnderWay
from mlpipeline.daemon.starting import Held
from mlpipeline.daemon.steering import Steering
from mlpipeline.daemon.superseding import Superseding
from mlpipeline.daemon.todo import Todo
from mlpipeline.daemon.watching import LOOK_INTERVAL_S
from mlpipeline.domain.plan import STARTS, closing_line, plan_line
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State
from mlpipeline.errors import NotListed, QueueError
from mlpipeline.executors.executor import StartRefused
from mlpipeline.history.stores import store_environment

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
        self._superseding = Superseding(parts.catalogue, parts.records)
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
        self._notifying = Notifying(parts, self._runs, self._todo, self._breaker)
        #: Whether what a dead daemon left was taken over, and whether it is known what the queue offers.
        self._is_taken_over = self._is_planned = self._is_plan_whole = False
        self._began_at = time.monotonic()
        self._is_stopping = False
        self._stops_heeded = 0
        self._is_environment_noted = False
        self._trouble: str | None = None

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
            self._heed_signals()
            self._take_over()
            self._runs.collect()
            # Not before: what ended while no daemon was there, or just now, is over for whoever asks.
            if self._options.is_recorded and not any(active.is_over for active in self._runs.active):
                self._heed_requests()
            self._gate.collect()
            self._note_surroundings()
            if self._is_stopping:
                self._give_up_retries()
            else:
                self._plan()
                self._watch_sources()
                self._start_what_may_start()
            # Not before: the next run is waited for, this is not.
            self._runs.give_back()
            self._say_where_it_stands()
            if not self._is_stopping:
                self._notifying.look(self._is_at_rest)
            pause_s = None if self._is_done() else self._pause_s()
        except (NotListed, QueueError) as error:
            # `--only` asks for what there is not, or there never was a good list; nothing was started yet.
            self._log(f"mlpipeline ends: {error}")
            raise
        except Exception as error:
            # A fault of ours must not end a night; what it broke is tried again.
            self._complain(error)
            return None if self._is_given_up else _TROUBLE_S
        self._recovered()
        return pause_s

    # The phases of a launch

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
            self._options.only.refuse_unmatched(catalogue.listed)
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
        if self._is_stopping:
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

    @property
    def _is_given_up(self) -> bool:
        """Whether it ends in the midst of trouble: what could not be recorded is found by the next launch."""
        return self._is_stopping and (self._stops_heeded > 1 or not (self._runs.active or self._runs.holding))

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
        if self._trouble is not None:
            self._runs.give_back()  # While there is no room for what was, nothing new begins.
        todo.release_held()
        self._test_first()
        if self._is_planned:
            self._try_again()
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
                todo.refresh()
                self._test_first()

    def _test_first(self) -> None:
        if self._is_planned:
            self._gate.advance(self._todo, self._room, is_complete=self._parts.catalogue.is_complete)

    def _try_again(self) -> None:
        """Start the attempts that are due; give those up for which the queue has something else by now."""
        for retry in self._retries:
            why = None
            if not retry.is_asked:
                why = self._superseding.why(retry.run_id, is_plan_whole=self._is_plan_whole)
            if why is not None:
                run = self._retries.give_up(self._records.run(retry.run_id), why)
                self._runs.note_ends([run])
                if (offer := self._parts.catalogue.find(run.key)) is not None and offer.is_on_hold:
                    self._todo.forget_begun(run.key)  # It goes on where it was cut short once that is taken away.
        self._parts.chooser.forget_foremost()
        for retry in self._retries.due():
            run = self._records.run(retry.run_id)
            resources = self._parts.starter.asked_by(run)
            why = self._parts.chooser.why_never(resources) or self._parts.starter.why_not_again(run)
            if why is not None:
                self._runs.note_ends([self._retries.give_up(run, why)])
            if why is not None or self._room <= 0 or not self._parts.chooser.may_start(run.key, resources):
                continue
            active = self._parts.starter.start_again(run)
            if active is not None:
                self._runs.active.append(active)
                self._retries.begun(run.id)
                self._todo.note_begun(run.key, run.identity)

    def _give_up_retries(self) -> None:
        for retry in self._retries:
            self._runs.note_ends([self._retries.give_up(self._records.run(retry.run_id), "the queue is stopped")])

    @property
    def _room(self) -> int:
        """How many runs, or tests, may begin."""
        return self._options.at_once - len(self._runs.active) - self._gate.count

    # Stopping

    def _heed_signals(self) -> None:
        for number in self._parts.waker.stops[self._stops_heeded :]:
            self._stops_heeded += 1
            if self._is_stopping:
                self._kill_all()
            else:
                self._stop_all(number)

    def _stop_all(self, number: signal.Signals) -> None:
        self._is_stopping = self._retries.is_closed = True
        self._gate.stop()
        grace_s = self._parts.settings.stop_grace_s
        self._log(f"{number.name}: starts nothing more")
        # Of a run that is over, only the end is still to be written down, or its claim to be given back.
        alive = [active for active in self._runs.active if not active.is_over]
        if alive:
            self._log(f"waits up to {grace_s:g} s for {len(alive)} to stop; the same signal again kills them now")
        for active in alive:
            try:
                self._steering.stop(active, number.name)
            except Exception as error:
                # Those after it are to be told all the same.
                self._complain(error)

    def _kill_all(self) -> None:
        self._log("kills what still runs")
        for active in self._runs.active:
            active.kill_within(0)

    # Saying

    def _say_where_it_stands(self) -> None:
        outlook = self._todo.outlook
        held = [*outlook.held, *self._parts.catalogue.problems]
        ahead = Ahead(
            stopping=self._is_stopping,
            importing=not self._parts.catalogue.is_complete,
            waiting=outlook.waiting_count,
            next=outlook.next,
            at_once=self._options.at_once,
            to_start=[
                {"model": model, "start": start, "count": count}
                for (model, start), count in nlargest(MODELS_SHOWN, outlook.to_start.items(), key=lambda item: item[1])
            ],
            waits=[problem.to_json() for problem in self._waits[:NEXT_SHOWN]],
            held=[problem.to_json() for problem in held],
            on_hold=[problem.to_json() for problem in outlook.on_hold],
        )
        self._parts.presence.beat(ahead)

    @property
    def _waits(self) -> list[Problem]:
        # While all places are taken, each version waits for one of them, and nobody looks what else it would lack.
        return [*(self._parts.chooser.waits if self._room > 0 else ()), *self._todo.outlook.waits]

    def _log(self, text: str) -> None:
        self._records.log(text)

    def _complain(self, error: Exception) -> None:
        # Not by the whole message: it may name another file each time.
        kind = getattr(error, "strerror", None) or repr(error)
        if kind != self._trouble:
            self._trouble = kind
            is_expected = isinstance(error, (OSError, StartRefused))
            told = str(error) if is_expected else f"an error of mlpipeline itself:\n{traceback.format_exc()}"
            self._log(f"nothing new starts until this is over: {told}")

    def _recovered(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._log("that is over")

    def _pause_s(self) -> float:
        is_starting = any(self._records.run(active.run_id).state is State.WAITING for active in self._runs.active)
        if is_starting or self._todo.is_holder_new or self._parts.catalogue.is_unsettled:
            return _SOON_S
        if self._parts.presence.has_news:
            return CHANGE_INTERVAL_S
        if any(not active.is_own for active in self._runs.active):
            return _ADOPTED_S
        due_in_s = self._retries.due_in_s()
        if due_in_s is not None and not self._is_stopping:
            return min(max(due_in_s, _SOON_S), _RUNNING_S)
        # What waits for another host's run hears of its end from the history alone.
        is_waiting = self._parts.chooser.waits or self._todo.outlook.is_any_passing
        is_at_rest = not self._runs.active and not self._gate.count and not is_waiting
        if not is_at_rest or not self._parts.catalogue.is_complete:
            return _RUNNING_S
        is_told_of_changes = self._parts.watch is None or self._parts.watch.is_complete
        return HEARTBEAT_INTERVAL_S if is_told_of_changes else LOOK_INTERVAL_S

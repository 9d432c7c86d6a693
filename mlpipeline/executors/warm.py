"""Runs as forks of processes that have imported what their script imports: a process each, as ever, but at once."""

from __future__ import annotations

import json
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path

from mlpipeline.executors.executor import Attempt, Presence, Seen, StartRefused
from mlpipeline.executors.forked import Forked
from mlpipeline.executors.grounds import grounds
from mlpipeline.executors.how import TO_LEARN, fresh
from mlpipeline.executors.lessons import Lesson, Lessons
from mlpipeline.executors.local import LocalExecutor, handle_of
from mlpipeline.executors.processes import ProcessId
from mlpipeline.executors.sites import inherited_environment, site_stamps
from mlpipeline.executors.sweeping import suspend, sweep, wake
from mlpipeline.executors.warm_parent import ANSWER_TIME_S, WarmParent
from mlpipeline.project.files import read_json

#: Below so much free memory no parent is started, in bytes.
_SPARE_MEMORY_BYTES = 1_000_000_000
#: A parent may take so much longer than the run that it learned from to import the same, and so many seconds more.
_PATIENCE = 3.0
_PATIENCE_S = 20.0
#: How soon a worker is started again that there was no process for, in seconds.
_RETRY_S = 1.0
#: How long the end of a launch waits for the parents to end, in seconds.
_CLOSE_TIME_S = 1.0


class WarmExecutor:
    """Starts a worker by forking where that is safe, and fresh where it is not."""

    def __init__(
        self,
        *,
        most_parents: int,
        never: tuple[str, ...],
        log: Callable[[str, str], None],
        watch: Callable[[int], None],
        unwatch: Callable[[int], None],
        cache: Path | None,
    ) -> None:
        """Fork where that is safe.

        Args:
            most_parents: how many warm parents are kept.
            never: packages that do not survive a fork, besides the known ones.
            log: told, with the run's id, why a run starts fresh that was to be forked.
            watch: told of a descriptor to be woken by when it becomes readable.
            unwatch: told that it is closed.
            cache: a folder for what was learned, for later launches.
        """
        self._fresh = LocalExecutor()
        self._lessons = Lessons(cache, never)
        self._most = most_parents
        self._never = never
        self._log = log
        self._watch = watch
        self._unwatch = unwatch
        self._parents: OrderedDict[Hashable, WarmParent] = OrderedDict()
        #: Those that fork no more, and have children, or have still to be reaped.
        self._leaving: list[WarmParent] = []
        self._forked: dict[str, Forked] = {}
        #: handle of a fresh run -> the attempt to learn from.
        self._learning: dict[str, Attempt] = {}

    def start(self, attempt: Attempt) -> str:
        """Fork the worker, or start it fresh: because it is the first of its script, or must be.

        Raises:
            StartRefused: there is no process.
            OSError: its output could not be opened.
        """
        if not sys.platform.startswith("linux"):
            return self._fresh.start(attempt, how=fresh("forking is safe on Linux only"))
        lesson = self._lessons.of(attempt)
        if isinstance(lesson, str):
            return self._start_fresh(attempt, lesson)
        try:
            parent = self._parent(attempt, lesson)
        except OSError as error:
            return self._start_fresh(attempt, f"no warm parent could be started: {error.strerror}")
        if parent is None:
            return self._start_fresh(attempt, "memory is short")
        attempt.dir.path.mkdir(parents=True, exist_ok=True)
        # What cannot be opened here is tried again; in the worker it would fail the run.
        attempt.dir.output.open("ab").close()
        self._forked[attempt.id] = Forked(attempt=attempt, parent=parent)
        parent.fork(attempt)
        return json.dumps({"run": attempt.run_id, "attempt": attempt.id})

    def find(self, attempt_id: str) -> str | None:
        """Look for its worker; a forked one shows the same environment as a fresh one."""
        return self._fresh.find(attempt_id)

    def look(self, handles: Iterable[str]) -> Mapping[str, Seen]:
        """Hear what the parents say, and look after all others as the fresh ones are."""
        self._hear()
        seen: dict[str, Seen] = {}
        others: dict[str, str] = {}
        for handle in handles:
            forked = self._of(handle)
            if forked is None:
                others[handle] = handle
            elif forked.fallback is not None:
                others[forked.fallback] = handle
            elif not forked.has_ended:
                seen[handle] = Seen(presence=Presence.ALIVE)
            elif not forked.is_end_told:
                forked.is_end_told = True
                seen[handle] = Seen(presence=Presence.ENDED, exit_status=forked.exit_status)
        for actual, found in self._fresh.look(others).items():
            seen[others[actual]] = self._actual(others[actual], actual, found)
            if found.presence is Presence.ENDED and actual in self._learning:
                self._lessons.learn(self._learning.pop(actual))
        for handle in others.values():
            forked = self._of(handle)
            if forked is not None and (handle not in seen or seen[handle].presence is Presence.ENDED):
                forked.has_ended = True
        return seen

    def stop(self, handle: str, *, hard: bool) -> None:
        """Signal the worker, or sweep its run; one that has not begun never will."""
        forked = self._of(handle)
        if forked is None:
            self._fresh.stop(handle, hard=hard)
        elif forked.fallback is not None:
            self._fresh.stop(forked.fallback, hard=hard)
            if hard and forked.has_ended:
                del self._forked[forked.attempt.id]
        elif forked.process is None and not forked.has_ended:
            forked.is_stop_asked = True
            forked.has_ended = forked.revoke()
        elif hard:
            if forked.is_to_be_swept:
                sweep(forked.process, forked.attempt.run_id)
            if forked.has_ended:
                del self._forked[forked.attempt.id]
        else:
            forked.terminate()

    def suspend(self, handle: str) -> None:
        """Stop the run's processes where they are; its warm parent is none of them."""
        forked = self._of(handle)
        if forked is None:
            self._fresh.suspend(handle)
        elif forked.fallback is not None:
            self._fresh.suspend(forked.fallback)
        else:
            suspend(forked.process, forked.attempt.run_id)

    def wake(self, handle: str) -> None:
        """Let the run's processes go on."""
        forked = self._of(handle)
        if forked is None:
            self._fresh.wake(handle)
        elif forked.fallback is not None:
            self._fresh.wake(forked.fallback)
        else:
            wake(forked.process, forked.attempt.run_id)

    def close(self) -> None:
        """Let the parents go; workers that they forked live on."""
        parents = [*self._parents.values(), *self._leaving]
        needed = [forked.parent for forked in self._forked.values() if forked.is_with_parent]
        for parent in parents:
            self._unwatch(parent.fileno())
            parent.let_go()
        deadline = time.monotonic() + _CLOSE_TIME_S
        for parent in parents:
            if parent not in needed and not parent.is_over(max(0.0, deadline - time.monotonic())):
                parent.end()
        self._parents.clear()
        self._leaving.clear()
        self._fresh.close()

    def _of(self, handle: str) -> Forked | None:
        return self._forked.get(json.loads(handle).get("attempt", ""))

    # Starting fresh

    def _start_fresh(self, attempt: Attempt, why: str) -> str:
        handle = self._fresh.start(attempt, how=fresh(why))
        if why == TO_LEARN:
            self._learning[handle] = attempt
        return handle

    def _fall_back(self, forked: Forked, why: str) -> None:
        """Have a fresh worker take the place of one that was not forked, or not as far as anybody knows."""
        forked.parent = None
        forked.fresh_why = why
        self._log(f"starts fresh, not warm: {why}", forked.attempt.run_id)
        self._try_fresh(forked)

    def _try_fresh(self, forked: Forked) -> None:
        worker = ProcessId.from_json(read_json(forked.attempt.dir.worker))
        if worker is not None:
            # The parent forked with its last breath: that worker is the one.
            forked.fallback = handle_of(worker, forked.attempt.run_id)
            if forked.is_stop_asked:
                self._fresh.stop(forked.fallback, hard=False)
            return
        try:
            forked.fallback = self._fresh.start(forked.attempt, how=fresh(forked.fresh_why))
        except (StartRefused, OSError) as error:
            if not forked.fresh_at:
                self._log(f"waits, and is tried again: {error}", forked.attempt.run_id)
            forked.fresh_at = time.monotonic() + _RETRY_S

    def _actual(self, handle: str, actual: str, found: Seen) -> Seen:
        """Return what is seen of a worker, or of the one that was faster to say that it carries out the attempt."""
        forked = self._of(handle)
        if forked is None or found.presence is not Presence.ENDED:
            return found
        worker = ProcessId.from_json(read_json(forked.attempt.dir.worker))
        if worker is None or not worker.is_alive() or worker == ProcessId.from_json(json.loads(actual)):
            return found
        forked.fallback = handle_of(worker, forked.attempt.run_id)
        return Seen(presence=Presence.ALIVE)

    # The parents

    def _parent(self, attempt: Attempt, lesson: Lesson) -> WarmParent | None:
        # What a package does when it is imported may depend on each of these, and forks have them from the parent.
        key = (lesson.modules, tuple(inherited_environment()), tuple(site_stamps()), grounds(attempt.project))
        parent = self._parents.get(key)
        if parent is not None:
            self._parents.move_to_end(key)
            return parent
        if _free_memory_bytes() < _SPARE_MEMORY_BYTES:
            self._keep_at_most(0)
            return None
        self._keep_at_most(self._most - 1)
        patience_s = _PATIENCE_S + _PATIENCE * lesson.seconds
        parent = WarmParent(lesson.modules, self._never, attempt, patience_s)
        self._parents[key] = parent
        self._watch(parent.fileno())
        return parent

    def _keep_at_most(self, count: int) -> None:
        while len(self._parents) > count:
            _, parent = self._parents.popitem(last=False)
            self._leaving.append(parent)
            self._let_go_if_done(parent)

    def _let_go_if_done(self, parent: WarmParent) -> None:
        # As long as it has children, it has still to say how they end.
        if not any(forked.parent is parent and forked.is_with_parent for forked in self._forked.values()):
            self._leaving.remove(parent)
            self._unwatch(parent.fileno())
            parent.end()

    def _hear(self) -> None:
        for parent in [*self._parents.values(), *self._leaving]:
            self._take_in(parent)
            if self._is_silent_about_an_end(parent):
                parent.trouble = parent.trouble or "its warm parent does not answer"
            if parent.trouble is not None:
                self._give_up(parent, parent.trouble)
        for parent in list(self._leaving):
            self._let_go_if_done(parent)
        now = time.monotonic()
        for forked in self._forked.values():
            if forked.fresh_why and forked.fallback is None and not forked.has_ended and now >= forked.fresh_at:
                self._try_fresh(forked)

    def _take_in(self, parent: WarmParent) -> None:
        for message in parent.poll():
            if "forked" in message:
                self._note_forked(message["forked"], message["pid"])
            elif "refused" in message:
                forked = self._forked.get(message["refused"])
                if forked is not None and not forked.has_ended:
                    self._fall_back(forked, message["why"])
            elif "ended" in message:
                self._note_ended(parent, message["ended"], message["status"], is_anything_left=message["left"] > 0)

    def _note_forked(self, attempt_id: str, pid: int) -> None:
        forked = self._forked.get(attempt_id)
        if forked is None or forked.has_ended:
            return  # It was revoked meanwhile, and will notice.
        forked.process = ProcessId.of_child(pid)
        if forked.is_stop_asked:
            forked.terminate()

    def _note_ended(self, parent: WarmParent, pid: int, exit_status: int, *, is_anything_left: bool) -> None:
        for forked in self._forked.values():
            # Once it is reaped, the pid may be that of another parent's child.
            is_meant = forked.parent is parent and forked.process is not None and forked.process.pid == pid
            if is_meant and not forked.has_ended:
                forked.has_ended = True
                forked.exit_status = exit_status
                forked.is_to_be_swept = is_anything_left

    def _is_silent_about_an_end(self, parent: WarmParent) -> bool:
        now = time.monotonic()
        for forked in self._forked.values():
            if forked.parent is parent and forked.process and not forked.has_ended and not forked.process.is_alive():
                forked.gone_at = forked.gone_at or now
                if now - forked.gone_at > ANSWER_TIME_S:
                    return True
        return False

    def _give_up(self, parent: WarmParent, why: str) -> None:
        for key in [key for key, kept in self._parents.items() if kept is parent]:
            del self._parents[key]
        if parent in self._leaving:
            self._leaving.remove(parent)
        self._unwatch(parent.fileno())
        parent.end()
        for forked in self._forked.values():
            if forked.parent is not parent or forked.has_ended:
                continue
            if forked.process is None:
                if parent.is_unfit:
                    self._lessons.refuse(forked.attempt, why)
                else:
                    self._lessons.forget(forked.attempt, why)
                self._fall_back(forked, why)
            else:
                # Nobody tells us any more when it ends: it is watched as those of a dead daemon are.
                forked.parent = None
                forked.fallback = handle_of(forked.process, forked.attempt.run_id)


def _free_memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)

"""Kills at random moments, for as long as a queue is worked off."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from subprocess import Popen

import psutil
from support import HOST, wait_until

from storm.stormy import Stormy
from storm.victims import Role, Victim, find_victims, run_of


class Blow(StrEnum):
    """What is done to a process."""

    #: It is gone at once.
    KILL = "SIGKILL"
    #: It may still do something about its end.
    TERMINATE = "SIGTERM"
    #: It stands still for a while and goes on.
    PAUSE = "SIGSTOP, SIGCONT"
    #: It stands still for a while and is killed.
    PAUSE_AND_KILL = "SIGSTOP, SIGKILL"


#: How often each blow and each role is chosen.
_BLOWS = {Blow.KILL: 10, Blow.TERMINATE: 5, Blow.PAUSE: 3, Blow.PAUSE_AND_KILL: 2}
_ROLES = {Role.DAEMON: 3, Role.WARM_PARENT: 3, Role.WAITING: 2, Role.WORKER: 7, Role.CHILD: 5}
#: How long a process stands still, in seconds, at least and at most.
_PAUSE_S = (0.1, 1.5)
#: How long there is between two kills at most, in seconds; the queue goes on meanwhile.
_CALM_S = 0.5
#: How long a victim that is not there is waited for, in seconds, before another is chosen.
_PATIENCE_S = 1.0
#: How long the storm may last for each kill, in seconds; a busy machine takes its time to start what is killed.
_TIME_PER_KILL_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One blow that one process got."""

    blow: Blow
    role: Role
    pid: int
    #: The run that the process belonged to when it was hit.
    run: str | None


@dataclass(kw_only=True)
class _Paused:
    victim: Victim
    blow: Blow
    until: float


@dataclass(kw_only=True)
class Storm:
    """Kills what works a queue off, on all its hosts, and launches it again whenever its daemon is gone."""

    stormy: Stormy
    random: Random
    hits: list[Hit] = field(default_factory=list)
    _daemons: dict[str, Popen[bytes]] = field(default_factory=dict)
    _paused: list[_Paused] = field(default_factory=list)

    def rage(self, kills: int) -> None:
        """Make so many kills while the versions are trained."""
        deadline = time.monotonic() + kills * _TIME_PER_KILL_S
        while len(self.hits) < kills:
            # Drawn before it is known who is there, and waited for: a daemon is there first, and always.
            (role,) = self.random.choices(list(_ROLES), list(_ROLES.values()))
            patience_until = time.monotonic() + _PATIENCE_S
            while not self._strike(role) and time.monotonic() < patience_until:
                time.sleep(0.01)
            self.stormy.let_through(len(self.hits) / kills)
            self._calm_down()
            if time.monotonic() > deadline:
                raise AssertionError(f"only {len(self.hits)} of {kills} kills found somebody to kill")
        self.wake_all()

    def wake_all(self) -> None:
        """Let everything go on that stands still."""
        for paused in self._paused:
            self._end_pause(paused)
        self._paused.clear()

    def wait_for_daemons(self) -> None:
        """Return once what was launched has come to an end by itself."""
        for daemon in self._daemons.values():
            daemon.wait(120)

    def keep_launched(self) -> None:
        """Launch where no daemon is."""
        for host in self.stormy.hosts:
            if host not in self._daemons or self._daemons[host].poll() is not None:
                self._daemons[host] = self.stormy.launch(host)

    def use(self, daemon: Popen[bytes]) -> None:
        """Take what somebody else launched for this host's daemon."""
        self._daemons[HOST] = daemon

    def victims(self, *roles: Role) -> list[Victim]:
        """The processes with these roles that do not stand still."""
        daemons = {daemon.pid for daemon in self._daemons.values() if daemon.poll() is None}
        still = {paused.victim.process.pid for paused in self._paused}
        found = find_victims(self.stormy.project, daemons)
        return [victim for victim in found if victim.role in roles and victim.process.pid not in still]

    def hit(self, blow: Blow, victim: Victim) -> bool:
        """Deal a blow; return whether the victim was still there."""
        first = {Blow.KILL: signal.SIGKILL, Blow.TERMINATE: signal.SIGTERM}.get(blow, signal.SIGSTOP)
        try:
            victim.process.send_signal(first)
        except psutil.NoSuchProcess:
            return False
        if first is signal.SIGSTOP:
            until = time.monotonic() + self.random.uniform(*_PAUSE_S)
            self._paused.append(_Paused(victim=victim, blow=blow, until=until))
        # One that waited may have become a run's between the look and the blow.
        run = victim.run or run_of(victim.process)
        self.hits.append(Hit(blow=blow, role=victim.role, pid=victim.process.pid, run=run))
        return True

    def advance(self, share: float) -> None:
        """Let so much of the queue come to its end, and return once it has."""
        self.stormy.let_through(share)
        wanted = int(share * len(self.stormy.versions))

        def is_far_enough() -> bool:
            self.keep_launched()
            return self.stormy.count("ended") >= wanted

        wait_until(is_far_enough, 120, f"the end of {wanted} runs")

    def _strike(self, role: Role) -> bool:
        self.keep_launched()
        self._wake_those_due()
        victims = self.victims(role)
        if not victims:
            return False
        (blow,) = self.random.choices(list(_BLOWS), list(_BLOWS.values()))
        return self.hit(blow, self.random.choice(victims))

    def _wake_those_due(self) -> None:
        now = time.monotonic()
        for paused in [paused for paused in self._paused if paused.until <= now]:
            self._paused.remove(paused)
            self._end_pause(paused)

    def _end_pause(self, paused: _Paused) -> None:
        with suppress(psutil.NoSuchProcess):
            if paused.blow is Blow.PAUSE_AND_KILL:
                paused.victim.process.kill()
            else:
                paused.victim.process.resume()

    def _calm_down(self) -> None:
        until = time.monotonic() + self.random.uniform(0, _CALM_S)
        while time.monotonic() < until:
            self._wake_those_due()
            time.sleep(0.02)

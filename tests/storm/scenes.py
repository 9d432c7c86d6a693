"""The scenes of the storm: in each, one queue meets one kind of trouble, and is looked at in the morning."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from small_disk import SmallDisk
from support import HOST, wait_until

from storm.clock import COMPILER, Clock
from storm.kills import Blow, Hit, Storm
from storm.morning import Morning, morning_of
from storm.statuses import Statuses
from storm.stormy import LAUNCH, SCRIPTS, Stormy
from storm.victims import Role, Victim

#: How many versions the queue of a scene has.
_VERSIONS = 24
#: How much of the queue is worked off from one trouble to the next.
_QUARTERS = (0.25, 0.5, 0.75)
#: How often each way to kill a trainer or its loader is tried.
_ROUNDS = 5
_DAY_S = 24 * 3600

#: What a daemon says when its files find no room, and when they do again.
_NO_ROOM, _ROOM = "nothing new starts until this is over", "that is over"

#: Becomes the command, with the terminal that is its stdin as its controlling one, as a shell would start it.
_ON_TERMINAL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.executable, [sys.executable, "-m", "mlpipeline", *sys.argv[1:]])
"""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a scene."""

    name: str
    hits: Sequence[Hit]
    runs: int
    launches: int
    statuses: Statuses
    morning: Morning

    @property
    def wrongs(self) -> list[str]:
        """All that is not as it should be, a sentence each."""
        return [*self.morning.all, *self.statuses.false, *self.statuses.trouble]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One kind of trouble."""

    name: str
    #: Makes the trouble; what is to be undone goes onto the stack.
    act: Callable[[Storm, ExitStack], None]
    versions: int = _VERSIONS
    scripts: Sequence[str] = SCRIPTS
    hosts: Sequence[str] = (HOST,)
    #: Failures that are right without a kill.
    excused: Sequence[str] = ()
    #: What this machine lacks for it.
    lacks: str | None = None

    def play(self, folder: Path, random: Random, *, status_pause_s: float = 0.1) -> Report:
        """Have a queue worked off in `folder` amidst the trouble, with `status` watched, and look at what is left."""
        stormy = Stormy(folder, versions=self.versions, scripts=self.scripts, hosts=self.hosts)
        storm = Storm(stormy=stormy, random=random)
        with ExitStack() as stack:
            stack.callback(stormy.project.kill_everything)
            with Statuses(stormy, pause_s=status_pause_s) as statuses:
                self.act(storm, stack)
                stormy.let_through(1)
                storm.wait_for_daemons()
                stormy.finish()
            morning = morning_of(stormy, storm.hits, excused=self.excused)
            return Report(
                name=self.name,
                hits=storm.hits,
                runs=stormy.count("selected"),
                launches=stormy.count("launch"),
                statuses=statuses,
                morning=morning,
            )


def kills(count: int, versions: int) -> Scene:
    """Everything that works a queue off is killed at random moments, so often."""
    return Scene(name="kills", versions=versions, act=lambda storm, _: storm.rage(count))


def _fill_the_disk(storm: Storm, stack: ExitStack) -> None:
    disk = SmallDisk(storm.stormy.project.outputs, size_kb=32 * 1024, files=5000)
    stack.callback(disk.unmount)

    def is_full() -> bool:
        disk.take_the_rest()  # Whoever writes a file anew gives room back for a moment.
        storm.keep_launched()
        latest = storm.stormy.launches[-1]
        # A launch that comes to its end on a full disk is followed by one that cannot begin.
        return latest.out.count(_NO_ROOM) > latest.out.count(_ROOM) or "cannot be written" in latest.err

    def is_over() -> bool:
        storm.keep_launched()
        latest = storm.stormy.launches[-1]
        return latest.out.count(_NO_ROOM) == latest.out.count(_ROOM)

    for share in _QUARTERS:
        storm.advance(share)
        disk.fill()
        # Those that are at work come to their ends now.
        storm.stormy.let_through(share + 0.1)
        wait_until(is_full, 120, "a word about the full disk")
        disk.make_room()
        wait_until(is_over, 120, "a word that there is room again")


def _tear_the_history(storm: Storm, _: ExitStack) -> None:
    history = storm.stormy.project.outputs / f"history-{HOST}.jsonl"
    for share in _QUARTERS:
        storm.advance(share)
        _kill_daemon(storm)
        # As if it had died while it wrote the next line.
        line = history.read_bytes().splitlines()[-1]
        with history.open("ab") as file:
            file.write(line[: storm.random.randrange(1, len(line))])


def _step_the_clock(storm: Storm, _: ExitStack) -> None:
    clock = Clock(storm.stormy.evidence)
    storm.stormy.env.update(clock.env)
    for shift_s, share in ((_DAY_S, 0.2), (-_DAY_S, 0.4), (400 * _DAY_S, 0.6), (0, 0.8)):
        storm.advance(share)
        clock.step(shift_s)
        _kill_daemon(storm)
        storm.keep_launched()
        workers = wait_until(lambda: storm.victims(Role.WORKER), 120, "a worker")
        storm.hit(Blow.KILL, storm.random.choice(workers))
    days = {event["at"][:10] for event in storm.stormy.history()}
    assert len(days) > 3, f"the clock was not stepped: {days}"


def _launch_twice(storm: Storm, _: ExitStack) -> None:
    for share in _QUARTERS:
        storm.advance(share)
        rivals = [storm.stormy.launch() for _ in range(2)]
        assert [rival.wait(120) for rival in rivals] == [2, 2], "a second daemon did not leave"
        _kill_daemon(storm)
        rivals = [storm.stormy.launch() for _ in range(3)]
        wait_until(lambda rivals=rivals: sum(rival.poll() == 2 for rival in rivals) == 2, 120, "one daemon of three")
        storm.use(next(rival for rival in rivals if rival.returncode != 2))


def _lose_the_terminal(storm: Storm, _: ExitStack) -> None:
    master, slave = pty.openpty()
    daemon = subprocess.Popen(
        [sys.executable, "-c", _ON_TERMINAL, *LAUNCH],
        cwd=storm.stormy.project.root,
        env=storm.stormy.project.environment(storm.stormy.env),
        **dict.fromkeys(("stdin", "stdout", "stderr"), slave),
        start_new_session=True,
    )
    os.close(slave)
    storm.use(daemon)
    storm.advance(0.3)
    os.close(master)
    storm.stormy.let_through(1)
    assert daemon.wait(120) == 0, "a daemon did not outlive its terminal"


def _kill_loaders(storm: Storm, _: ExitStack) -> None:
    ways = [(Role.WORKER, Role.CHILD), (Role.CHILD,), (Role.WORKER,)] * _ROUNDS
    for number, roles in enumerate(ways):
        storm.stormy.let_through(number / len(ways))
        family = wait_until(lambda: _some_family(storm), 120, "a trainer with a loader")
        storm.random.shuffle(family)
        for victim in family:
            if victim.role in roles:
                storm.hit(Blow.KILL, victim)


def _some_family(storm: Storm) -> list[Victim]:
    """Return a worker and its children."""
    storm.keep_launched()
    families: dict[str | None, list[Victim]] = {}
    for victim in storm.victims(Role.WORKER, Role.CHILD):
        families.setdefault(victim.run, []).append(victim)
    whole = [family for family in families.values() if {victim.role for victim in family} == {Role.WORKER, Role.CHILD}]
    return storm.random.choice(whole) if whole else []


def _kill_daemon(storm: Storm) -> None:
    for victim in wait_until(lambda: storm.victims(Role.DAEMON), 120, "a daemon"):
        storm.hit(Blow.KILL, victim)
        victim.process.wait(30)


#: All but the kills.
SCENES = (
    Scene(
        name="full disk",
        act=_fill_the_disk,
        # The program of a command would not know better than to exit with 1: that says nothing of the disk.
        scripts=("remembered", "counted", "loading"),
        excused=("disk_full",),
        lacks=None if os.geteuid() == 0 else "only root can mount a small file system",
    ),
    Scene(name="torn last line", act=_tear_the_history),
    Scene(name="clock steps", act=_step_the_clock, lacks=None if COMPILER else "there is no C compiler"),
    Scene(name="two daemons at once", act=_launch_twice),
    Scene(name="three hosts", act=lambda storm, _: storm.rage(36), hosts=("box1", "box2", "box3")),
    Scene(name="terminal that goes away", act=_lose_the_terminal),
    Scene(name="trainer and its loader", act=_kill_loaders, scripts=("loading", "command")),
)

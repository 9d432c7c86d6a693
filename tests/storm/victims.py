"""The processes of a queue, told apart from outside: by their command lines and environments."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import psutil
from support import Project

WORKER = "mlpipeline.worker"


class Role(StrEnum):
    """What a process is to the queue."""

    #: `mlpipeline -r` itself.
    DAEMON = "daemon"
    #: What workers are forked from.
    WARM_PARENT = "warm parent"
    #: A worker to be that no run has come for yet, or one that describes a script.
    WAITING = "waiting"
    #: What carries a run out.
    WORKER = "worker"
    #: What a run started.
    CHILD = "child"


@dataclass(frozen=True, kw_only=True)
class Victim:
    """A process that may be killed."""

    process: psutil.Process
    role: Role
    #: The id of the run that it belongs to, as its environment says.
    run: str | None = None


def find_victims(project: Project, daemons: Collection[int]) -> list[Victim]:
    """Return all processes of a project that have a role; `daemons` are the pids of those launched."""
    found = []
    for process in project.processes():
        try:
            victim = _victim(process, daemons)
        except (psutil.Error, OSError):
            continue  # It has ended meanwhile.
        if victim is not None:
            found.append(victim)
    return found


def run_of(process: psutil.Process) -> str | None:
    """Return the run that a process belongs to by now; one that waited may have become a run's."""
    try:
        return _run_in(process.environ())
    except psutil.Error:
        return None


def _victim(process: psutil.Process, daemons: Collection[int]) -> Victim | None:
    if process.pid in daemons:
        return Victim(process=process, role=Role.DAEMON)
    command, environment = process.cmdline(), process.environ()
    run = _run_in(environment)
    if run is not None:
        is_worker = WORKER in command and os.getsid(process.pid) == process.pid
        return Victim(process=process, role=Role.WORKER if is_worker else Role.CHILD, run=run)
    if WORKER not in command:
        return None
    is_parent = "fork" in command and WORKER not in psutil.Process(process.ppid()).cmdline()
    return Victim(process=process, role=Role.WARM_PARENT if is_parent else Role.WAITING)


def _run_in(environment: dict[str, str]) -> str | None:
    return environment.get("MLP_ATTEMPT_ID", "").partition(".")[0] or None

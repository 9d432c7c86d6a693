"""All checks, in the order in which their findings are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from mlpipeline.daemon.checkup import daemons, file_system, installation, journals, lists, machine, strays
from mlpipeline.daemon.checkup.case import Case
from mlpipeline.domain.findings import Finding, look

#: Those that need no project.
_OF_MACHINE: tuple[Callable[[Mapping[str, str]], Iterator[Finding]], ...] = (
    installation.python,
    installation.packages,
    machine.temporary_files,
    machine.limits,
    machine.gpus,
)
_OF_PROJECT: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    lists.project,
    lists.queues,
    lists.notify,
    file_system.writing,
    file_system.kind,
    file_system.room,
    file_system.clock,
    file_system.exclusion,
    machine.watches,
    daemons.daemon,
    daemons.lock,
    daemons.other_daemons,
    installation.newer_files,
    journals.history,
    journals.clocks,
    journals.index,
    strays.claims,
    strays.records,
    strays.files,
    machine.warm_workers,
)


def check_machine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at what is the same for every project."""
    for check in _OF_MACHINE:
        yield from _guarded(check.__name__, partial(check, environ))


def check_project(case: Case) -> Iterator[Finding]:
    """Look at a project; each finding comes as soon as it is known, as a file server may take its time."""
    for check in _OF_PROJECT:
        yield from _guarded(check.__name__, partial(check, case))


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:  # What disturbs one check is no reason to leave the others out.
        what = name.replace("_", " ")
        yield look(what, f"could not be looked at: {error or repr(error)}", None)

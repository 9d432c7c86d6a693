"""There may be no more processes (RLIMIT_NPROC): what cannot be started waits, and is tried again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spares
from support import Gate, wait_until
from warm import IN_PARENT, Faults

#: From now on the kernel refuses this process every other one as long as there is the file `full`.
LIMITED = """
import os, resource, sys

def limit(event, _):
    if event in ("os.fork", "subprocess.Popen"):
        _, most = resource.getrlimit(resource.RLIMIT_NPROC)
        resource.setrlimit(resource.RLIMIT_NPROC, (0 if os.path.exists({full!r}) else most, most))

sys.addaudithook(limit)
"""
#: For root there is no such limit. So this process, and what it starts, becomes somebody else, who may still read and
#: write all files.
UNPRIVILEGED = """
import ctypes, os

if os.getuid() == 0:
    KEEPCAPS, AMBIENT, RAISE, DAC_OVERRIDE = 8, 47, 2, 1
    C = ctypes.CDLL(None, use_errno=True)
    C.prctl(KEEPCAPS, 1, 0, 0, 0)
    os.setresuid(54321, 54321, 54321)
    kept = 1 << DAC_OVERRIDE
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0)
    assert C.capset(header, sets) == 0, ctypes.get_errno()
    assert C.prctl(AMBIENT, RAISE, DAC_OVERRIDE, 0, 0) == 0, ctypes.get_errno()
"""
REFUSED = "no process could be started: Resource temporarily unavailable"


class Crowded(Faults):
    """A machine that is full as long as there is the file `full`."""

    @property
    def full(self) -> Path:
        return self.outside / "full"

    @property
    def limited(self) -> str:
        return LIMITED.format(full=str(self.full))

    def hold_before_last(self, **settings: Any) -> Gate:
        """Write a queue: `net:v0` and `net:v1`, a run that waits at the gate, then `net:v2` and `net:v3`."""
        gate = Gate(self.outside / "gate")
        hold = self.counting(f"wait_for({str(gate)!r})", count=1)
        self.write(self.counting(before="import numpy, library", count=4), hold=hold, **settings)
        self.project.write_queue(
            [{"script": "net.py", "versions": ["v0", "v1"]}, "hold.py", {"script": "net.py", "versions": ["v2", "v3"]}]
        )
        return gate


@pytest.fixture
def crowded(make_project: Callable[..., Any], tmp_path: Path) -> Crowded:
    return Crowded(make_project, tmp_path)


def test_a_fork_that_the_kernel_refuses_is_a_fresh_start_that_waits_until_there_is_room(crowded: Crowded):
    # With NumPy, whose threads a parent looks at by a fork, too.
    crowded.install("library", IN_PARENT + crowded.limited.strip().replace("\n", "\n    "))
    gate = crowded.hold_before_last()
    daemon = crowded.start(change=UNPRIVILEGED + crowded.limited + spares.NONE, env={"OPENBLAS_NUM_THREADS": "2"})
    gate.wait_reached()
    assert crowded.how("v1") == "warm"
    crowded.full.touch()
    gate.open()
    waiting = f"waits, and is tried again: {REFUSED}"
    wait_until(lambda: waiting in crowded.project.log, message=lambda: crowded.project.log)
    status = json.loads(crowded.project.run("status", "--json").stdout)
    # One worker had been forked already.
    assert [(run["version"], run["state"]) for run in status["runs"]] == [("v3", "waiting")]
    crowded.full.unlink()
    assert daemon.wait(timeout=30) == 0
    assert crowded.how("v2") == "warm"
    assert crowded.how("v3") == "fresh: its warm parent could not fork: Resource temporarily unavailable"
    assert crowded.project.log.count(waiting) == 1
    crowded.check_all_ran_once(5)


def test_a_parent_that_cannot_look_at_its_threads_is_not_forked_from(crowded: Crowded):
    # Its first fork is that look: there is no room for it, and again room for all that follows.
    once = f"sys.addaudithook(lambda event, _: event == 'os.fork' and os.unlink({str(crowded.full)!r}))"
    source = f"open({str(crowded.full)!r}, 'w').close()\n{crowded.limited.strip()}\n{once}"
    crowded.install("library", IN_PARENT + source.replace("\n", "\n    "))
    crowded.write(crowded.counting(before="import numpy, library"))
    crowded.run(change=UNPRIVILEGED, env={"OPENBLAS_NUM_THREADS": "2"})
    assert crowded.how("v1") == "fresh: its threads cannot be looked at: Resource temporarily unavailable"
    crowded.check_all_ran_once(2)


def test_a_fresh_start_that_the_kernel_refuses_is_tried_again(crowded: Crowded):
    crowded.install("library")
    gate = crowded.hold_before_last()
    path = crowded.project.root / "mlp.toml"
    path.write_text(path.read_text().replace("warm = true", "warm = false"))
    daemon = crowded.start(change=UNPRIVILEGED + crowded.limited + spares.NONE)
    gate.wait_reached()
    crowded.full.touch()
    gate.open()
    told = f"nothing new starts until this is over: {REFUSED}"
    wait_until(lambda: told in crowded.project.log, message=lambda: crowded.project.log)
    crowded.full.unlink()
    assert daemon.wait(timeout=30) == 0
    assert crowded.project.log.count(told) == 1
    assert crowded.project.log.count("that is over") == 1
    crowded.check_all_ran_once(5)


def test_where_not_even_a_script_can_be_looked_at_the_queue_waits(crowded: Crowded):
    crowded.write(crowded.counting(count=1))
    crowded.full.touch()
    temporary = crowded.outside / "temporary"
    temporary.mkdir(mode=0o777)
    daemon = crowded.start(change=UNPRIVILEGED + crowded.limited, env={"TMPDIR": str(temporary)})
    told = "nothing new starts until this is over: [Errno 11] Resource temporarily unavailable"
    wait_until(lambda: told in crowded.project.log, message=lambda: crowded.project.log)
    wait_until(lambda: not list(temporary.glob("*/*")), 10, "an end of what was written for the look")
    crowded.full.unlink()
    assert daemon.wait(timeout=30) == 0
    crowded.check_all_ran_once(1)
    assert list(temporary.iterdir()) == []

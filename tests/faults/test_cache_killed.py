"""Processes that share a cache: killed at any moment, at the same key, and while `gc` clears up or they read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest
from support import GATE_SOURCE, Gate, Started, wait_until

from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.cache_folder import CacheFolder
from mlpipeline.pipelines.collecting import Kind, collect
from mlpipeline.pipelines.inventory import Inventory

#: A program: `python moments.py FOLDER` runs a pipeline in one forked process after the other, each with a cache of
#: its own, and has each killed one act later than the one before: an act is whatever touches a file of the cache.
MOMENTS = """
    import itertools, os, signal, sys
    from pathlib import Path

    import numpy as np
    from mlpipeline import Pipeline, stage
    from mlpipeline.pipelines.cache_folder import CacheFolder
    from mlpipeline.pipelines.collecting import collect
    from mlpipeline.pipelines.inventory import Inventory
    from mlpipeline.pipelines.watching import SILENT

    class Odd(dict):
        pass

    @stage(outputs=["large", "small"], version=1)
    class Load:
        def run(self):
            return {"large": np.arange(200_000), "small": [1, 2]}

    @stage(version=1)
    def odd(large, small):
        return Odd(sum=int(large.sum()) + sum(small))

    RIGHT = Odd(sum=199_999 * 100_000 + 3)
    TOUCHES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.link")

    def run(folder):
        warned = []
        execution, _ = Pipeline(stages=[Load, odd], cache=folder).execute(inputs={}, watcher=Heard(warned))
        assert execution.artifacts["odd"].value() == RIGHT
        return warned

    class Heard:
        def __init__(self, warned):
            self.warns = warned.append

        def __getattr__(self, name):
            return getattr(SILENT, name)

    def die_at(number, folder):
        touched = itertools.count()

        def hears(event, arguments):
            if event in TOUCHES and str(arguments[0]).startswith(str(folder)) and next(touched) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hears)

    def forked(act):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                act()
                status = 0
            finally:
                os._exit(status)
        return os.waitpid(pid, 0)[1]

    def killed(folder, number):
        die_at(number, folder)
        run(folder)

    def checked(folder):
        # Nothing that is there is wrong.
        assert list(Inventory(CacheFolder(folder)).damages()) == []
        assert run(folder) == []
        collect(CacheFolder(folder), max_bytes=None, are_formats_too=False, is_dry=False, now=2e9)
        again = collect(CacheFolder(folder), max_bytes=None, are_formats_too=False, is_dry=True, now=2e9)
        assert again.items == (), again
        assert run(folder) == []
        assert len(list((folder / "1" / "made").rglob("*"))) == 4
        left = [path for path in (folder / "1").rglob("*") if path.parent.name in ("aside", "locks")]
        assert left == [], left

    top = Path(sys.argv[1])
    for number in itertools.count():
        folder = top / str(number)
        status = forked(lambda: killed(folder, number))
        if forked(lambda: checked(folder)) != 0:
            sys.exit(f"after {number} acts")
        if status == 0:
            break
        assert status == signal.SIGKILL, status
    print(number)
"""

#: A program: `python maker.py FOLDER` prints what it hears and what comes out. Its stage leaves a process behind, notes
#: that it ran, and waits at a gate.
MAKER = """
    import os, sys, time
    from pathlib import Path

    from _gate import wait_for
    from mlpipeline import Pipeline, stage
    from mlpipeline.pipelines.watching import SILENT

    class Heard:
        def waits(self, call, maker):
            print("waits for", maker, flush=True)

        def warns(self, message):
            print("warns", message, flush=True)

        def __getattr__(self, name):
            return getattr(SILENT, name)

    @stage(version=1)
    def slow():
        if os.fork() == 0:
            time.sleep(600)  # There for as long as the test is, which kills it.
            os._exit(0)
        with open("count", "a") as file:
            file.write("x")
        wait_for("gate")
        return [1, 2, 3]

    execution, _ = Pipeline(stages=[slow], cache=sys.argv[1]).execute(inputs={}, watcher=Heard())
    print(execution.artifacts["slow"].value(), flush=True)
"""

#: A program: `python storing.py FOLDER NAME` stores a hundred results, the hundredth of them slowly.
STORING = """
    import sys

    from _gate import wait_for
    from mlpipeline.pipelines.cache import Cache
    from mlpipeline.pipelines.records import Basis

    class Slow(list):
        def __reduce__(self):
            wait_for(f"gate-{sys.argv[2]}")
            return Slow, (list(self),)

    cache = Cache(__import__("pathlib").Path(sys.argv[1]))
    for number in range(100):
        basis = Basis(
            stage="s", makes=("x",), parameters={"n": f"{sys.argv[2]}{number}"}, inputs={}, parts=(), packages={}
        )
        with cache.making(basis.key()):
            # Half of it others store, too.
            values = {"x": [number], "y": f"{sys.argv[2]}{number}" * 1000}
            if number == 99:
                values["z"] = Slow([1])
            made = cache.put(basis, values, 0.0)
            assert cache.find("s", made.key) == made
            assert [cache.load(artifact) for artifact in made.artifacts] == list(values.values())
"""

#: A program: `python reader.py FOLDER` has a stage that is given a path, a container with one and an array, and reads
#: all of it once it is let through a gate; a process that it has forked waits longer.
READER = """
    import os, sys, time
    from pathlib import Path

    import numpy as np
    from _gate import wait_for
    from mlpipeline import Pipeline, stage

    def written(name):
        Path(name).mkdir()
        Path(name, "it.txt").write_text(name)
        return Path(name)

    @stage(version=1)
    def alone():
        return written("alone")

    @stage(version=1)
    def inside():
        return {"of": [written("inside")]}

    @stage(version=1)
    def mapped():
        return np.arange(1_000_000)

    @stage(version=1)
    def other():
        return "of no use to those that run"

    @stage(version=1)
    def length(alone, inside, mapped, other):
        if os.fork() == 0:
            time.sleep(600)  # There for as long as the test is, which kills it.
            os._exit(0)
        wait_for("gate")
        assert isinstance(mapped, np.memmap) or mapped.base is not None
        read = [next(path.iterdir()).read_text() for path in (alone, *inside["of"])]
        return f"{read} {mapped.sum()}"

    print(Pipeline(cache=sys.argv[1]).run("length"), flush=True)
"""


@pytest.fixture
def at(tmp_path):
    (tmp_path / "_gate.py").write_text(textwrap.dedent(GATE_SOURCE))
    started = []

    def start(source, *arguments):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        number = len(started)
        command = [sys.executable, str(script), *map(str, arguments)]
        started.append(Started(command, out=tmp_path / f"out-{number}", err=tmp_path / f"err-{number}", cwd=tmp_path))
        return started[-1]

    start.folder = tmp_path
    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_whenever_it_is_killed_nothing_is_wrong_afterwards_and_gc_clears_the_rest(tmp_path):
    (tmp_path / "moments.py").write_text(textwrap.dedent(MOMENTS))
    done = subprocess.run(
        [sys.executable, "moments.py", tmp_path / "caches"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr
    # So many moments there were.
    assert int(done.stdout) > 30


def a_maker_and_a_waiter(at):
    """Two processes that need the same: one stands at the gate while it makes that, the other waits for it."""
    gate = Gate(at.folder / "gate")
    first = at(MAKER, "cache")
    gate.wait_reached(120)
    second = at(MAKER, "cache")
    wait_until(lambda: "waits" in second.out, 120, lambda: second.err)
    return gate, first, second


def test_two_processes_that_need_the_same_make_it_once(at):
    gate, first, second = a_maker_and_a_waiter(at)
    gate.open()
    assert (first.wait(120), second.wait(120)) == (0, 0)
    assert first.out == "[1, 2, 3]\n"
    host = os.environ.get("MLP_HOST") or os.uname().nodename
    assert second.out == f"waits for process {first.pid} on {host}\n[1, 2, 3]\n"
    assert (at.folder / "count").read_text() == "x"


def test_one_that_is_killed_while_it_makes_something_blocks_nobody(at):
    gate, first, second = a_maker_and_a_waiter(at)
    gate.open()
    gate.forget()
    # What it forked lives on, with all of its open files.
    first.kill()
    first.wait()
    gate.wait_reached(120)
    gate.open()
    assert second.wait(120) == 0
    assert second.out.endswith("\n[1, 2, 3]\n")
    assert (at.folder / "count").read_text() == "xx"


def test_gc_takes_nothing_of_those_that_store_meanwhile(at):
    gates = [Gate(at.folder / f"gate-{name}") for name in "ab"]
    processes = [at(STORING, "cache", name) for name in "ab"]
    folder = CacheFolder(at.folder / "cache")

    def gc():
        return collect(folder, max_bytes=None, are_formats_too=False, is_dry=False, now=2e9).items

    def are_waiting():
        assert [item for item in gc() if item.kind is not Kind.LEFTOVER] == []
        assert [process.poll() for process in processes] in ([None] * 2, [0, None], [None, 0]), processes[0].err
        return all(gate.is_reached() for gate in gates)

    wait_until(are_waiting, 240)
    asides = sorted(folder.aside.iterdir())
    assert len(asides) == 6
    assert gc() == ()
    assert sorted(folder.aside.iterdir()) == asides
    for gate in gates:
        gate.open()
    assert [process.wait(120) for process in processes] == [0, 0], processes[0].err + processes[1].err
    inventory = Inventory(folder)
    assert (len(inventory.entries), inventory.unnamed, list(inventory.damages())) == (200, [], [])
    assert gc() == ()


def test_what_a_killed_one_was_writing_goes(at):
    gate = Gate(at.folder / "gate-a")
    process = at(STORING, "cache", "a")
    gate.wait_reached(120)
    process.kill()
    process.wait()
    folder = CacheFolder(at.folder / "cache")
    assert len(list(folder.aside.iterdir())) == 3
    items = collect(folder, max_bytes=None, are_formats_too=False, is_dry=False, now=2e9).items
    assert {item.kind for item in items} == {Kind.LEFTOVER}
    assert [*folder.aside.iterdir(), *folder.locks.iterdir()] == []
    assert len(Cache(Path(at.folder / "cache")).all_made("s")) == 99


def gc_all(at, *options):
    """Delete all of the cache that may go, as anybody would, and return what was said."""
    command = [Path(sys.executable).parent / "mlpipeline", "cache", "gc", "--max-size", "0", "--json", *options]
    done = subprocess.run(
        [*command, "--folder", at.folder / "cache"],
        cwd=at.folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_what_a_running_process_reads_stays_until_it_ends(at):
    gate = Gate(at.folder / "gate")
    process = at(READER, "cache")
    gate.wait_reached(120)
    for is_dry in (True, False):
        said = gc_all(at, *["--dry-run"] * is_dry)
        assert sorted(one["stage"] for one in said["in_use"]) == ["alone", "inside"]
        assert {one["stage"] for one in said["items"] if one["stage"]} == {"mapped", "other"}
    assert said["left_records"] == 2
    gate.open()
    assert process.wait(120) == 0, process.err
    assert process.out == f"['alone', 'inside'] {999_999 * 500_000}\n"
    assert (gc_all(at)["in_use"], gc_all(at)["left_bytes"]) == ([], 0)


def test_a_reader_that_is_killed_keeps_nothing(at):
    gate = Gate(at.folder / "gate")
    process = at(READER, "cache")
    gate.wait_reached(120)
    assert len(gc_all(at)["in_use"]) == 2
    # What it forked lives on, with all of its open files.
    process.kill()
    process.wait()
    said = gc_all(at)
    assert (said["in_use"], said["left_bytes"]) == ([], 0)

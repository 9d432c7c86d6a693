"""A run that a spare worker carries out finds the same program as one whose worker was started for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from probe import PROBE
from spares import EAGER, IS_SPARE
from support import write_project
from warm import WarmProject, script

from mlpipeline.executors.how import NOT_WARM

#: The environment that others see, as far as it is the run's own; and all modules that are not ours.
_MORE = """
def seen_by_others():
    lines = Path("/proc/self/environ").read_bytes().rstrip(b"\\0").split(b"\\0")
    return [line.decode() for line in lines]

def modules():
    return sorted(name for name in sys.modules if name.partition(".")[0] != "mlpipeline")
"""


#: Of the standard library: to change what others see of the environment, and what we import later for ourselves.
_OURS = {"_ctypes", "_struct", "ctypes", "ctypes._endian", "struct", "unicodedata"}


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a worker that was started for its run told of itself, and two spare ones: by version."""
    warm = WarmProject(write_project, tmp_path_factory.mktemp("same"))
    before = f"{PROBE}\n{_MORE}\nat_import = {{**probe(), 'seen': seen_by_others(), 'modules': modules()}}"
    body = f"""
    import json
    told = {{"at import": at_import, "in training": {{**probe(), "seen": seen_by_others(), "modules": modules()}}}}
    told = json.dumps({{**told, "spare": {IS_SPARE}, "hash": hash("mlpipeline")}}).replace(run.id, "<id>")
    open(os.environ["PROBES"] + f"/{{number}}", "w").write(told.replace(f"net-v{{number}}", "net-<version>"))
    """
    project = warm.write(script(body, before=before, count=3), is_warm=False)
    probes = {"PROBES": str(warm.outside), "PYTHONHASHSEED": "random"}
    warm.run("--only", "net:v0", env=probes)
    warm.run("--only", "net:v1", "--only", "net:v2", env=probes, change=EAGER)
    assert {warm.worker(f"v{number}")["how"] for number in range(3)} == {f"fresh: {NOT_WARM}"}
    yield {f"v{number}": json.loads((warm.outside / str(number)).read_text()) for number in range(3)}
    project.kill_everything()


def test_only_the_later_ones_were_spare(probes):
    assert [probes[version]["spare"] for version in ("v0", "v1", "v2")] == [False, True, True]


@pytest.mark.parametrize("moment", ["at import", "in training"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_spare_worker_finds_all_as_one_does_that_was_started_for_the_run(probes, version: str, moment: str):
    plain, spare = probes["v0"][moment], probes[version][moment]
    assert set(spare["modules"]) - set(plain["modules"]) <= _OURS
    different = {name: (plain[name], spare[name]) for name in plain if plain[name] != spare[name]}
    different.pop("modules", None)
    assert different == {}


def test_each_has_a_seed_of_string_hashes_of_its_own(probes):
    assert len({probes[version]["hash"] for version in ("v0", "v1", "v2")}) == 3


@pytest.fixture
def warm(make_project: Callable[..., Any], tmp_path: Path) -> WarmProject:
    return WarmProject(make_project, tmp_path)


def test_a_spare_worker_ends_as_python_does_and_what_it_printed_is_all_there(warm: WarmProject):
    before = f"""
    import atexit, sys, threading, time
    kept = open({str(warm.outside / "kept")!r}, "a")

    class Last:
        def __del__(self):
            print("deleted")

    last = Last()
    atexit.register(print, "at exit")
    """
    body = """
    kept.write("unflushed ")
    threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
    sys.stdout.write("hello\\n")
    """
    warm.write(script(body, before=before), is_warm=False)
    warm.run(change=EAGER)
    for version in ("v0", "v1"):
        assert (warm.attempt(version) / "output.log").read_text() == "hello\nthread\nat exit\ndeleted\n"
    assert (warm.outside / "kept").read_text() == "unflushed unflushed "


def test_what_python_prints_when_it_starts_is_in_the_output_of_the_run(warm: WarmProject):
    warm.write(script("print('hello')"), is_warm=False)
    warm.run(change=EAGER, env={"PYTHONWARNINGS": "nonsense"})
    outputs = [(warm.attempt(version) / "output.log").read_text() for version in ("v0", "v1")]
    assert outputs == ["Invalid -W option ignored: invalid action: 'nonsense'\nhello\n"] * 2


def test_runs_that_cannot_be_forked_are_carried_out_by_spare_workers_too(warm: WarmProject):
    warm.install("delicate")
    warm.write(
        script(f"return {{'is_spare': {IS_SPARE}}}", before="import delicate", count=3),
        settings='never_warm = ["delicate"]',
    )
    warm.run(change=EAGER)
    assert [warm.how(f"v{number}").partition(":")[0] for number in range(3)] == ["fresh"] * 3
    results = [json.loads((warm.attempt(f"v{number}") / "result.json").read_text())["results"] for number in range(3)]
    assert results == [{"is_spare": True}] * 3

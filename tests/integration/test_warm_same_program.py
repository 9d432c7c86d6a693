"""A forked worker is the same program as a fresh one: compared one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from probe import PROBE
from support import write_project
from warm import WarmProject, script


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a fresh run and two forked ones told of themselves: by version."""
    warm = WarmProject(write_project, tmp_path_factory.mktemp("same"))
    before = f"{PROBE}\nat_import = probe()"
    body = """
    import json
    told = json.dumps({"at import": at_import, "in training": probe()}).replace(run.id, "<id>")
    open(os.environ["PROBES"] + f"/{number}", "w").write(told.replace(f"net-v{number}-", "net-<version>-"))
    """
    project = warm.write(script(body, before=before, count=3))
    warm.run(env={"PROBES": str(warm.outside)})
    assert [warm.how(f"v{number}").partition(":")[0] for number in range(3)] == ["fresh", "warm", "warm"]
    assert len({warm.worker(f"v{number}")["how"] for number in (1, 2)}) == 1
    told = {}
    for number in range(3):
        path = warm.outside / str(number)
        told[f"v{number}"] = json.loads(path.read_text().replace(f'net-v{number}"', 'net-<version>"'))
    yield told
    project.kill_everything()


@pytest.mark.parametrize("moment", ["at import", "in training"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_forked_worker_finds_all_as_a_fresh_one_does(probes, version: str, moment: str):
    fresh, warm = probes["v0"][moment], probes[version][moment]
    # The first run of a script is watched, by one more importer.
    fresh["importers"] = [name for name in fresh["importers"] if name != "_WatchingFinder"]
    different = {name: (fresh[name], warm[name]) for name in fresh if fresh[name] != warm[name]}
    assert different == {}


#: A training whose every number depends on the seed.
TRAINING = """
rng = np.random.default_rng(np.random.randint(2**31))
x = np.random.rand(200, 30)
y = x @ np.random.rand(30) + np.array([random.gauss(0, 0.1) for _ in range(200)])
w = np.zeros(30)
losses = []
for step in range(50):
    batch = rng.permutation(200)[:32]
    error = x[batch] @ w - y[batch]
    w -= 0.1 * x[batch].T @ error / 32
    losses.append(float((error**2).mean()).hex())
return {"losses": losses, "weights": w.tobytes().hex(), "at import": AT_IMPORT}
"""


@pytest.fixture
def warm(make_project: Callable[..., Any], tmp_path: Path) -> WarmProject:
    return WarmProject(make_project, tmp_path)


def test_a_seeded_training_gives_the_same_numbers_bit_for_bit(warm: WarmProject):
    before = "import random\nimport numpy as np\nAT_IMPORT = [random.random(), float(np.random.rand())]"
    warm.write(script(TRAINING, before=before, count=3))
    warm.run()
    assert [warm.how(f"v{number}").partition(":")[0] for number in range(3)] == ["fresh", "warm", "warm"]
    results = [json.loads((warm.attempt(f"v{number}") / "result.json").read_text())["results"] for number in range(3)]
    assert len(results[0]["losses"]) == 50
    assert results[1] == results[0]
    assert results[2] == results[0]


def test_what_nobody_seeds_differs_from_fork_to_fork(warm: WarmProject):
    warm.install(
        "torch",  # as the real one: its default generator is seeded by chance when it is imported
        """
        import os

        class Generator:
            def seed(self):
                self.drawn = os.urandom(8).hex()

        default_generator = Generator()
        default_generator.seed()
        """,
    )
    before = "import os, random, uuid\nimport torch\nimport numpy"
    body = """
    drawn = [torch.default_generator.drawn, uuid.uuid4(), os.urandom(8), random.Random().random()]
    return {"drawn": [str(value) for value in [*drawn, numpy.random.default_rng().random()]]}
    """
    warm.write(script(body, before=before, count=4))
    warm.run()
    assert warm.how("v3") == "warm"
    drawn = [json.loads((warm.attempt(f"v{number}") / "result.json").read_text())["results"] for number in range(4)]
    assert [len(set(values)) for values in zip(*(value["drawn"] for value in drawn), strict=True)] == [4] * 5


def test_a_forked_worker_ends_as_python_does(warm: WarmProject):
    before = """
    import atexit, ctypes, json, os, pathlib, sys, threading, time
    KEPT = open(os.environ["KEPT"] + "/forgotten", "a")      # never closed: Python writes it at the end
    C = ctypes.CDLL(None)
    C.fopen.restype = ctypes.c_void_p
    C_FILE = C.fopen((os.environ["KEPT"] + "/from_c").encode(), b"a")
    HELD = open(os.environ["KEPT"] + "/held", "a")
    sys.modules["json"].held_by_a_library = HELD

    class Late:
        def __del__(self):
            os.write(1, b"deleted\\n")

    LATE = Late()

    class Touchy:  # as some of torch, which warn of their end
        @property
        def __class__(self):
            os.write(1, b"asked for its class\\n")
            return type(self)

    TOUCHY = Touchy()

    def thread():
        time.sleep(0.1)
        print("thread")
    """
    body = """
    KEPT.write(f"{number}\\n")
    HELD.write(f"{number}\\n")
    atexit.register(print, "atexit")
    threading.Thread(target=thread).start()
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    C.fputs(f"{number}\\n".encode(), ctypes.c_void_p(C_FILE))
    print("trained")
    """
    warm.write(script(body, before=before, count=2))
    warm.run(env={"KEPT": str(warm.outside)})
    assert warm.how("v1") == "warm"
    for name in ("forgotten", "held", "from_c"):
        assert (warm.outside / name).read_text() == "0\n1\n", name
    outputs = [(warm.attempt(version) / "output.log").read_text().splitlines() for version in ("v0", "v1")]
    assert outputs[0] == ["trained", "thread", "atexit", "deleted"]
    assert outputs[1] == outputs[0]


def test_what_imports_print_stands_in_the_output_of_every_run(warm: WarmProject):
    warm.install("chatty", "import sys\nprint('welcome to chatty')\nsys.stderr.write('deprecated\\n')")
    warm.write(script("print('trained')", before="import chatty", count=3))
    warm.run()
    assert warm.how("v2") == "warm"
    outputs = [(warm.attempt(f"v{number}") / "output.log").read_text() for number in range(3)]
    assert outputs == ["welcome to chatty\ndeprecated\ntrained\n"] * 3


def test_an_environment_that_an_import_changes_is_changed_for_every_run(warm: WarmProject):
    warm.install("changing", "import os\nos.environ['ADDED'] = 'yes'\nos.environ.pop('TAKEN', None)")
    body = "print(os.environ.get('ADDED'), os.environ.get('TAKEN'), os.environ.get('MLP_FORKS'))"
    warm.write(script(body, before="import os\nimport changing"))
    warm.run(env={"TAKEN": "no"})
    assert warm.how("v1") == "warm"
    outputs = [(warm.attempt(version) / "output.log").read_text() for version in ("v0", "v1")]
    assert outputs == ["yes None None\n"] * 2


def test_the_seed_of_string_hashes_that_forks_share_is_recorded(warm: WarmProject):
    warm.write(script("return {'hash': str(hash('mlpipeline'))}", count=3))
    warm.run()
    results = [json.loads((warm.attempt(f"v{number}") / "result.json").read_text())["results"] for number in range(3)]
    assert results[1] == results[2] != results[0]
    seed = warm.worker("v1")["hash_seed"]
    told = subprocess.run(
        [sys.executable, "-c", "print(hash('mlpipeline'))"],
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        text=True,
    )
    assert told.stdout.strip() == results[1]["hash"]
    assert "hash_seed" not in warm.worker("v0")


def test_a_hash_seed_of_the_users_own_is_kept(warm: WarmProject):
    warm.write(script("import os; return {'hash': str(hash('mlpipeline')), 'seed': os.environ['PYTHONHASHSEED']}"))
    warm.run(env={"PYTHONHASHSEED": "5"})
    results = [json.loads((warm.attempt(version) / "result.json").read_text())["results"] for version in ("v0", "v1")]
    assert warm.how("v1") == "warm"
    assert results[0] == results[1]
    assert results[1]["seed"] == "5"


AT_EXIT = """
import ctypes
libc = ctypes.CDLL(None)
libc.strdup.restype = ctypes.c_void_p
text = ctypes.c_void_p(libc.strdup(b"said by C when all is over"))
libc.__cxa_atexit(ctypes.cast(libc.puts, ctypes.c_void_p), text, None)
"""


def test_what_c_code_does_at_the_end_of_a_process_is_done(make_project, tmp_path):
    warm = WarmProject(make_project, tmp_path)
    warm.write(script(AT_EXIT, count=3))
    warm.run()
    assert [warm.how(f"v{number}") for number in (1, 2)] == ["warm", "warm"]
    outputs = [(warm.attempt(f"v{number}") / "output.log").read_text() for number in range(3)]
    assert outputs == ["said by C when all is over\n"] * 3

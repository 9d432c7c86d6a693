"""The other tools, each used as its own documentation says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.installing import Installed, install, install_task_spooler
from benchmarks.peers.rounds import Round
from benchmarks.workbench import BenchmarkError, wait_until

_TRAIN = 'python train.py --learning-rate "$rate" --folder "out/$rate"'


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One way to use one tool."""

    name: str
    #: What is typed, for people.
    usage: str
    #: How many experiments make a round: few, where each takes seconds.
    count: int
    #: Whether each experiment has a process of its own.
    is_isolated: bool
    #: Put it where it is wanted: from a cache folder to where it is.
    install: Callable[[Path], Installed]
    #: What is not timed.
    prepare: Callable[[Round], None]
    #: What is.
    work: Callable[[Round], object]
    #: What is left to do after it, not timed either.
    finish: Callable[[Round], object] = Round.wait_results
    #: What it needs in its environment.
    settings: Mapping[str, str] = field(default_factory=dict)


def _from_pypi(name: str, *requirements: str) -> Callable[[Path], Installed]:
    return lambda cache: install(name, requirements, cache)


def _spool(place: Round) -> None:
    place.loop(f"tsp {_TRAIN}")
    place.call("tsp", "-w")


def _finish_spooling(place: Round) -> None:
    place.wait_results()
    place.call("tsp", "-K")


def _prepare_dvc(place: Round) -> None:
    place.write_scripts()
    stage = {
        "cmd": "python train.py --learning-rate ${learning_rate} --folder out",
        "deps": ["train.py"],
        "metrics": [{"out/result.json": {"cache": False}}],
    }
    # YAML can be written as JSON.
    (place.folder / "dvc.yaml").write_text(json.dumps({"stages": {"train": stage}}), "utf-8")
    (place.folder / "params.yaml").write_text("learning_rate: 0.5\n", "utf-8")
    place.call("git", "init", "--quiet")
    place.call("git", "config", "user.name", "bench")
    place.call("git", "config", "user.email", "bench@example.org")
    place.call("dvc", "init", "--quiet")
    place.call("git", "add", ".")
    place.call("git", "commit", "--quiet", "--message", "trivial")


def _work_dvc_queue(place: Round) -> None:
    place.call("dvc", "exp", "run", "--queue", "--set-param", _rates_joined(place))
    place.call("dvc", "queue", "start")
    # Its worker stays for ten seconds after the last experiment: these do not count.
    wait_until(lambda: _dvc_experiments(place) >= len(place.rates), "end of the queue of DVC")


def _finish_dvc_queue(place: Round) -> None:
    place.call("dvc", "queue", "stop", "--kill")


def _dvc_experiments(place: Round) -> int:
    # refs/exps/<commit, in two parts>/<experiment>
    return len(list((place.folder / ".git" / "refs" / "exps").glob("*/*/*")))


def _work_dvc(place: Round) -> None:
    place.loop('dvc exp run --quiet --set-param "learning_rate=$rate"')


def _check_dvc(place: Round) -> None:
    if (found := _dvc_experiments(place)) != len(place.rates):
        raise BenchmarkError(f"{found} of {len(place.rates)} experiments are in the repository")


def _prepare_hydra(place: Round) -> None:
    place.write_scripts("hydra_train.py")
    (place.folder / "config.yaml").write_text("learning_rate: 0.1\n", "utf-8")


def _prepare_mlflow(place: Round) -> None:
    place.write_scripts("mlflow_train.py")
    # Its database is made by the first run.
    place.call("python", "train.py", "--learning-rate", "0.1", "--folder", "first")


def _rates_joined(place: Round) -> str:
    return f"learning_rate={','.join(place.rates)}"


_dvc = _from_pypi("dvc", "dvc==3.67.1")
_hydra = _from_pypi("hydra", "hydra-core==1.3.8")

TOOLS: Sequence[Tool] = (
    Tool(
        name="task-spooler",
        usage="tsp python train.py …, for each; tsp -w",
        count=50,
        is_isolated=True,
        install=install_task_spooler,
        prepare=Round.write_scripts,
        work=_spool,
        finish=_finish_spooling,
    ),
    Tool(
        name="Guild AI",
        usage="guild run train.py learning-rate=[…] --yes",
        count=10,
        is_isolated=True,
        install=_from_pypi("guild", "guildai==0.9.0"),
        prepare=Round.write_scripts,
        work=lambda place: place.call("guild", "run", "train.py", f"learning-rate=[{','.join(place.rates)}]", "--yes"),
    ),
    Tool(
        name="DVC, queue",
        usage="dvc exp run --queue -S learning_rate=…; dvc queue start",
        count=4,
        is_isolated=True,
        install=_dvc,
        prepare=_prepare_dvc,
        work=_work_dvc_queue,
        finish=_finish_dvc_queue,
    ),
    Tool(
        name="DVC, one by one",
        usage="dvc exp run -S learning_rate=…, for each",
        count=3,
        is_isolated=True,
        install=_dvc,
        prepare=_prepare_dvc,
        work=_work_dvc,
        finish=_check_dvc,
    ),
    Tool(
        name="Hydra, one process",
        usage="python train.py -m learning_rate=…",
        count=50,
        is_isolated=False,
        install=_hydra,
        prepare=_prepare_hydra,
        work=lambda place: place.call("python", "train.py", "-m", _rates_joined(place)),
    ),
    Tool(
        name="Hydra, one by one",
        usage="python train.py learning_rate=…, for each",
        count=10,
        is_isolated=True,
        install=_hydra,
        prepare=_prepare_hydra,
        work=lambda place: place.loop('python train.py "learning_rate=$rate" "hydra.run.dir=out/$rate"'),
    ),
    Tool(
        name="submitit",
        usage="AutoExecutor(cluster='local').map_array(train, …)",
        count=20,
        is_isolated=True,
        install=_from_pypi("submitit", "submitit==1.5.4"),
        prepare=lambda place: place.write_scripts("submitit_train.py"),
        work=lambda place: place.call("python", "train.py", *place.rates),
    ),
    Tool(
        name="Sacred",
        usage="python train.py -F runs with learning_rate=…, for each",
        count=10,
        is_isolated=True,
        install=_from_pypi("sacred", "sacred==0.8.7"),
        prepare=lambda place: place.write_scripts("sacred_train.py"),
        work=lambda place: place.loop('python train.py -F runs with "learning_rate=$rate" "folder=out/$rate"'),
    ),
    Tool(
        name="MLflow",
        usage="mlflow.start_run() in python train.py …, for each; SQLite",
        count=4,
        is_isolated=True,
        install=_from_pypi("mlflow", "mlflow==3.17.2"),
        prepare=_prepare_mlflow,
        work=lambda place: place.loop(_TRAIN),
        settings={"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
    ),
)

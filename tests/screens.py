"""The screens in docs/screens: what verbs show of one night, the same whenever and wherever they are made.

`python tests/screens.py` makes them anew.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from terminal import run_on_terminal

from mlpipeline.domain.names import model_dir_name, run_name
from mlpipeline.domain.result import Result
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Failure, Outcome, Start
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history.journal import Journal
from mlpipeline.project.files import to_json, write_whole
from mlpipeline.project.paths import Outputs
from mlpipeline.worker.record import MetricsFile

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screens"

#: File name without suffix: the verb as it is typed, and the columns of the terminal.
SCREENS = {
    "status": ("status", 100),
    "status-40": ("status", 40),
    "runs": ("runs", 100),
    "runs-where": ("runs --where 'lr<=0.1' --sort test.accuracy --columns version,lr,test.accuracy,time", 100),
    "show": ("show digits:deep", 100),
    "show-failed": ("show lm:large", 100),
    "compare": ("compare digits:wide digits:deep", 100),
    "report": ("report", 100),
    "queue": ("queue", 100),
}

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
_NIGHT = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
#: What is shown in place of the folder that the project is made in; both are as long, so that lines break alike.
_SHOWN_FOLDER = "/home/ann/lab"
_BOOT = "a boot of which this machine knows nothing"
#: When each worker began, in seconds since the boot of its host.
_SINCE_BOOT = 1000.0
#: The command, on that day: what is recorded of a process of that boot is alive.
_ON_THAT_DAY = f"""
import time
time.time = lambda: {NOW.timestamp()}
from mlpipeline.executors.processes import ProcessId
ProcessId.is_alive = lambda process: process.boot == {_BOOT!r}
from mlpipeline.cli.main import main
main()
"""
_QUEUE = """\
# The night of 20 November.
use_blacklist = false
whitelisted_models = [
    "digits.py",
    "cnn/net.py",
    { script = "lm.py", versions = ["small", "large", "tiny"], timeout = "12h" },
    "trees.py",
    { script = "student.py", after = ["lm:large"] },  # learns from it
]
"""
_MISFIT = """\
Traceback (most recent call last):
  File "{models}/cnn/net.py", line 41, in forward
    return self.head(features)
RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x{n} and 1024x10)
"""


@dataclass(frozen=True, kw_only=True)
class _Past:
    """One run of that night."""

    id: str
    key: str
    #: When it began, after the beginning of the night, and how long it took; None while it runs.
    at: timedelta
    took: timedelta | None
    host: str = "box1"
    outcome: Outcome = Outcome.SUCCEEDED
    failure: Failure | None = None
    error: str | None = None
    place: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    #: How many steps are done, and of how many.
    steps: tuple[int, int] | None = None
    gpu: int | None = None


def _h(hours: float) -> timedelta:
    return timedelta(hours=hours)


_PAST = [
    _Past(
        id="c5ne4y", key="lm:small", at=_h(-50), took=_h(4.4), results={"perplexity": 31.2}, parameters={"layers": 6}
    ),
    _Past(id="f8xs6d", key="lm:tiny", at=_h(-44), took=_h(1.3), results={"perplexity": 58.9}, parameters={"layers": 2}),
    *(
        _Past(
            id=id,
            key=f"digits:{version}",
            at=_h(at),
            took=_h(took),
            results={"test.accuracy": accuracy, "train.accuracy": round(accuracy + 0.013, 4)},
            parameters={"layers": layers, "lr": lr},
            steps=(400, 400),
            gpu=0,
        )
        for id, version, at, took, accuracy, layers, lr in (
            ("7k2m9q", "linear", 0.01, 0.4, 0.9117, 1, 0.1),
            ("a4xw2c", "wide", 0.42, 0.9, 0.9567, 2, 0.1),
            ("hm8t5r", "deep", 1.35, 2.2, 0.9811, 5, 0.03),
        )
    ),
    *(
        _Past(
            id=id,
            key=f"cnn/net:lr={lr}",
            at=_h(at),
            took=timedelta(seconds=took),
            outcome=Outcome.FAILED,
            failure=Failure.EXCEPTION,
            error=f"RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x{n} and 1024x10)",
            place="cnn/net.py:41",
            parameters={"lr": lr, "channels": n // 16},
            output=_MISFIT.replace("{n}", str(n)),
            gpu=1,
        )
        for id, lr, at, took, n in (
            ("p9dz3e", 0.01, 0.02, 41.3, 512),
            ("q2vk7n", 0.1, 0.05, 39.8, 768),
            ("w6fy8b", 0.3, 0.08, 40.4, 2048),
        )
    ),
    _Past(
        id="e8rj4u",
        key="lm:large",
        at=_h(3.6),
        took=timedelta(minutes=7, seconds=12),
        outcome=Outcome.FAILED,
        failure=Failure.OUT_OF_MEMORY,
        error="OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB",
        place="lm.py:88",
        parameters={"layers": 24},
        output="step 12, loss 7.31\nOutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB\n",
        gpu=0,
    ),
    _Past(id="4uzb7s", key="lm:small", at=_h(6.5), took=None, parameters={"layers": 6}, steps=(7200, 10_000), gpu=0),
    _Past(
        id="n5cx6g",
        key="trees:forest",
        host="box2",
        at=_h(0.3),
        took=timedelta(minutes=18),
        results={"test.accuracy": 0.9402},
        parameters={"depth": 12},
    ),
    _Past(
        id="z3ts9m",
        key="trees:boosted",
        host="box2",
        at=_h(0.7),
        took=_h(1.1),
        outcome=Outcome.LOST,
        error="its process is gone, and nobody saw how it ended",
        parameters={"depth": 6},
        output="round 240: validation accuracy 0.951\n",
    ),
    _Past(
        id="j7gk2h",
        key="trees:stumps",
        host="box2",
        at=_h(2),
        took=timedelta(minutes=9),
        outcome=Outcome.STOPPED,
        parameters={"depth": 1},
    ),
    _Past(id="x9vw5p", key="lm:tiny", host="box2", at=_h(9.1), took=None, parameters={"layers": 2}, steps=(610, 2000)),
]


@contextmanager
def night() -> Iterator[Path]:
    """Write the project of that night, and give its folder until it is looked at."""
    # Not below TMPDIR: how long the path is decides where lines break.
    folder = Path(tempfile.mkdtemp(prefix="", dir="/tmp"))
    assert len(str(folder)) == len(_SHOWN_FOLDER)
    try:
        root = folder / "digits"
        models = root / "models"
        (models / "cnn").mkdir(parents=True)
        (root / "mlp.toml").write_text('models_dir = "models"\n')
        (root / "models.toml").write_text(_QUEUE)
        for script in ("digits.py", "cnn/net.py", "lm.py", "trees.py", "student.py"):
            (models / script).write_text("MODEL = ...\n")
        for host, launches in {"box1": [(0.0, None)], "box2": [(0.2, None), (1.9, 2.2), (9.0, None)]}.items():
            _write_host(Outputs(path=models / "outputs", host=host), launches)
        yield root
    finally:
        shutil.rmtree(folder)


def drawn(name: str, root: Path) -> str:
    """Return a screen of `SCREENS` as a terminal shows it."""
    verb, columns = SCREENS[name]
    environment = {
        **{variable: value for variable, value in os.environ.items() if not variable.startswith(("MLP_", "LC_"))},
        **{"MLP_HOST": "box1", "TZ": "UTC", "NO_COLOR": "1", "TERM": "xterm", "LANG": "C.UTF-8"},
        "XDG_CACHE_HOME": str(root / "cache"),
    }
    environment.pop("COLUMNS", None)
    command = [sys.executable, "-c", _ON_THAT_DAY, *shlex.split(verb)]
    done = run_on_terminal(command, folder=root, environment=environment, columns=columns)
    assert done.returncode == 0, done.stdout
    return f"$ mlpipeline {verb}\n" + done.stdout.replace(str(root.parent), _SHOWN_FOLDER)


def _write_host(outputs: Outputs, launches: list[tuple[float, float | None]]) -> None:
    outputs.path.mkdir(exist_ok=True)
    is_box1 = outputs.host == "box1"
    pid = 4242 if is_box1 else 917
    journal = Journal(outputs.history, lambda: "")
    events = [
        event
        for run in _PAST
        if run.host == outputs.host
        for event in _written(run, outputs, max((begin for begin, _ in launches if _h(begin) <= run.at), default=0.0))
    ]
    for begin, end in launches:
        told = {"launch": f"{outputs.host}-{begin}", "host": outputs.host}
        command = {"pid": pid, "command": "mlpipeline -r -u --watch"}
        events.append({"at": _moment(_h(begin)), "event": "launch", **told, **command})
        if end is not None:
            events.append({"at": _moment(_h(end)), "event": "launch_ended", **told})
    for event in sorted(events, key=lambda event: str(event["at"])):
        journal.append(event, to_disk=False)
    heartbeat = {
        **_process(pid).to_json(),
        "host": outputs.host,
        "command": "mlpipeline -r -u --watch",
        "since": _moment(_h(launches[-1][0])),
        "waiting": 1 if is_box1 else 0,
        "at_once": 2,
        "to_start": [{"model": "digits", "start": "clean", "count": 1}] if is_box1 else [],
        "next": ["digits:huge"] if is_box1 else [],
        "waits": [{"what": "student:small", "why": "comes after lm:large, which failed"}] if is_box1 else [],
        "held": [
            {
                "what": "cnn/net:lr=1.0",
                "why": "3 versions in a row failed (exception) at cnn/net.py:41: RuntimeError: mat1 and mat2 shapes "
                "cannot be multiplied (64x2048 and 1024x10). Held until cnn/net.py changes, or "
                "`mlpipeline release cnn/net`",
            }
        ]
        if is_box1
        else [],
    }
    write_whole(outputs.heartbeat, to_json(heartbeat))
    heard_at = NOW.timestamp() - (3 if is_box1 else 12)
    os.utime(outputs.heartbeat, (heard_at, heard_at))
    outputs.log.write_text("")


def _written(run: _Past, outputs: Outputs, launch: float) -> Iterator[dict[str, Any]]:
    """Write a run's record, and yield its events; `launch` is when its daemon was launched, in hours."""
    model, _, version = run.key.partition(":")
    models = outputs.path.parent
    name = run_name(model, version, run.id)
    begins, run_dir = _moment(run.at), outputs.run_dir(name)
    attempt = run_dir.attempt(1)
    attempt.path.mkdir(parents=True)
    ends = None if run.took is None else _moment(run.at + run.took)
    spec = Spec(
        run=run.id,
        name=name,
        model=model,
        version=version,
        mode=Mode.EXECUTION,
        host=run.host,
        script=str(models / f"{model}.py"),
        models_dir=str(models),
        project=str(models.parent),
        model_dir=str(outputs.model_dir(model_dir_name(model, version))),
        start=Start.CLEAN,
        seed=7,
        parameters=run.parameters,
        identity=f"identity of {run.key}",
        gpus=None if run.gpu is None else {f"GPU-{run.gpu}": run.gpu},
    )
    write_whole(run_dir.spec, to_json(spec.to_json()))
    pid = 4300 + _PAST.index(run)
    process = _process(pid) if ends is None else ProcessId(pid=pid, boot="over", ticks=1.0)
    how = {"host": run.host, "how": "forked", "started_at": begins, "since_boot": _SINCE_BOOT}
    write_whole(attempt.worker, to_json({**process.to_json(), **how}))
    attempt.output.write_text(run.output.replace("{models}", str(models)))
    if run.steps is not None:
        done, total = run.steps
        worked_s = (run.took or NOW - _NIGHT - run.at).total_seconds()
        # The first step took half a minute with all that comes once, and the last was done 2 s ago.
        loop = {"done": done, "at": _SINCE_BOOT + worked_s - 2, "of": total, "from": 1, "began": _SINCE_BOOT + 30}
        write_whole(attempt.progress, to_json(loop))
        _write_metrics(run, MetricsFile(run_dir.metrics))
    of_run = {"run": run.id}
    yield {
        "at": begins,
        "event": "selected",
        **of_run,
        **{"name": name, "model": model, "version": version, "host": run.host, "launch": f"{run.host}-{launch}"},
        **{"identity": spec.identity, "start": "clean", "seed": spec.seed, "model_dir": model_dir_name(model, version)},
        **{"parameters": run.parameters, "previous": None, "code": None},
    }
    yield {"at": begins, "event": "running", **of_run, "pid": process.pid, "started_at": begins}
    if ends is None or run.took is None:
        return
    place = None if run.place is None else str(models / run.place)
    seconds = None if run.outcome is Outcome.LOST else run.took.total_seconds()
    how_it_ended = {"outcome": run.outcome, "failure": run.failure, "error": run.error, "place": place}
    if run.outcome is not Outcome.LOST:
        result = Result(**how_it_ended, results=run.results, prepared=True, seconds=seconds)
        write_whole(attempt.result, to_json(result.to_json()))
    yield {
        "at": ends,
        "event": "ended",
        **of_run,
        **how_it_ended,
        **{"attempt": 1, "results": run.results, "seconds": seconds, "prepared": True, "trained": False, "note": None},
    }


def _write_metrics(run: _Past, metrics: MetricsFile) -> None:
    assert run.steps is not None
    began = (_NIGHT + run.at).timestamp()
    ended = NOW.timestamp() if run.took is None else began + run.took.total_seconds()
    count, least = 40, 1 - run.results.get("test.accuracy", 0.6)
    for index in range(count):
        step = run.steps[0] * (index + 1) // count
        wave = 0.02 * math.sin(index)
        loss = round(least + (2.3 - least) * math.exp(-index / 8) + wave, 4)
        metrics.write({"loss": loss}, step, began + (ended - began) * (index + 1) / count)


def _process(pid: int) -> ProcessId:
    return ProcessId(pid=pid, boot=_BOOT, ticks=1.0)


def _moment(after: timedelta) -> str:
    return (_NIGHT + after).isoformat(timespec="milliseconds")


def main() -> None:
    """Make all screens anew."""
    FOLDER.mkdir(exist_ok=True)
    with night() as root:
        for name in SCREENS:
            (FOLDER / f"{name}.txt").write_text(drawn(name, root), "utf-8")


if __name__ == "__main__":
    main()

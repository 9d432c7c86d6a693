"""What of a pipeline runs, what is found, and what is told of it."""

from __future__ import annotations

import importlib
import inspect
import os
import random
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from mlpipeline import Artifact, Input, Pipeline, Stage, artifact, stage
from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.run import Run
from mlpipeline.domain.rerun import Why
from mlpipeline.errors import FileKeepsChanging, NotStored, PipelineStopped
from mlpipeline.pipelines import cache, remembered
from mlpipeline.pipelines.outlook import Standing, outlooks


@stage(cache=False)
def ask():
    print("ask")
    return int(os.environ["ANSWER"])


@stage
def double(ask):
    print("double")
    return 2 * ask


@stage
def lock():
    print("lock")
    return threading.Lock()


@stage(cache=False)
def connection():
    print("connection")
    return threading.Lock()


@stage
def is_locked(lock):
    print("is_locked")
    return lock.locked()


@stage
def is_open(connection):
    print("is_open")
    return not connection.locked()


@stage
def noise():
    print("noise")
    return random.random()


@stage
def more_noise(noise):
    print("more_noise")
    return random.random()


@stage
def looped(run):
    print("looped")
    return list(run.steps(3))


@stage
def after(looped):
    print("after")
    return len(looped)


@stage(cache=False)
def estimator():
    return LinearRegression(positive=False)


@stage
def changes(estimator, options):
    print("changes")
    estimator.set_params(positive=True)
    options.append(2)
    return [estimator.positive, *options]


@stage
def reads(estimator, options):
    print("reads")
    return [estimator.positive, *options]


@stage
class Keeps(Stage):
    def __init__(self, estimator, options):
        self.estimator, self.options = estimator, options

    def fit(self):
        self.estimator.set_params(positive=True)
        self.options.append(2)

    def run(self):
        kept = [self.estimator.positive, *self.options]
        self.estimator.set_params(positive=False)
        return {"kept": kept}


@stage
def answer(record, table):
    return [id(record), id(table)]


class Heard:
    """Notes what it hears."""

    def __init__(self):
        self.of: list[tuple[str, ...]] = []

    def plans(self, calls):
        self.of.append(("plans", *(call.name for call in calls)))

    def found(self, call, made):
        self.of.append(("found", call.name))

    def waits(self, call, maker):
        self.of.append(("waits", call.name))

    def begins(self, call):
        self.of.append(("begins", call.name))

    def ran(self, call, seconds, size_bytes):
        self.of.append(("ran", call.name, "kept" if size_bytes else "not kept"))

    def numbers(self, call, numbers):
        self.of.append(("numbers", call.name, *(f"{name}={value}" for name, value in numbers.items())))

    def fails(self, call, error):
        self.of.append(("fails", call.name, str(error)))

    def warns(self, message):
        self.of.append(("warns", message))


class Quiet:
    def metrics(self, values, step): ...

    def log(self, message, *, to_file): ...

    def progress(self, loop, done, total): ...

    def epochs(self, ended): ...

    def stages(self, done, total): ...


@pytest.fixture(autouse=True)
def _answer(monkeypatch):
    monkeypatch.setenv("ANSWER", "1")


@pytest.fixture
def calls(capsys):
    """Returns which stages have run since it was last asked, in order: they print that."""

    def since() -> list[str]:
        return capsys.readouterr().out.split()

    return since


def carry_out(folder, *stages, run=None):
    """Carry a pipeline out; return what was heard, and its artifacts."""
    heard = Heard()
    execution, _ = Pipeline(list(stages)).execute(inputs={}, cache=folder, watcher=heard, run=run)
    return heard.of, {name: one.value() for name, one in execution.artifacts.items()}


def make_run(seed=0):
    return Run(id="a1f3", mode=ExecutionModeKeys.TRAIN, model_dir=Path("dir"), seed=seed, sink=Quiet())


def test_what_is_heard_of_a_stage_that_runs_and_of_one_that_is_found(tmp_path):
    assert carry_out(tmp_path, ask, double)[0] == [
        ("plans", "ask", "double"),
        ("begins", "ask"),
        ("ran", "ask", "not kept"),
        ("numbers", "ask", "ask=1"),
        ("begins", "double"),
        ("ran", "double", "kept"),
        ("numbers", "double", "double=2"),
    ]
    assert carry_out(tmp_path, ask, double)[0][-2:] == [("found", "double"), ("numbers", "double", "double=2")]


def test_of_a_stage_that_runs_every_time_the_content_decides_what_else_runs(tmp_path, calls, monkeypatch):
    carry_out(tmp_path, ask, double)
    carry_out(tmp_path, ask, double)
    assert calls() == ["ask", "double", "ask"]
    monkeypatch.setenv("ANSWER", "2")
    assert carry_out(tmp_path, ask, double)[1]["double"] == 4
    assert calls() == ["ask", "double"]


def test_what_cannot_be_kept_is_handed_on_in_memory_and_said_once(tmp_path, calls):
    for _ in range(2):
        heard, values = carry_out(tmp_path, lock, is_locked)
        assert (calls(), values["is_locked"]) == (["lock", "is_locked"], False)
        assert [one[0] for one in heard].count("warns") == 1


def test_what_cannot_be_told_from_another_one_is_handed_on_and_said_once(tmp_path, calls):
    for _ in range(2):
        heard, _ = carry_out(tmp_path, connection, is_open)
        assert calls() == ["connection", "is_open"]
        (warning,) = (one[1] for one in heard if one[0] == "warns")
        assert 'nobody can tell "connection", a lock, from another one' in warning


def test_what_a_stage_draws_depends_on_nothing_that_ran_before_it(tmp_path):
    random.seed(1)
    state = random.getstate()
    _, first = carry_out(tmp_path / "one", noise, more_noise)
    assert random.getstate() == state
    assert first["noise"] != first["more_noise"]
    carry_out(tmp_path / "two", noise)
    random.seed(2)
    # `noise` is found, `more_noise` runs.
    assert carry_out(tmp_path / "two", noise, more_noise)[1] == first
    assert carry_out(tmp_path / "three", noise, more_noise, run=make_run(seed=9))[1] == first


def test_what_a_stage_draws_that_is_not_kept_follows_from_the_seed_of_the_run(tmp_path):
    @stage(cache=False)
    def draws():
        return random.random()

    drawn = [carry_out(tmp_path, draws, run=make_run(seed))[1]["draws"] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_once_a_run_is_to_stop_no_other_stage_begins_and_nothing_cut_short_is_kept(tmp_path, calls):
    run = make_run()
    with pytest.raises(PipelineStopped, match="stopped before stage looped"):
        run.request_stop()
        carry_out(tmp_path, looped, after, run=run)
    assert calls() == []

    class Stopping(Quiet):
        def progress(self, loop, done, total):
            if done == 1:
                run.request_stop()

    run = Run(id="a1f3", mode=ExecutionModeKeys.TRAIN, model_dir=Path("dir"), seed=0, sink=Stopping())
    with pytest.raises(PipelineStopped, match="stage looped was stopped"):
        carry_out(tmp_path, looped, after, run=run)
    assert carry_out(tmp_path, looped, after, run=make_run())[1] == {"looped": [0, 1, 2], "after": 3}
    assert calls() == ["looped", "looped", "after"]


def test_a_stage_gets_a_run_outside_the_queue_too(tmp_path, capsys):
    @stage
    def speaks(run):
        run.log("said")
        run.log_metrics({"loss": 0.25}, step=3)
        return [run.mode, run.should_stop, run.model_dir.is_dir()]

    assert carry_out(tmp_path, speaks)[1]["speaks"] == ["Train", False, True]
    assert capsys.readouterr().out == "said\nstep 3: loss=0.25\n"


def test_of_a_stage_that_fails_it_is_heard_which(tmp_path):
    @stage
    def fails():
        raise ValueError("no good")

    heard = Heard()
    with pytest.raises(ValueError, match="no good"):
        Pipeline([fails]).execute(inputs={}, cache=tmp_path, watcher=heard)
    assert heard.of[-1] == ("fails", "fails", "no good")


def test_what_finds_no_room_in_the_cache_says_which_folder_that_is(tmp_path, monkeypatch):
    def put(*_):
        raise NotStored(None, "No such file or directory") from OSError()

    monkeypatch.setattr(cache.Cache, "put", put)
    heard, _ = carry_out(tmp_path, noise)
    (told,) = [one[1] for one in heard if one[0] == "warns"]
    assert told == (
        f"stage noise: what it made is not kept in the cache {tmp_path}, only in memory, "
        "and neither is what is made of it: No such file or directory"
    )


def chain(length):
    """As many stages, each of which takes what the one before it makes."""
    made: list[object] = []
    for number in range(length):
        taken = f"s{number - 1}" if number else ""
        scope: dict[str, object] = {}
        exec(f"def s{number}({taken}): return [{number}]", scope)
        made.append(stage(version="1")(scope[f"s{number}"]))
    return made


def test_what_is_damaged_is_made_again_however_long_the_chain(tmp_path):
    length = 60
    stages = chain(length)
    carry_out(tmp_path, *stages)
    for file in (tmp_path / "1" / "artifacts").iterdir():
        file.chmod(0o644)
        file.write_bytes(b"x" * file.stat().st_size)
    limit = sys.getrecursionlimit()
    # As 1,000 stages would be with the usual one.
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        execution, _ = Pipeline(stages).execute(inputs={}, cache=tmp_path, watcher=(heard := Heard()))
        execution.artifacts[f"s{length - 1}"].value()
    finally:
        sys.setrecursionlimit(limit)
    assert execution.artifacts[f"s{length - 1}"].value() == [length - 1]
    assert [one[1] for one in heard.of if one[0] == "ran"] == [f"s{number}" for number in range(length)]


def test_what_two_threads_draw_at_the_same_time_is_what_each_would_draw_alone(tmp_path):
    begun, may_go_on = threading.Event(), threading.Event()

    @stage(version="1")
    def slow():
        begun.set()
        first = random.random()
        may_go_on.wait(60)
        return [first, random.random()]

    class Asked(Run):
        times = 0

        @property
        def should_stop(self):
            # Once before the stage, and then only while it has to wait.
            self.times += 1
            if self.times > 1:
                may_go_on.set()
            return False

    def quick_meanwhile():
        begun.wait(60)
        run = Asked(id="a1f3", mode=ExecutionModeKeys.TRAIN, model_dir=Path("dir"), seed=0, sink=Quiet())
        carry_out(tmp_path / "together", noise, run=run)
        may_go_on.set()

    may_go_on.set()
    alone = carry_out(tmp_path / "alone", slow)[1]["slow"]
    begun.clear()
    may_go_on.clear()
    other = threading.Thread(target=quick_meanwhile)
    other.start()
    together = carry_out(tmp_path / "together", slow)[1]["slow"]
    other.join(60)
    assert together == alone


def test_an_input_that_nobody_can_tell_from_another_one_is_said_once(tmp_path):
    heard = Heard()
    inputs = {"lock": threading.Lock()}
    Pipeline([lock, is_locked]).execute(inputs=inputs, cache=tmp_path, watcher=heard)
    (warning,) = (one[1] for one in heard.of if one[0] == "warns")
    assert 'nobody can tell "lock", a lock, from another one' in warning


def test_an_input_that_changes_while_it_is_read_is_an_error_that_names_it(tmp_path, monkeypatch):
    def keeps_changing(path):
        raise FileKeepsChanging(path)

    monkeypatch.setattr(remembered, "changing_file_digest", keeps_changing)
    file = tmp_path / "growing.csv"
    file.write_text("1")
    for pipeline, inputs in (
        (Pipeline([lock, is_locked]), {"lock": file}),
        (Pipeline([is_locked], parameters={"lock": file}), {}),
    ):
        with pytest.raises(FileKeepsChanging, match=r"growing\.csv changes"):
            pipeline.execute(inputs=inputs, cache=tmp_path / "cache")


def test_files_that_are_handed_in_are_read_once(tmp_path, monkeypatch):
    read: list[Path] = []
    digest = remembered.changing_file_digest
    monkeypatch.setattr(remembered, "changing_file_digest", lambda path: (read.append(path), digest(path))[1])
    file = tmp_path / "data.csv"
    file.write_text("1")
    os.utime(file, (1, 1))
    monkeypatch.setattr(remembered, "_YOUNG_NS", -(10**12))

    @stage
    def size(data):
        return data.stat().st_size

    for _ in range(2):
        Pipeline({"data": Input(), "size": size}).execute(inputs={"data": file}, cache=tmp_path / "cache")
    assert read == [file]


class Lazy(Mapping):
    def __getitem__(self, key):
        raise RuntimeError("the database is closed")

    def __iter__(self):
        return iter("a")

    def __len__(self):
        return 1


class Odd(float):
    def __float__(self):
        raise ValueError("no")


@pytest.mark.parametrize("value", [10**5000, {"a": 10**5000}, Lazy(), Odd(1)], ids=["long", "longer", "lazy", "odd"])
def test_odd_numbers_do_not_end_the_run(value, tmp_path):
    @stage(version="1")
    def odd():
        return value

    heard, values = carry_out(tmp_path, odd)
    assert values["odd"] is not None
    assert "numbers" not in [one[0] for one in heard]


def test_whatever_happens_while_something_is_kept_does_not_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "timestamp", lambda: 1 / 0)
    heard, values = carry_out(tmp_path, noise)
    (warning,) = (one[1] for one in heard if one[0] == "warns")
    assert "not kept in the cache, only in memory" in warning
    assert "ZeroDivisionError" in warning
    assert values["noise"] > 0


@artifact("weights")
class Weights(Artifact):
    @staticmethod
    def save(value, folder):
        (folder / "weights").write_text(str(value))

    @staticmethod
    def load(folder):
        if os.environ["ANSWER"] == "wrong":
            raise KeyError("wieghts")
        if os.environ["ANSWER"] == "gone":
            os.environ["ANSWER"] = "1"
            shutil.rmtree(folder)  # As `gc` may do at this moment.
        return int((folder / "weights").read_text())


@stage(outputs=[Weights], version="1")
def weights():
    print("weights")
    return {Weights: 3}


def test_a_mistake_in_the_load_of_a_marker_is_found_when_its_stage_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("ANSWER", "wrong")
    heard, values = carry_out(tmp_path, weights)
    (warning,) = (one[1] for one in heard if one[0] == "warns")
    assert "KeyError: 'wieghts', in Weights.load, of the artifact \"weights\"" in warning
    assert values["weights"] == 3


def test_a_mistake_in_the_load_of_a_marker_is_the_users_and_no_damage(tmp_path, monkeypatch, calls):
    carry_out(tmp_path, weights)
    monkeypatch.setenv("ANSWER", "wrong")
    with pytest.raises(KeyError, match="wieghts") as raised:
        carry_out(tmp_path, weights)
    assert raised.value.__notes__ == ['in Weights.load, of the artifact "weights"']
    assert calls() == ["weights"]


def test_what_is_deleted_while_a_marker_loads_it_is_made_again(tmp_path, monkeypatch, calls):
    carry_out(tmp_path, weights)
    monkeypatch.setenv("ANSWER", "gone")
    heard, values = carry_out(tmp_path, weights)
    assert (calls(), values["weights"]) == (["weights", "weights"], 3)
    (warning,) = (one[1] for one in heard if one[0] == "warns")
    assert "it is gone: it is made again" in warning


class Backends:
    def backend(self, name):
        return importlib.import_module(name)


@stage(version="1")
def backends():
    return Backends()


@stage
def is_there(backends):
    print("is_there")
    return backends is not None


def test_what_takes_code_that_cannot_be_told_runs_every_time_and_a_warning_says_so(tmp_path, capsys, caplog):
    for given, stages in [({"backends": Backends()}, [is_there]), ({}, [backends, is_there])]:
        for _ in range(2):
            Pipeline(stages=stages, parameters=given, cache=tmp_path).run("is_there")
            assert capsys.readouterr().out == "is_there\n"
            assert "runs every time, because nobody can tell" in caplog.text
            assert "it imports a module by a name that is worked out only when it runs" in caplog.text
            caplog.clear()
    pipeline = Pipeline(stages=[backends, is_there], cache=tmp_path)
    with_code = outlooks(pipeline.wired({}), pipeline._cache(None), "is_there")[-1]
    assert with_code.standing is Standing.WOULD_RUN
    assert [reason.why for reason in with_code.reasons] == [Why.UNKNOWN]


def test_what_a_stage_does_to_what_it_is_given_no_other_one_sees_nor_who_gave_it(tmp_path, calls):
    options, handed_in = [1], LinearRegression()
    given = {"changes.options": options, "reads.options": options}
    right = {"changes": [True, 1, 2], "reads": [False, 1]}
    for stages, inputs in ([estimator, changes, reads], {}), ([changes, reads], {"estimator": handed_in}):
        pipeline = Pipeline(stages, parameters=given, cache=tmp_path / f"{len(inputs)}")
        assert pipeline.fit_run(inputs, ["changes", "reads"]) == right
        assert calls() == ["changes", "reads"]
        # Now as they find it kept, and each alone.
        assert pipeline.fit_run(inputs, ["changes", "reads"]) == right
        assert (pipeline.fit_run(inputs, "changes"), pipeline.fit_run(inputs, "reads")) == tuple(right.values())
        assert calls() == []
    assert (options, handed_in.positive) == ([1], False)


def test_what_a_stage_learned_from_its_parameters_leaves_them_as_they_were(tmp_path):
    model, options = LinearRegression(), [1]
    pipeline = Pipeline([Keeps], parameters={"estimator": model, "options": options}, cache=tmp_path)
    assert [pipeline.fit_run("kept") for _ in range(2)] == [[True, 1, 2]] * 2
    assert (model.positive, options) == (False, [1])
    # Nor is what it has learned another than that after it ran, or after somebody looked at it.
    pipeline.states["keeps"]["estimator"].set_params(positive=False)
    assert [pipeline.run("kept", force=["keeps"]) for _ in range(2)] == [[True, 1, 2]] * 2


def test_for_an_answer_to_what_is_handed_in_no_estimator_is_copied_and_no_parameter(tmp_path):
    record, table = LinearRegression(), np.arange(3)
    pipeline = Pipeline({"record": Input(), "answer": answer}, parameters={"table": table}, cache=tmp_path)
    assert pipeline.run({"record": record}, "answer") == [id(record), id(table)]

"""What a report tells, from journals and run dirs as two hosts would leave them."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from runs import DAEMON

from mlpipeline.domain.measures import Measure
from mlpipeline.domain.states import Outcome, State
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.files import to_json
from mlpipeline.project.paths import Outputs
from mlpipeline.views.pace import pace_in_words
from mlpipeline.views.reported import reported

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
HOUR = 3600.0


def at(hours_ago: float) -> str:
    return (NOW - timedelta(hours=hours_ago)).isoformat(timespec="milliseconds")


class Night:
    """Two hosts' histories of a night, looked at from box1."""

    def __init__(self, folder) -> None:
        self.outputs = Outputs(path=folder / "night" / "models" / "outputs", host="box1")
        self.outputs.path.mkdir(parents=True)
        self.daemons = []

    def write(self, host, *events):
        with (self.outputs.path / f"history-{host}.jsonl").open("ab") as file:
            file.write(b"".join(map(to_json, events)))

    def run(self, run, began, *more, host="box1", version="v", gpus=None, **changes):
        """Have a run begin so many hours ago; of `more`, each is its event."""
        name = f"net-{version}-{run}"
        selected = {
            "event": "selected", "run": run, "at": at(began), "name": name, "model": "net", "version": version,
            "host": host, "launch": "l", "identity": "i", "start": "clean", "seed": 1, "model_dir": f"net-{version}",
            "parameters": {}, "previous": None, "code": None, **changes,
        }  # fmt: skip
        running = {"event": "running", "run": run, "pid": 1, "started_at": at(began), "at": at(began)}
        self.write(host, selected, running, *({"run": run, **event} for event in more))
        run_dir = self.outputs.run_dir(name)
        run_dir.path.mkdir(parents=True)
        run_dir.spec.write_bytes(to_json({"gpus": gpus}))
        return run_dir

    def report(self, hours=12.0, **keywords):
        ledger = Ledger.read(self.outputs, os.environ, warn=pytest.fail)
        since = NOW - timedelta(hours=hours)
        return reported(ledger, self.outputs, self.daemons, since=since, now=NOW.timestamp(), **keywords)

    def hours(self):
        """How each host spent its time: at work, idle, away, all runs, GPUs; in hours."""
        return {
            host.host: tuple(
                round(seconds / HOUR, 3) for seconds in (host.busy_s, host.idle_s, host.away_s, host.run_s, host.gpu_s)
            )
            for host in self.report().hosts
        }


def ended(hours_ago, outcome="succeeded", seconds=HOUR, **more):
    return {"event": "ended", "at": at(hours_ago), "outcome": outcome, "seconds": seconds, **more}


@pytest.fixture
def night(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Night(tmp_path)


def test_gpu_hours_and_time_at_work_are_those_within_the_period(night):
    night.run("across", 13, ended(11, seconds=2 * HOUR), gpus={"GPU-a": 0, "GPU-b": 1})
    night.run("inside", 10, ended(9), version="w")
    assert night.hours() == {"box1": (2.0, 0.0, 10.0, 2.0, 2.0)}


def test_how_long_a_run_took_counts_not_when_that_was_written_down_nor_what_the_clock_said(night):
    # The daemon was away when it ended; and a clock was set back while it ran.
    night.run("found", 10, ended(2))
    night.run("back", 5, ended(6), version="w")
    assert night.hours()["box1"][0] == 2.0
    # Where that is not known, what was written down has to do, if it can be.
    night.run("lost", 1, ended(0.5, "lost", None), version="x")
    night.run("odd", 1, ended(3, "lost", None), version="y")
    assert night.hours()["box1"][0] == 2.5


def test_all_attempts_of_a_run_count(night):
    after = {"attempt": 1, "outcome": "failed", "failure": "killed", "error": None, "place": None, "results": {},
             "seconds": HOUR, "prepared": True, "trained": False, "note": None}  # fmt: skip
    again = {
        "event": "retry",
        "attempt": 2,
        "start": "resume",
        "retry_at": at(8),
        "after": after,
        "by": "",
        "at": at(9),
    }
    second = {"event": "running", "pid": 2, "started_at": at(8), "at": at(8)}
    run_dir = night.run("twice", 10, again, second, ended(6, seconds=2 * HOUR, attempt=2), gpus={"GPU-a": 0})
    run_dir.attempt(1).path.mkdir()
    run_dir.attempt(1).worker.write_bytes(to_json({"started_at": at(10)}))
    assert night.hours() == {"box1": (3.0, 0.0, 9.0, 3.0, 3.0)}


def test_a_run_of_another_host_is_at_work_as_long_as_that_host_is_heard(night):
    night.run("there", 3, host="box2")
    far = replace(DAEMON, host="box2", is_alive=None, heard_at=NOW.timestamp() - 30, silent_s=30.0)
    night.daemons = [far]
    assert night.hours() == {"box2": (3.0, 0.0, 9.0, 3.0, 0.0)}
    night.daemons = [replace(far, heard_at=NOW.timestamp() - HOUR, silent_s=HOUR)]
    assert night.hours()["box2"][0] == 2.0


def test_idle_is_while_a_daemon_was_there_and_nothing_ran(night):
    def launch(name, began):
        return {
            "event": "launch",
            "launch": name,
            "host": "box1",
            "pid": 1,
            "command": "mlpipeline -r",
            "at": at(began),
        }

    night.write("box1", launch("first", 14))
    night.run("a", 11, ended(10))
    # The first died; of it, no more is known than that it was there 10 hours ago. The second left 7 hours ago.
    night.write("box1", launch("second", 9), {"event": "launch_ended", "launch": "second", "at": at(7)})
    assert night.hours() == {"box1": (1.0, 3.0, 8.0, 1.0, 0.0)}
    # The third is still there, or was heard of 2 hours ago.
    since = at(4)
    night.write("box1", launch(f"box1-99-{since}", 4))
    night.daemons = [replace(DAEMON, since=since)]
    assert night.hours()["box1"][1] == 7.0
    night.daemons = [replace(DAEMON, since=since, is_alive=False, heard_at=NOW.timestamp() - 2 * HOUR)]
    assert night.hours()["box1"][1] == 5.0


def test_runs_are_counted_by_how_they_ended_and_failures_by_their_cause(night):
    for number in range(3):
        night.run(f"f{number}", 5, ended(4, "failed", failure="exception", error="E: 1", place="/p/net.py:1"))
    night.run("gone", 5, ended(4, "lost", error="its process is gone"), version="w")
    night.run("before", 40, ended(30, "failed", failure="exit"))
    night.run("good", 5, ended(4), host="box2", version="x")
    report = night.report()
    assert [(len(cause.runs), cause.in_words) for cause in report.causes] == [(3, "failed (exception)"), (1, "lost")]
    assert (report.count(Outcome.FAILED), report.count(Outcome.LOST), report.count(Outcome.SUCCEEDED)) == (3, 1, 1)
    assert report.open_count(State.RUNNING) == 0
    assert report.project == "night"


def test_the_best_versions_have_the_curves_of_what_they_logged(night):
    for number, version in enumerate("abcdefg"):
        run_dir = night.run(f"{version}1", 5, ended(4, results={"loss": number, "energy": -number}), version=version)
        rows = ({"step": step, "time": 1.0, "metrics": {"loss": step, "once": 1}} for step in range(3))
        run_dir.metrics.write_bytes(b"".join(map(to_json, rows)) + b'{"torn')
    (best,) = night.report(metrics_bytes=1_000_000).best
    assert [run.version for run in best.runs] == ["a", "b", "c", "d", "e"]
    assert [point.y for point in best.curves["a1"]["loss"].points] == [0, 1, 2]
    assert (best.metrics, best.is_sampled) == (["loss", "once"], False)
    (best,) = night.report(wanted=Measure.parse("energy:min")).best
    assert [run.version for run in best.runs] == ["g", "f", "e", "d", "c"]
    assert best.metrics == []


def test_the_curve_of_a_run_that_resumed_another_begins_where_that_began(night):
    def logged(run_dir, *steps):
        rows = ({"step": step, "time": float(step), "metrics": {"loss": step}} for step in steps)
        run_dir.metrics.write_bytes(b"".join(map(to_json, rows)))

    logged(night.run("first", 20, ended(19, "stopped")), 0, 1, 2)
    logged(night.run("second", 10, ended(9, "failed"), start="resume", previous="first"), 1, 2, 3, 4)
    logged(night.run("third", 8, ended(7, results={"loss": 1}), start="resume", previous="second"), 3, 4, 5)
    (best,) = night.report(metrics_bytes=1_000_000).best
    curve = best.curves["third"]["loss"]
    assert (curve.is_by_step, [point.x for point in curve.points]) == (True, [0, 1, 2, 3, 4, 5])


def test_what_a_history_tells_wrongly_costs_only_itself(night):
    odd = {"attempt": 1, "outcome": "failed", "failure": None, "error": None, "place": None, "seconds": -5,
           "prepared": True, "trained": False}  # fmt: skip
    again = {"event": "retry", "attempt": 2, "start": "resume", "retry_at": at(8), "after": odd, "by": "", "at": at(9)}
    night.run("odd", 10, again, ended(6, seconds=-7, results={"loss": 10**400}), gpus=7)
    night.run("when", 10, ended(5), version="w").spec.write_text("no JSON")
    night.write("box1", {"event": "launch", "launch": "x", "host": "box1", "at": "once"})
    assert night.hours() == {"box1": (1.0, 0.0, 11.0, 1.0, 0.0)}


def test_what_was_stopped_and_not_run_since_is_left_with_how_far_it_came_and_is_not_ranked(night):
    # One was stopped before the period, one has run since.
    night.run("long", 30, ended(29, "stopped"), version="a", model_dir="net-a")
    night.run("again", 5, ended(4, "stopped", results={"loss": 0.1}), version="b", model_dir="net-b")
    night.run("done", 3, ended(2, results={"loss": 0.2}), version="b", model_dir="net-b")
    half = night.run("half", 2, ended(1, "stopped", results={"loss": 0.0}), version="c", model_dir="net-c")
    half.attempt(1).path.mkdir()
    half.attempt(1).progress.write_bytes(to_json({"done": 498, "of": 9000}))
    report = night.report(queued=["net.py"])
    assert [observed.run.id for observed in report.stopped] == ["half", "long"]
    assert [pace_in_words(observed.pace) for observed in report.stopped] == ["498 of 9000", ""]
    assert [run.id for run in report.best[0].ranking.runs] == ["done"]
    assert report.queued == ["net.py"]

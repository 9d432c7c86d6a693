import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from runs import DAEMON, FAILED, RUNNING, SUCCEEDED

from mlpipeline.domain.causes import causes
from mlpipeline.domain.curves import Curve, Point
from mlpipeline.domain.estimates import Range
from mlpipeline.domain.pace import Pace, Unit
from mlpipeline.domain.periods import HostTime, Interval
from mlpipeline.domain.rankings import rankings
from mlpipeline.domain.states import Outcome
from mlpipeline.project.paths import Outputs
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.obstacles import Obstacle
from mlpipeline.views.outlook import QueueOutlook
from mlpipeline.views.report import head_line, report_screen, report_top
from mlpipeline.views.report_page import report_page
from mlpipeline.views.reported import Best, Reported
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.tables import display_width

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def a_report(tmp_path, *runs, hours=12.0, **changes):
    """A report of these runs, newest first."""
    succeeded = [run for run in reversed(runs) if run.outcome is Outcome.SUCCEEDED]
    bests = [
        Best(
            ranking=ranking,
            runs=ranking.runs[:5],
            metrics=["loss"],
            curves={run.id: {"loss": CURVE} for run in ranking.runs[:5]},
            is_sampled=False,
        )
        for ranking in rankings(succeeded, None)
    ]
    since = NOW - timedelta(hours=hours)
    report = Reported(
        project="night",
        outputs=Outputs(path=tmp_path / "models" / "outputs", host="box1"),
        since=since,
        period=Interval(since.timestamp(), NOW.timestamp()),
        runs=[ObservedRun(run=run) for run in runs],
        causes=causes(run for run in runs if run.outcome in (Outcome.FAILED, Outcome.LOST)),
        best=bests,
        hosts=[],
        daemons=[],
    )
    return replace(report, **changes)


CURVE = Curve(name="loss", points=[Point(0, 2.0), Point(1, 1.0)], is_by_step=True)
STOPPED = replace(SUCCEEDED, id="s", version="stopped", outcome=Outcome.STOPPED)
LOST = replace(FAILED, id="l", version="lost", outcome=Outcome.LOST, failure=None, error="its process is gone")


@pytest.mark.parametrize(
    ("runs", "hours", "line"),
    [
        ([], 12, "12 h since 2026-11-20 21:30: nothing ran"),
        ([SUCCEEDED], 24, "1 d since 2026-11-20 09:30: 1 succeeded"),
        ([FAILED], 1.5, "1 h 30 min since 2026-11-21 08:00: 1 failed (1 cause)"),
        (
            [RUNNING, SUCCEEDED, SUCCEEDED, FAILED, FAILED, LOST, STOPPED],
            12,
            "12 h since 2026-11-20 21:30: 2 succeeded, 2 failed, 1 lost (2 causes), 1 stopped, 1 running",
        ),
    ],
)
def test_the_head_line_says_what_counts(tmp_path, runs, hours, line):
    assert head_line(a_report(tmp_path, *runs, hours=hours)) == line


def test_the_top_is_the_head_line_the_causes_and_the_best_versions(tmp_path):
    report = a_report(tmp_path, FAILED, SUCCEEDED, replace(SUCCEEDED, id="b", version="b", results={"accuracy": 0.98}))
    assert report_top(report, PLAIN).splitlines() == [
        "12 h since 2026-11-20 21:30: 2 succeeded, 1 failed (1 cause)",
        "",
        "failed (exception): ValueError: no",
        "  digits:wide (3x3x3x)",
        "  what it printed is gone with its run dir",
        "",
        "digits: 2 versions by accuracy, more is better (curve: loss)",
        "version   accuracy   curve",
        "──────────────────────────",
        "b         0.98       █▁",
        "deep      0.97       █▁",
    ]


def test_what_is_left_says_when_it_is_done_what_waits_and_why_something_is_held(tmp_path):
    daemons = [
        replace(DAEMON, waiting=5, next=("a:1", "a:2", "a:3", "a:4")),
        replace(DAEMON, host="box2", is_alive=None, silent_s=2400.0),
        replace(DAEMON, host="box3", ended_at="2026-11-21T01:00:00+00:00"),
    ]
    outlook = QueueOutlook(ends=Range(least_s=60.0, most_s=90.0), left=5, unknown=0)
    held = [Obstacle(why="3 in a row failed", what=[f"bad:v{number}"], host="box1") for number in range(11)]
    report = a_report(tmp_path, daemons=daemons, held=held, outlook=outlook)
    assert re.fullmatch(r".*: nothing ran, ends about \d\d:31", head_line(report))
    lines = report_screen(report, PLAIN).splitlines()[-15:]
    assert (lines[0], lines[1].partition(" about ")[0].partition(" between ")[0]) == ("left", "all done")
    assert lines[2:5] == [
        "box1: 5 versions to run: a:1, a:2, a:3, 2 more",
        "box2, last heard 40 min 0 s ago: 0 versions to run",
        "held, or cannot be used: bad:v0: 3 in a row failed",
    ]
    assert lines[-1] == "and 1 more reason: mlpipeline status"
    # Where nothing is known of a part of it, the head line says nothing.
    assert "ends" not in head_line(replace(report, outlook=replace(outlook, unknown=1)))


def test_hundreds_of_runs_are_counted_and_the_latest_listed(tmp_path):
    runs = [replace(SUCCEEDED, id=f"id{number}", model=f"m{number % 2}") for number in range(300)]
    report = a_report(tmp_path, *runs)
    lines = report_screen(report, PLAIN).splitlines()
    assert "300 runs" in lines
    assert "m1      150" in lines
    assert [line.split()[0] for line in lines if ":deep" in line] == ["m0:deep", "m1:deep"] * 5
    page = report_page(report)
    assert "300 runs, the latest 100 of them below" in page
    assert page.count('<th scope="row">m1:<wbr/>deep</th>') == 50


def test_gpu_hours_are_told_where_a_run_had_a_gpu(tmp_path):
    host = HostTime(host="box1", busy_s=10, idle_s=1, away_s=1, run_s=3, gpu_s=7200)
    with_gpus = a_report(tmp_path, hosts=[host])
    without = replace(with_gpus, hosts=[replace(host, gpu_s=0)])
    for text_of in (lambda report: report_screen(report, PLAIN), report_page):
        assert "GPU hours" in text_of(with_gpus)
        assert "GPU hours" not in text_of(without)
    assert '<th scope="col"><span class="unseen">at work and idle, drawn</span></th>' in report_page(without)


def test_names_in_the_page_are_broken_at_their_commas_and_stay_text(tmp_path):
    page = report_page(a_report(tmp_path, replace(SUCCEEDED, version="size=small,<lr>=0.1")))
    name = "size=small,<wbr/>&lt;lr&gt;=0.1"
    assert f"<span>{name}</span></div></th>" in page
    assert f'<span class="name">{name}</span>' in page
    assert f'<th scope="row">digits:<wbr/>{name}</th>' in page


NASTY = "<script>alert('x')</script>\x1b[31m&\"\u2028"


def test_whatever_users_named_is_text_in_the_page_and_on_a_terminal(tmp_path):
    good = replace(SUCCEEDED, model=NASTY, version=NASTY, host=NASTY, results={NASTY: NASTY, "loss": 1})
    bad = replace(FAILED, model=NASTY, version=NASTY, error=NASTY, place=NASTY, id=NASTY)
    report = a_report(tmp_path, good, replace(good, version="b", parameters={NASTY: NASTY}), bad, project=NASTY)
    report = replace(
        report,
        hosts=[HostTime(host=NASTY, busy_s=1, idle_s=1, away_s=1, run_s=1, gpu_s=1)],
        daemons=[replace(DAEMON, host=NASTY, waiting=1, next=(NASTY,))],
        held=[Obstacle(why=NASTY, what=[NASTY], host=NASTY)],
    )
    page = report_page(report)
    for text in (page, report_screen(report, PLAIN)):
        assert "\x1b" not in text and "\u2028" not in text
    assert "<script" not in page.lower()
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; [31m&amp;&quot; " in page


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits_the_terminal(tmp_path, width):
    runs = [replace(SUCCEEDED, id=str(number), model=f"m{number}", version="v" * 50) for number in range(12)]
    output = Outputs(path=tmp_path / "models" / "outputs", host="box1").run_dir("broken").attempt(1).output
    output.parent.mkdir(parents=True)
    output.write_text("RuntimeError: after so many steps the loss is not a number\n" * 2)
    broken = replace(FAILED, name="broken", place=str(tmp_path / "models" / f"{'deep/' * 12}net.py:41"))
    told = Obstacle(what=["w" * 30], why="why " * 30, host="box1")
    report = a_report(
        tmp_path,
        *runs,
        broken,
        hosts=[HostTime(host="h" * 30, busy_s=1e4, idle_s=2e4, away_s=3e4, run_s=4e4, gpu_s=5e4)],
        daemons=[replace(DAEMON, waiting=3, next=("n" * 30,) * 3)],
        held=[told],
        waits=[told],
    )
    wide = [line for line in report_screen(report, Screen(width=width)).splitlines() if display_width(line) > width]
    assert set(wide) <= {f"  {output}"}  # to be copied
    if width == 40:
        assert "  │ RuntimeError: after so many steps\n  │ the loss is not a number" in report_screen(
            report, Screen(width=width)
        )


def test_nested_results_and_parameters_are_shown_by_their_dotted_names(tmp_path):
    nested = [
        replace(SUCCEEDED, version=name, results={"val": {"loss": 0.123456}}, parameters={"optimizer": {"name": name}})
        for name in ("adam", "sgd")
    ]
    report = a_report(tmp_path, *nested)
    lines = report_top(report, PLAIN).splitlines()
    assert lines[-4].split() == ["version", "val.loss", "curve", "optimizer.name"]
    assert lines[-1].split()[:2] == ["sgd", "0.1235"]
    for text in (report_page(report), report_screen(report, PLAIN)):
        assert "val.loss=0.1235" in text and "{" not in text.partition("</style>")[2]


DIED = replace(DAEMON, is_alive=False, heard_at=NOW.timestamp() - 6 * 3600, waiting=4, next=("net:a", "net:b", "net:c"))


def test_in_the_morning_after_a_daemon_died_it_says_what_is_left_and_what_to_type(tmp_path):
    stopped = ObservedRun(run=STOPPED, pace=Pace(done=498, of=9000, unit=Unit.STEPS, rate=None, left_s=None))
    report = a_report(tmp_path, STOPPED, daemons=[DIED], stopped=[stopped], queued=["net.py", "digits.py"])
    died = f"the daemon on box1 died about {datetime.fromtimestamp(DIED.heard_at).strftime('%m-%d %H:%M')}"
    assert head_line(report) == f"12 h since 2026-11-20 21:30: 1 stopped; {died}"
    told = [
        f"no daemon is running; {died}; it had 4 versions to run: net:a, net:b, net:c, 1 more",
        "stopped, to be resumed: digits:stopped at 498 of 9000",
        "listed: net.py, digits.py",
        "to go on with what is not done of it: mlpipeline -r -u",
    ]
    assert report_screen(report, PLAIN).splitlines()[-5:] == ["left", *told]
    page = report_page(report)
    assert f'<p class="notice">{died}</p>' in page
    assert all(f"<p>{line}</p>" in page.replace("<wbr/>", "") for line in told)


def test_a_launch_that_ended_is_told_of_where_none_is_there(tmp_path):
    ended = replace(DAEMON, ended_at="2026-11-21T01:00:00+00:00")
    assert "; the launch on box1 ended 11-2" in head_line(a_report(tmp_path, daemons=[ended]))
    assert "ended" not in head_line(a_report(tmp_path, daemons=[ended, replace(DAEMON, host="box2")]))
    # That was before the period, and is no news; but it is what is left.
    report = a_report(tmp_path, daemons=[replace(ended, ended_at="2026-11-19T01:00:00+00:00")], queued=None)
    assert head_line(report).endswith(": nothing ran")
    *_, gone, listed = report_screen(report, PLAIN).splitlines()
    assert gone.startswith("no daemon is running; the launch on box1 ended 11-1")
    assert listed == "listed: nothing, until models.toml is mended"


def test_results_of_a_run_that_was_stopped_are_not_shown_as_such(tmp_path):
    pace = Pace(done=3, of=8, unit=Unit.STEPS, rate=None, left_s=None)
    run = replace(STOPPED, results={"accuracy": 0.99}, note="by hand")
    report = a_report(tmp_path, runs=[ObservedRun(run=run, pace=pace)])
    for text in (report_screen(report, PLAIN), report_page(report)):
        assert "at 3 of 8 (note: by hand)" in text and "accuracy" not in text

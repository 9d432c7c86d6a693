"""`mlpipeline report` on a project where runs succeeded, failed, were stopped and lost, and run, on two hosts."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import browser
from schemas import complaints
from support import HOST, write_project

from mlpipeline.project.files import to_json

NET = """
from mlpipeline import FunctionModel, Versions

def train(lr, *, model_dir, run):
    loss = 100.0
    for step in run.steps(200):
        loss *= 1 - lr
        run.log_metrics({"loss": loss, "val.accuracy": 1 / (1 + loss)}, step=step)
    return {"train.loss": loss, "val.accuracy": 1 / (1 + loss)}

versions = Versions(epochs=3)
versions.add_version("slow", lr=0.01)
versions.add_version("fast", lr=0.05)
versions.add_version("<script>alert(1)<∕script>" * 4, lr=0.02)
MODEL = FunctionModel(lambda lr, epochs, *, model_dir, run: train(lr, model_dir=model_dir, run=run), versions)
"""
BAD = """
from mlpipeline import FunctionModel, Versions

def train(n, *, model_dir, run):
    print("<b>about to fail</b>", flush=True)
    raise ValueError(f"shape {n}")

versions = Versions()
for n in range(4):
    versions.add_version(f"v{n}", n=n)
MODEL = FunctionModel(train, versions)
"""


def at(ago_s: float) -> str:
    return datetime.fromtimestamp(time.time() - ago_s, UTC).isoformat(timespec="milliseconds")


def events_of(run: str, version: str, ago_s: float, *more: dict[str, object]) -> list[dict[str, object]]:
    """What box2's history says of a run that began so long ago and has 2 GPUs, and what came of it."""
    selected = {
        "event": "selected", "name": f"far-{version}-{run}", "model": "far", "version": version, "host": "box2",
        "launch": "l2", "identity": "i", "start": "clean", "seed": 1, "model_dir": f"far-{version}", "parameters": {},
        "previous": None, "code": None, "at": at(ago_s),
    }  # fmt: skip
    running = {"event": "running", "pid": 99, "started_at": at(ago_s), "at": at(ago_s)}
    return [{"run": run, **event} for event in (selected, running, *more)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = write_project(tmp_path_factory.mktemp("report"), {"net.py": NET, "bad.py": BAD})
    assert project.run("-r", timeout=120).returncode == 1
    hour = 3600.0
    history = [
        {"event": "launch", "launch": "l2", "host": "box2", "pid": 42, "command": "mlpipeline -r", "at": at(30 * hour)},
        *events_of("old111", "old", 30 * hour, {"event": "ended", "outcome": "failed", "failure": "exit",
                   "error": "long ago", "seconds": 60.0, "at": at(29 * hour)}),
        *events_of("lost22", "lost", 4 * hour, {"event": "ended", "outcome": "lost", "error": "its process is gone",
                   "seconds": None, "at": at(3 * hour)}),
        *events_of("stop33", "stopped", 3 * hour, {"event": "ended", "outcome": "stopped", "seconds": hour,
                   "at": at(2 * hour)}),
        *events_of("runs44", "runs", hour),
    ]  # fmt: skip
    (project.outputs / "history-box2.jsonl").write_bytes(b"".join(map(to_json, history)))
    for run in ("lost-lost22", "stopped-stop33", "runs-runs44"):
        folder = project.outputs / "runs" / f"far-{run}"
        folder.mkdir(parents=True)
        (folder / "spec.json").write_bytes(to_json({"gpus": {"GPU-a": 0, "GPU-b": 1}}))
    heartbeat = {"host": "box2", "pid": 42, "since": at(30 * hour), "waiting": 2, "next": ["far:a", "far:b"]}
    (project.outputs / "heartbeat-box2").write_bytes(to_json(heartbeat))
    yield project
    project.kill_everything()


def test_the_terminal_shows_what_failed_first_then_what_was_best_and_how_the_time_was_used(project):
    shown = project.run("report", "--since", "12h").stdout
    lines = shown.splitlines()
    assert re.fullmatch(
        r"12 h since \d{4}-\d\d-\d\d \d\d:\d\d: 3 succeeded, 3 failed, 1 lost \(2 causes\), 1 stopped, 1 running.*",
        lines[0],
    )
    assert lines[2].startswith("3 failed (exception): ValueError: shape ")
    assert "  at bad.py:6" in lines
    ranked = lines.index("net: 3 versions by val.accuracy, more is better (curve: val.accuracy)")
    best = [line.split()[0] for line in lines[ranked + 3 :][:3]]
    assert best[0] == "fast" and best[2] == "slow"
    # 1 h lost, 1 h stopped and 1 h that runs, all with 2 GPUs; the one 30 hours ago is not told of.
    (box2,) = [line for line in lines if line.startswith("box2 ")]
    _, busy, *_, gpu_hours = re.split(" {3,}", box2)
    assert (busy, gpu_hours) == ("3 h 0 min (25 %)", "6")
    assert "old" not in shown
    assert any(line.startswith("held, or cannot be used: bad:v3: ") for line in lines), shown
    assert "box2: 2 versions to run: far:a, far:b" in lines


def test_programs_get_the_same(project):
    done = project.run("report", "--json", "--best", "train.loss")
    told = json.loads(done.stdout)
    assert complaints("report", told) == []
    assert {name: count for name, count in told["counts"].items() if count} == {
        "succeeded": 3, "failed": 3, "lost": 1, "stopped": 1, "running": 1,
    }  # fmt: skip
    (net,) = told["best"]
    assert (net["result"], net["better"], net["differing_parameters"]) == ("train.loss", "lower", ["lr"])
    assert [version["version"] for version in net["versions"]][::2] == ["fast", "slow"]
    hosts = {host["host"]: host for host in told["hosts"]}
    assert sorted(hosts) == ["box2", HOST]
    assert hosts["box2"]["gpu_s"] == pytest.approx(6 * 3600, abs=600)
    assert 0 < hosts[HOST]["busy_s"] < hosts[HOST]["busy_s"] + hosts[HOST]["idle_s"] < 600


def test_curves_are_shown_in_a_pipe_whatever_its_encoding_is(project):
    shown = project.run("report", env={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\x1b" not in shown.stdout and "\\u" not in shown.stdout.replace("\\u2215", "")
    assert re.search(r"^fast .*   \.[.:]+[-=+*#@:]*@   ", shown.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--since", "soon"], 2, '--since "soon" says no time'),
        (["--best", "energy"], 2, "say energy:min or energy:max"),
        (["--best", "train.los:min"], 2, 'Did you mean "train.loss"?'),
        (["--html", "no/such/folder.html"], 1, "no/such/folder.html cannot be written: No such file or directory."),
        (["--html", "a", "--json"], 2, "give one of them"),
    ],
)
def test_what_cannot_be_told_is_said_with_what_can(project, arguments, status, message):
    done = project.run("report", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_of_a_period_in_which_nothing_ran_it_says_so(project, tmp_path):
    shown = project.run("report", "--since", "0h").stdout
    assert ": 1 running" in shown.splitlines()[0]
    empty = write_project(tmp_path, {}, [])
    assert empty.run("report").stdout.splitlines()[0].endswith(": nothing ran")
    page = empty.run("report", "--html", "-").stdout
    assert "nothing ran" in page


#: What a phone shows is no wider than it; boxes that scroll may hold more.
LAYOUT = """(() => {
    const page = document.documentElement, wide = [];
    for (const element of document.querySelectorAll("body *")) {
        const box = element.closest(".scroll, pre");
        if ((!box || box === element) && element.getBoundingClientRect().right > page.clientWidth + 0.5)
            wide.push(element.outerHTML.slice(0, 80));
    }
    return {
        width: page.clientWidth, scroll: page.scrollWidth, wide,
        paper: getComputedStyle(page).backgroundColor, ink: getComputedStyle(page).color,
        headings: [...document.querySelectorAll("h1, h2")].map(heading => heading.textContent),
        headers: [...document.querySelectorAll("th")].every(th => ["col", "row"].includes(th.scope)),
        curves: [...document.querySelectorAll("figure")].map(figure => ({
            name: figure.querySelector("figcaption").textContent,
            alt: figure.querySelector("svg").getAttribute("aria-label"),
            lengths: [...figure.querySelectorAll("svg[role=img] path.line")].map(path => path.getTotalLength()),
            text: figure.querySelector("svg text").getBoundingClientRect().height,
        })),
        scripts: document.scripts.length, bold: document.querySelectorAll("pre b").length,
    };
})()"""


def test_the_page_reads_well_on_a_phone_and_on_a_screen_in_light_and_dark_with_no_network(project):
    done = project.run("report", "--html", "report.html")
    assert (done.stdout, done.stderr) == ("report.html\n", "")
    page = project.root / "report.html"
    assert page.stat().st_size < 100_000
    papers, inks = set(), set()
    with browser() as tab:
        for width in (375, 1280):
            for scheme in ("light", "dark"):
                tab.show(page, width=width, scheme=scheme)
                seen = tab.ask(LAYOUT)
                if folder := os.environ.get("MLP_SCREENSHOTS"):
                    tab.screenshot(Path(folder) / f"report-{width}-{scheme}.png")
                assert (seen["width"], seen["scroll"], seen["wide"]) == (width, width, [])
                assert (tab.requests, tab.complaints) == ([page.as_uri()], [])
                papers.add((scheme, seen["paper"]))
                inks.add((scheme, seen["ink"]))
                assert seen["headings"][1:] == ["What failed", "Best versions", "What ran", "Time", "What is left"]
                assert seen["headers"]
                assert [curve["name"] for curve in seen["curves"]] == ["val.accuracy", "loss (logarithmic)"]
                for curve in seen["curves"]:
                    assert "fast ends at" in curve["alt"]
                    assert [length > 100 for length in curve["lengths"]] == [True] * 3
                    # Eleven pixels, or nearly.
                    assert 9 < curve["text"] < 20
                # What users named and printed is text.
                assert (seen["scripts"], seen["bold"]) == (0, 0)
    assert len(papers) == len({color for _, color in papers}) == 2
    assert len(inks) == len({color for _, color in inks}) == 2


def test_without_a_daemon_it_says_what_is_listed_and_how_to_go_on(tmp_path):
    project = write_project(tmp_path, {"net.py": NET})
    told = ["left", "no daemon is running", "listed: net.py", "to go on with what is not done of it: mlpipeline -r -u"]
    assert project.run("report").stdout.splitlines()[-4:] == told
    (project.root / "models.toml").write_text("models = [")
    done = project.run("report")
    assert done.stdout.splitlines()[-1] == "listed: nothing, until models.toml is mended"
    assert "models.toml" in done.stderr

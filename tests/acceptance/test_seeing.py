"""Every verb that looks or steers, on a project with a run of every kind from two hosts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from schemas import complaints
from two_hosts import TwoHosts

#: The newest first.
BROKEN = ("broken:c", "broken:b", "broken:a")
WAITING = {"slow:running": "running", "slow:next": "next", "broken:d": "held"}
ENDED = {
    "digits:wide": ("succeeded", None, "box2"),
    "slow:lost": ("lost", None, "box2"),
    "slow:stopped": ("stopped", None, "box2"),
    "digits:deep": ("succeeded", None, "box1"),
    "broken:a": ("failed", "exception", "box1"),
    "broken:b": ("failed", "exception", "box1"),
    "broken:c": ("failed", "exception", "box1"),
    "crash:exit": ("failed", "exit", "box1"),
}


def keys(runs: list[dict[str, object]]) -> list[str]:
    return [f"{run['model']}:{run['version']}" for run in runs]


def _pid(two_hosts: TwoHosts, run: str) -> int:
    (pid,) = [
        event["pid"]
        for event in two_hosts.project.history("box1")
        if event["event"] == "running" and event["run"] == run
    ]
    return int(pid)


@pytest.mark.parametrize("host", ["box1", "box2", "box3"])
def test_status_tells_the_same_from_every_host(two_hosts: TwoHosts, host: str):
    status = two_hosts.json("status", host=host)
    assert complaints("status", status) == []
    daemons = [daemon for daemon in (status["daemon"], *status["other_daemons"]) if daemon]
    assert [(daemon["host"], daemon["pid"]) for daemon in daemons] == [("box1", two_hosts.daemon.pid)]
    assert daemons[0]["next"] == ["slow:next"]
    assert [held["what"] for held in daemons[0]["held"]] == ["broken:d"]
    states = {key: run["state"] for key, run in zip(keys(status["runs"]), status["runs"], strict=True)}
    assert states == {"slow:running": "running", **dict.fromkeys(("crash:exit", *BROKEN, "slow:lost"), "ended")}

    screen = two_hosts.run("status", host=host)
    assert (screen.returncode, screen.stderr) == (0, "")
    run = two_hosts.ids["slow:running"]
    running = next(line.split() for line in screen.stdout.splitlines() if line.startswith(run))
    assert running[:5] == [run, "slow:running", "2", "of", "5"]
    assert f"box1 {_pid(two_hosts, run)}" in " ".join(running)
    assert "slow:stopped" in screen.stdout
    assert "broken:d: 3 versions in a row failed (exception) at broken.py:6" in screen.stdout
    failed = screen.stdout.partition("failed:\n")[2].partition(f"\n{run} ")[0]
    causes = [line for line in failed.splitlines() if line.startswith(("3 failed", "failed", "lost"))]
    assert causes == [
        "3 failed (exception): KeyError: 'layer 2'",
        "failed (exit): ended with exit status 3 before it wrote its result",
        "lost: its process is gone, and nobody saw how it ended",
    ]
    assert "  at broken.py:6\n" in failed
    assert "│ no licence for the solver\n" in failed


def test_runs_lists_every_run_of_both_hosts_newest_first(two_hosts: TwoHosts):
    runs = two_hosts.json("runs")
    assert complaints("runs", runs) == []
    # By the clocks of both, which are one here.
    order = ["slow:running", "crash:exit", *BROKEN, "digits:deep", "slow:stopped", "slow:lost", "digits:wide"]
    assert keys(runs) == order
    ended = {
        key: (run["outcome"], run["failure"], run["host"])
        for key, run in zip(keys(runs), runs, strict=True)
        if run["state"] == "ended"
    }
    assert ended == ENDED
    table = two_hosts.run("runs").stdout.splitlines()
    assert [line.split()[:2] for line in table[2:]] == [[two_hosts.ids[key], key] for key in order]
    assert two_hosts.run("runs", host="box2").stdout.splitlines()[3:] == table[3:]


@pytest.mark.parametrize("verb", ["stop", "pause", "resume", "retry"])
def test_a_wrong_run_changes_nothing_and_the_nearest_are_named(two_hosts: TwoHosts, verb: str):
    before = two_hosts.project.history("box1")
    unknown = two_hosts.run(verb, "slow:runing")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith('mlpipeline: there is no run "slow:runing"; `mlpipeline runs` lists them.')
    assert f"The nearest: {two_hosts.ids['slow:running']} (slow:running)" in unknown.stderr
    waiting = two_hosts.run(verb, "slow:next")
    assert waiting.returncode == 2
    assert '"slow:next" has not run yet: it is listed, and waits for its turn on box1.' in waiting.stderr
    held = two_hosts.run(verb, "broken:d")
    assert held.returncode == 2
    assert '"broken:d" has not run yet: it is held on box1: 3 versions in a row failed' in held.stderr
    assert two_hosts.project.history("box1") == before


@pytest.mark.parametrize("verb", ["stop", "pause", "resume"])
def test_what_has_ended_is_said_to_have_and_how_it_goes_on(two_hosts: TwoHosts, verb: str):
    lost, ended = two_hosts.ids["slow:lost"], two_hosts.ids["digits:deep"]
    done = two_hosts.run(verb, "slow:lost", ended)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{lost} slow:lost had ended already: lost; the next launch resumes it, `mlpipeline retry` does at once",
        f"{ended} digits:deep had ended already: succeeded",
    ]


def test_report_counts_what_both_hosts_did_and_leads_with_the_causes(two_hosts: TwoHosts):
    report = two_hosts.json("report")
    assert complaints("report", report) == []
    assert report["counts"] == {"succeeded": 2, "failed": 4, "stopped": 1, "lost": 1, "running": 1, "waiting": 0}
    assert [len(cause["runs"]) for cause in report["causes"]] == [3, 1, 1]
    screen = two_hosts.run("report", "--since", "1d", host="box2").stdout
    assert "2 succeeded, 4 failed, 1 lost (3 causes), 1 stopped, 1 running" in screen.splitlines()[0]
    assert screen.index("3 failed (exception)") < screen.index("digits:") < screen.index("box2 ")


def test_queue_lists_how_each_version_stands_wherever_it_ran(two_hosts: TwoHosts):
    listed = two_hosts.json("queue", host="box2")
    assert complaints("queue", listed) == []
    states = {
        f"{entry['model']}:{version['version']}": version["outcome"] or version["state"]
        for entry in listed["entries"]
        for version in entry["known"]
    }
    assert states == {**{key: outcome for key, (outcome, _, _) in ENDED.items()}, **WAITING}
    screen = two_hosts.run("queue", host="box2").stdout
    assert re.search(rf"running +running \({two_hosts.ids['slow:running']}\)", screen)
    assert re.search(r"\bd +held: 3 versions in a row failed", screen)


def test_logs_are_those_of_the_host_or_of_all_or_what_a_run_printed(two_hosts: TwoHosts):
    assert "slow:running starts" in two_hosts.run("logs").stdout
    box2 = two_hosts.run("logs", host="box2").stdout
    assert "slow:stopped stopped" in box2
    assert "slow:running" not in box2
    both = two_hosts.run("logs", "--all-hosts").stdout
    assert "slow:stopped stopped" in both
    assert "slow:running starts" in both
    assert "no licence for the solver" in two_hosts.run("logs", "crash:exit", host="box2").stdout
    nobody = two_hosts.run("logs", "crsh:exit")
    assert nobody.returncode == 2
    assert f"The nearest: {two_hosts.ids['crash:exit']} (crash:exit)" in nobody.stderr


def test_show_tells_all_of_a_run_of_either_host_the_cause_first(two_hosts: TwoHosts):
    shown = two_hosts.json("show", "crash:exit", host="box2")
    assert complaints("show", shown) == []
    run = shown["run"]
    assert (run["outcome"], run["failure"], run["host"]) == ("failed", "exit", "box1")
    screen = two_hosts.run("show", two_hosts.ids["crash:exit"][:4]).stdout
    assert screen.startswith("failed (exit): ended with exit status 3 before it wrote its result\n")
    assert "│ no licence for the solver" in screen
    running = two_hosts.run("show", "slow:running", host="box2").stdout
    assert re.search(r"state +running", running)
    assert "2 of 5" in running
    unknown = two_hosts.run("show", "digits:dep")
    assert unknown.returncode == 2
    assert f"The nearest: {two_hosts.ids['digits:deep']} (digits:deep)" in unknown.stderr


def test_an_ambiguous_beginning_of_an_id_names_the_runs_it_may_be(two_hosts: TwoHosts, tmp_path: Path):
    copy = tmp_path / "project"
    shutil.copytree(two_hosts.project.root, copy)
    history = copy / "models" / "outputs" / "history-box1.jsonl"
    deep, crash = two_hosts.ids["digits:deep"], two_hosts.ids["crash:exit"]
    alike = f"{deep[:5]}{'2' if deep[5] != '2' else '3'}"
    history.write_text(history.read_text("utf-8").replace(crash, alike), "utf-8")
    for verb in ("show", "logs", "stop", "pause", "resume", "retry"):
        named = two_hosts.run("-C", str(copy), verb, deep[:5])
        assert (named.returncode, named.stdout) == (2, "")
        assert f'"{deep[:5]}" may be any of 2 runs: ' in named.stderr
        assert f"{deep} (digits:deep)" in named.stderr
        assert f"{alike} (crash:exit)" in named.stderr


def test_compare_puts_side_by_side_what_differs(two_hosts: TwoHosts):
    compared = two_hosts.json("compare", "digits:deep", "digits:wide")
    assert complaints("compare", compared) == []
    screen = two_hosts.run("compare", "digits:deep", "digits:wide", host="box2").stdout
    assert re.search(r"layers +4 +1\n", screen)
    assert re.search(r"accuracy +0.975 \* +0.9\n", screen)
    assert re.search(r"host +box1 +box2\n", screen)


def test_gc_shows_what_it_would_free_and_leaves_what_runs(two_hosts: TwoHosts):
    before = sorted(path for path in two_hosts.project.outputs.rglob("*") if "cache" not in path.parts)
    told = two_hosts.json("gc", "--older-than", "0s", "--dry-run")
    assert complaints("gc", told) == []
    assert two_hosts.ids["slow:running"] not in str(told)
    assert sorted(path for path in two_hosts.project.outputs.rglob("*") if "cache" not in path.parts) == before


def test_doctor_finds_the_project_in_order(two_hosts: TwoHosts):
    checked = two_hosts.json("doctor")
    assert complaints("doctor", checked) == []
    assert checked["well"] is True


def test_release_knows_what_is_held_and_what_nobody_has(two_hosts: TwoHosts):
    unknown = two_hosts.run("release", "brokn")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert 'there is no model "brokn". Did you mean "broken"?' in unknown.stderr
    nothing = two_hosts.run("release", "digits")
    assert (nothing.returncode, nothing.stdout) == (0, "digits is not held by anything that can be released\n")

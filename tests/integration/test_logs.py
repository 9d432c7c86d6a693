"""`mlpipeline logs`: what hosts and runs wrote, followed while they write."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from support import GATE_SOURCE, HOST, Gate, wait_until

# Fails in its first attempt, and stands at a gate in each.
SCRIPT = """
import os, sys
from mlpipeline import FunctionModel, Versions
from _gate import wait_for
def train(*, run):
    attempt = {folder!r} + "/" + ("two" if os.path.exists({folder!r} + "/one") else "one")
    print("\\x1b[31mred\\x1b[0m \\x1b[2J\\x07 begins", flush=True)
    sys.stdout.buffer.write(b"10%\\r20%\\r")
    sys.stdout.flush()
    wait_for(attempt)
    print("30%\\nends", flush=True)
    if attempt.endswith("one"):
        raise ValueError("as told")
versions = Versions(retries={{"exception": 1}})
versions.add_version("v")
MODEL = FunctionModel(train, versions)
"""


@pytest.fixture
def project(make_project, tmp_path):
    scripts = {"_gate.py": GATE_SOURCE, "net.py": SCRIPT.format(folder=str(tmp_path))}
    return make_project(tmp_path, scripts, settings="[queue]\nretry_delay = 0.1\n")


def test_a_run_is_followed_from_attempt_to_attempt_until_it_is_over(project, tmp_path):
    one, two = Gate(tmp_path / "one"), Gate(tmp_path / "two")
    daemon = project.start("-r")
    one.wait_reached()
    run = next(event["run"] for event in project.history() if event["event"] == "selected")
    followed = project.start("logs", "-f", "net:v")
    wait_until(lambda: "begins\n10%\r20%\r" in followed.out)
    assert followed.out.startswith(f"── {run} net:v on {HOST}, attempt 1: running ──\n\x1b[31mred\x1b[0m \x1b[2J\x07 ")
    one.open()
    two.wait_reached()
    wait_until(lambda: followed.out.count("begins\n") == 2)
    assert followed.poll() is None
    two.open()
    assert followed.wait(60) == 0
    daemon.wait(60)

    parts = followed.out.split(f"── {run} net:v on {HOST}, attempt ")
    assert [part.splitlines()[0] for part in parts[1:]] == ["1: running ──", "2: running ──"]
    outputs = [
        (project.outputs / "runs" / f"net-v-{run}" / str(number) / "output.log").read_bytes().decode()
        for number in (1, 2)
    ]
    assert [part.partition("\n")[2] for part in parts[1:]] == outputs
    assert "attempt 1 failed (exception)" in followed.err

    # Afterwards, whole or its end, by its id.
    whole = project.run("logs", run)
    assert whole.stdout == "".join(
        f"── {run} net:v on {HOST}, attempt {number}: {how} ──\n{output}"
        for number, how, output in ((1, "failed (exception)", outputs[0]), (2, "succeeded", outputs[1]))
    )
    assert project.run("logs", run, "-n", "1").stdout.splitlines()[1:] == ["ends"]
    first, _, second, *rest = project.run("logs", run, "-n", "4").stdout.rstrip("\n").split("\n")
    assert first.endswith("attempt 1: failed (exception) ──")
    assert second.endswith("attempt 2: succeeded ──")
    assert [line.rpartition("\r")[2] for line in rest][1:] == ["30%", "ends"]
    # Followed when all is over, it ends at once.
    assert project.run("logs", "-f", run).stdout == whole.stdout

    # A terminal shows the last state of a line, and obeys nothing but colours.
    shown = on_terminal(project, "logs", run)
    assert "\x1b[31mred\x1b[0m \\x07 begins" in shown.splitlines()
    assert "30%" in shown.splitlines()
    assert "10%" not in shown
    assert "\x1b[2J" not in shown
    assert "\x1b" not in on_terminal(project, "logs", run, env={"NO_COLOR": "1"})

    output = project.outputs / "runs" / f"net-v-{run}"
    output.rename(output.with_name("gone"))
    done = project.run("logs", run)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not there any more" in done.stderr


def on_terminal(project, *arguments, lines=10, env=None):
    """Return what a command writes to a terminal that shows so many lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 80, 0, 0))
    environment = {**project.environment({"TERM": "xterm", **({"NO_COLOR": ""} if env is None else env)})}
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "mlpipeline", *arguments]
    with subprocess.Popen(command, cwd=project.root, env=environment, stdout=theirs, stdin=theirs) as process:
        os.close(theirs)
        told = b""
        while data := _read(ours):
            told += data
        process.wait(60)
    os.close(ours)
    return told.decode().replace("\r\n", "\n")


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def test_logs_of_hosts_by_themselves_and_together(project):
    log = project.outputs / f"log-{HOST}"
    done = project.run("logs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"mlpipeline: there is no log of {HOST} yet.\n"
    log.parent.mkdir()
    lines = [f"2026-11-21 12:00:{second:02} line {second}" for second in range(0, 60, 2)]
    log.write_text("".join(f"{line}\n" for line in lines))
    other = project.outputs / "log-a box"
    other.write_bytes(b"2026-11-21 12:00:01 one\n  and more\n2026-11-21 12:00:55 last \x1b[2J\xff\n")

    assert project.run("logs").stdout.splitlines() == lines
    assert project.run("logs", "-n", "2").stdout.splitlines() == lines[-2:]
    assert on_terminal(project, "logs").splitlines() == lines[-9:]
    together = project.run("logs", "--all-hosts").stdout.splitlines()
    assert together[:4] == [
        f"{HOST} {lines[0]}",
        "a box    2026-11-21 12:00:01 one",
        "a box      and more",
        f"{HOST} {lines[1]}",
    ]
    assert len(together) == len(lines) + 3
    assert on_terminal(project, "logs", "--all-hosts", "-n", "3").splitlines() == [
        "\x1b[36ma box\x1b[0m    2026-11-21 12:00:55 last \N{REPLACEMENT CHARACTER}",
        f"\x1b[35m{HOST}\x1b[0m {lines[-2]}",
        f"\x1b[35m{HOST}\x1b[0m {lines[-1]}",
        "\x1b[0m",
    ]

    own = project.start("logs", "-f", "-n", "1")
    all_hosts = project.start("logs", "-f", "--all-hosts", "-n", "1")
    wait_until(lambda: lines[-1] in own.out and lines[-1] in all_hosts.out)
    with log.open("a") as file:
        file.write("2026-11-21 12:01:00 more\n")
    (project.outputs / "log-new").write_text("2026-11-21 12:01:01 hello\n")
    wait_until(lambda: own.out.splitlines() == [lines[-1], "2026-11-21 12:01:00 more"])
    wait_until(lambda: "new      2026-11-21 12:01:01 hello" in all_hosts.out)
    log.rename(log.with_name("old"))
    log.write_text("2026-11-21 12:02:00 rotated\n")
    wait_until(lambda: own.out.endswith("rotated\n"))
    log.write_text("cut\n")
    wait_until(lambda: own.out.endswith("cut\n"))
    assert own.out.splitlines() == [lines[-1], "2026-11-21 12:01:00 more", "2026-11-21 12:02:00 rotated", "cut"]
    for followed in (own, all_hosts):
        followed.send_signal(2)
        assert followed.wait(60) == 130
        assert followed.err == ""

    assert project.run("logs", "--all-hosts", "net:v").returncode == 2
    # Whoever has seen enough is not waited for.
    environment = project.environment()
    piped = f"{sys.executable} -m mlpipeline logs -f | head -n 1"
    done = subprocess.run(
        piped, shell=True, cwd=project.root, env=environment, capture_output=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == (b"cut\n", b"")

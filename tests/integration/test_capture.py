"""Where what a run writes goes: its output, and the log of the host."""

from __future__ import annotations

import re

import pytest
from support import Gate, wait_until

SCRIPT = """
import ctypes, faulthandler, os, subprocess, sys, time
import mlpipeline.utils
mlpipeline.utils.log("before any logger is set, at import")
from mlpipeline import FunctionModel, Versions
from mlpipeline.utils import console_colors, log, set_logger

libc = ctypes.CDLL(None)

def wait_for(path):
    open(f"{path}.reached", "w").close()
    while not os.path.exists(path):
        time.sleep(0.01)

def speak(run):
    print("1 printed")
    os.write(1, b"2 by descriptor\\n")
    libc.puts(b"3 by the C library")
    libc.fflush(None)
    subprocess.run(["sh", "-c", "echo 4 by a program; echo 5 by it, on stderr >&2"], check=True)
    print("6 on stderr", file=sys.stderr)
    sys.stdout.write("7 half a line, ")
    run.log("and the rest [of it] 100% \\u2713")
    log("8 in red", modifier_1=console_colors.RED_FG, modifier_2=console_colors.BOLD)
    log("9 not in the log", log_to_file=False)
    log("10 of two\\nlines")
    set_logger().info("11 by the logger")
    run.log({"12": ["a", "dict"]})
    for n in range(3):
        print(f"\\r13 {n}/2", end="", file=sys.stderr)
    print(file=sys.stderr)
    faulthandler.dump_traceback(all_threads=False)
    print("14 " + os.fsdecode(b"\\xff") + " \\u00e4")
    libc.puts(b"15 last of all, by the C library")

def die(run):
    print("last line")
    os._exit(3)

def hold(run, gate):
    print("on its way")
    wait_for(gate)

def train(kind, run, gate=None):
    hold(run, gate) if kind == "hold" else {"speak": speak, "die": die}[kind](run)

versions = Versions()
for kind in KINDS:
    versions.add_version(kind, kind=kind, gate=GATE)
MODEL = FunctionModel(train, versions)
"""


def script(kinds, gate=None):
    return f"KINDS, GATE = {kinds!r}, {str(gate)!r}\n{SCRIPT}"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_everything_a_run_writes_is_in_its_output_in_order(make_project, tmp_path, encoding):
    project = make_project(tmp_path, {"net.py": script(["speak"])})
    done = project.run("-r", env={"PYTHONIOENCODING": f"{encoding}:strict", "LC_ALL": "C"})
    assert done.returncode == 0
    (output,) = project.outputs.glob("runs/*/1/output.log")
    lines = output.read_bytes().decode().split("\n")
    traceback = [number for number, line in enumerate(lines) if line.startswith(("Stack (most", "  File "))]
    kept = [line for number, line in enumerate(lines) if number not in traceback]
    assert "speak" in lines[traceback[1]]
    assert kept == [
        "before any logger is set, at import",
        "1 printed",
        "2 by descriptor",
        "3 by the C library",
        "4 by a program",
        "5 by it, on stderr",
        "6 on stderr",
        "7 half a line, and the rest [of it] 100% ✓",
        "\x1b[31m\x1b[1m8 in red\x1b[0m",
        "9 not in the log",
        "10 of two",
        "lines",
        "11 by the logger",
        "{'12': ['a', 'dict']}",
        "\r13 0/2\r13 1/2\r13 2/2",
        "14 \\udcff ä",
        "15 last of all, by the C library",
        "",
    ]
    run = re.search(r" (\w+) net:speak starts", project.log)[1]
    said = [re.fullmatch(rf"[\d-]+ [\d:]+ {run} (.*)", line) for line in project.log.splitlines()]
    assert [match[1] for match in said if match and not match[1].startswith("net:speak")] == [
        "before any logger is set, at import",
        "and the rest [of it] 100% ✓",
        "8 in red",
        "10 of two",
        "lines",
        "11 by the logger",
        "{'12': ['a', 'dict']}",
    ]
    # The terminal shows the log, all of it and nothing else of the run.
    assert done.stdout.startswith(project.log)


def test_output_can_be_followed_while_it_grows_and_survives_a_sudden_end(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    project = make_project(tmp_path, {"net.py": script(["die", "hold"], gate)})
    started = project.start("-r")
    gate.wait_reached()
    (died,) = project.outputs.glob("runs/net-die-*/1/output.log")
    (held,) = project.outputs.glob("runs/net-hold-*/1/output.log")
    assert died.read_text() == "before any logger is set, at import\nlast line\n"
    assert held.read_text() == "before any logger is set, at import\non its way\n"
    gate.open()
    assert started.wait(30) == 1


def test_a_run_has_no_terminal_to_wait_at(make_project, tmp_path):
    source = """
    import os, sys
    from mlpipeline import FunctionModel, Versions

    def train():
        return {"stdin": sys.stdin.read(), "null": os.path.samestat(os.fstat(0), os.stat(os.devnull)),
                "session": os.getsid(0) == os.getpid()}

    versions = Versions()
    versions.add_version("only")
    MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"net.py": source})
    assert project.run("-r", input="not for you\n").returncode == 0
    (ended,) = [event for event in project.history() if event["event"] == "ended"]
    assert ended["results"] == {"stdin": "", "null": True, "session": True}


def test_the_log_holds_whole_lines_of_many_writers(make_project, tmp_path):
    source = """
    import threading
    from mlpipeline import FunctionModel, Versions
    from mlpipeline.utils import log

    def talk(n):
        for i in range(20):
            log(f"<{n} {i} {'x' * 200}>")

    def train(part):
        threads = [threading.Thread(target=talk, args=(f"{part}.{n}",)) for n in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()

    versions = Versions()
    for part in range(3):
        versions.add_version(f"v{part}", part=part)
    MODEL = FunctionModel(train, versions)
    """
    project = make_project(tmp_path, {"net.py": source})
    done = project.run("-r", "-j", "3")
    assert done.returncode == 0
    wait_until(lambda: "mlpipeline ends" in project.log)
    said = [line for line in project.log.splitlines() if "x" * 200 in line]
    assert len(said) == 3 * 3 * 20
    assert [line for line in said if not re.fullmatch(r"[\d-]+ [\d:]+ \w+ <\d\.\d \d+ x{200}>", line)] == []

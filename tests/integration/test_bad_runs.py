"""Runs that fail: each is named for what it is, its log says why in the last screenful, and the others go on."""

from __future__ import annotations

import json
import re

import pytest
from support import HOST

SCRIPT = """
import ctypes, os, signal, sys
from dataclasses import dataclass
from mlpipeline import FunctionModel, Versions

class Base(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("not this either")

class Shy:
    def __repr__(self):
        raise RuntimeError("no")

@dataclass(frozen=True)
class Frozen(Exception):
    code: int

def deeper(depth=0):
    return deeper(depth + 1)

def train(kind, run):
    print(f"this is {kind}")
    if kind == "exception":
        raise ValueError("the loss is gone")
    if kind == "caused":
        try:
            {}["lr"]
        except KeyError as error:
            raise RuntimeError("no learning rate") from error
    if kind == "base":
        raise Base("from below")
    if kind == "mute":
        raise Mute
    if kind == "frozen":
        raise Frozen(7)
    if kind == "group":
        raise ExceptionGroup("both", [ValueError("one"), KeyError("two")])
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "lines":
        raise ValueError("first line\\n" + "\\n".join(f"line {n}" for n in range(5000)))
    if kind == "long":
        raise ValueError("x" * 3_000_000)
    if kind == "bytes":
        raise ValueError(os.fsdecode(b"caf\\xe9 \\x1b[31m\\x07"))
    if kind == "recursion":
        deeper()
    if kind == "memory":
        bytearray(1 << 60)
    if kind == "exit 0":
        sys.exit(0)
    if kind == "exit 3":
        sys.exit(3)
    if kind == "exit text":
        sys.exit("I give up")
    if kind == "exit shy":
        sys.exit(Shy())
    if kind == "gone":
        print("last words", end="")
        sys.stdout.flush()
        os._exit(0)
    if kind == "no result":
        os.mkdir(f"{os.environ['MLP_RUN_DIR']}/1/result.json")
    if kind == "fault":
        ctypes.string_at(0)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "input":
        input("your name? ")
    if kind == "debugger":
        breakpoint()
    if kind == "object":
        return {"good": 1, "loss": {"train": [0.5, object()]}}
    if kind == "key":
        return {7: 1}
    if kind == "digits":
        return {"steps": 10**5000}
    if kind == "number":
        return 0.5
    if kind == "metric":
        run.log_metrics({"loss": "low"})

versions = Versions()
for kind in KINDS:
    versions.add_version(kind, kind=kind)
versions.add_version("last", kind="last")
MODEL = FunctionModel(train, versions)
"""

#: kind: failure, the error (a pattern), and what the lines of the log above the one that tells it hold.
FAILURES = {
    "exception": ("exception", "ValueError: the loss is gone", ['raise ValueError("the loss is gone")']),
    "caused": ("exception", "RuntimeError: no learning rate", ["KeyError: 'lr'", "was the direct cause"]),
    "base": ("exception", r"bad\.Base: from below", ["in train"]),
    "mute": ("exception", r"bad\.Mute: <exception str\(\) failed>", ["raise Mute"]),
    "frozen": ("exception", r"bad\.Frozen: 7", ["raise Frozen(7)"]),
    "group": ("exception", r"ExceptionGroup: both \(2 sub-exceptions\)", ["ValueError: one", "KeyError: 'two'"]),
    "interrupt": ("exception", "KeyboardInterrupt", ["raise KeyboardInterrupt"]),
    "lines": ("exception", "ValueError: first line", ["raise ValueError(", " lines left out …", "line 4999"]),
    "long": ("exception", "ValueError: x{488}", ["raise ValueError(", "xxx…"]),
    "bytes": ("exception", r"ValueError: caf\\udce9 \\x1b\[31m\\x07", [r"ValueError: caf\udce9 \x07"]),
    "recursion": ("exception", "RecursionError: maximum recursion depth", ["[Previous line repeated 9"]),
    "memory": ("out_of_memory", "MemoryError", ["bytearray(1 << 60)"]),
    "exit 0": ("exit", r"sys\.exit\(0\) was called", ["sys.exit(0)"]),
    "exit 3": ("exit", r"sys\.exit\(3\) was called", ["sys.exit(3)"]),
    "exit text": ("exit", r"sys\.exit\('I give up'\) was called", ["SystemExit: I give up"]),
    "exit shy": ("exit", r"sys\.exit\(<Shy>\) was called", ["sys.exit(Shy())"]),
    "gone": ("exit", "ended with exit status 0 before it wrote its result", ["this is gone", "last words"]),
    "no result": ("exit", "ended with exit status 1 before it wrote its result", ["result.json could not be written"]),
    "fault": ("killed", "was killed by SIGSEGV before it wrote its result", ["Segmentation fault", " in train"]),
    "killed": ("killed", "was killed by SIGKILL before it wrote its result", ["this is killed"]),
    "input": ("exception", "EOFError: EOF when reading a line", ['input("your name? ")']),
    "debugger": ("exception", r"bdb\.BdbQuit", []),
    "object": ("exception", r"loss\.train\[1\]: is an object, which cannot be JSON", ["this is object"]),
    "key": ("exception", "7: the name of a result must be a text", []),
    "digits": ("exception", "steps: is an int of thousands of digits, which cannot be written as JSON", []),
    "number": ("exception", "results: the function returned a float; return a dict of results", []),
    "metric": ("exception", "loss: is a str, not one number", ['run.log_metrics({"loss": "low"})']),
}


def script(kinds):
    return f"KINDS = {list(kinds)!r}\n{SCRIPT}"


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A project in which all of them failed, four at a time."""
    from support import write_project

    project = write_project(tmp_path_factory.mktemp("bad"), {"bad.py": script(FAILURES)})
    try:
        done = project.run("-r", "-j", "4", timeout=120)
        yield project, done
    finally:
        project.kill_everything()


def text_of_run(project, run):
    """The lines of the log that belong to a run, without time and id, and where they stand."""
    lead = re.compile(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d {run} ?(.*)")
    lines = [lead.fullmatch(line) for line in project.log.splitlines()]
    return [(number, match[1]) for number, match in enumerate(lines) if match]


def test_every_failure_is_named_and_the_queue_goes_on(failed):
    project, done = failed
    events = {event["run"]: event for event in project.history() if event["event"] == "selected"}
    ended = {events[event["run"]]["version"]: event for event in project.history() if event["event"] == "ended"}
    assert done.returncode == 1
    assert (ended.pop("last")["outcome"], set(ended)) == ("succeeded", set(FAILURES))
    for kind, (failure, error, _) in FAILURES.items():
        event = ended[kind]
        assert (kind, event["outcome"], event["failure"]) == (kind, "failed", failure)
        assert re.match(error, event["error"]), (kind, event["error"])
        assert len(event["error"]) <= 500
    assert f"mlpipeline ends: 1 succeeded, {len(FAILURES)} failed" in project.log


def test_the_last_screenful_of_the_log_of_a_failed_run_says_why(failed):
    project, _ = failed
    runs = {event["version"]: event["run"] for event in project.history() if event["event"] == "selected"}
    for kind, (failure, error, expected) in FAILURES.items():
        run = runs[kind]
        (_, starts), *shown, (last, told) = text_of_run(project, run)
        assert starts == f"bad:{kind} starts"
        took = rf"bad:{kind} failed \({failure}\) after [\d.]+ m?s: {error}"
        assert re.match(took, told), told
        assert told.endswith(f"(see {project.outputs}/runs/bad-{kind}-{run}/1/output.log)")
        # One write: though four runs wrote to the log, these lines stand together.
        numbers = [number for number, _ in shown]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), kind
        assert last - numbers[0] < 60
        text = "\n".join(line for _, line in shown)
        assert [line for line in expected if line not in text] == [], (kind, text)
        assert max(len(line) for _, line in shown) < 1100
    # Frames of mlpipeline and of Python's importer are nobody's business.
    assert [line for line in project.log.splitlines() if 'File "' in line and "/mlpipeline/" in line] == []
    assert "importlib" not in project.log
    assert "\x07" not in project.log


def test_output_and_result_of_a_failed_run_hold_the_whole_story(failed):
    project, _ = failed
    for kind, (failure, _, expected) in FAILURES.items():
        (folder,) = project.outputs.glob(f"runs/bad-{kind}-*/1")
        output = (folder / "output.log").read_text()
        assert output.startswith(f"this is {kind}\n"), kind
        if failure != "exception" or kind in ("lines", "long", "bytes"):
            continue
        result = json.loads((folder / "result.json").read_text())
        assert (result["outcome"], result["failure"]) == ("failed", failure)
        assert [line for line in expected if line not in output] == [], (kind, output)
    lines = next(project.outputs.glob("runs/bad-lines-*/1/output.log")).read_text()
    assert "line 2500\n" in lines


def test_people_and_programs_are_told_of_failures(failed):
    project, done = failed
    blocks = project.results.split("=" * 78 + "\n")
    assert len(blocks) == len(FAILURES) + 2
    summary = done.stdout[done.stdout.index("where to look") :]
    status = project.run("status", env={"PYTHONIOENCODING": "ascii:strict"})
    listed = project.run("runs", "-n", "100", "--json", env={"PYTHONIOENCODING": "utf-8:strict"})
    by_version = {run["version"]: run for run in json.loads(listed.stdout)}
    assert (status.returncode, listed.returncode, listed.stderr) == (0, 0, "")
    assert f"{len(FAILURES)} failed" in status.stdout
    assert "more failed: mlpipeline runs --failed" in status.stdout
    for kind, (failure, error, _) in FAILURES.items():
        (block,) = [block for block in blocks if block.startswith(f"bad:{kind}  failed ({failure})")]
        assert re.search(rf"\n    error      {error}", block)
        assert re.search(rf"^bad:{kind} +failed \({failure}\) +.*{error}.*outputs/runs/bad-{kind}", summary, re.M), kind
        run = by_version[kind]
        assert (run["state"], run["outcome"], run["failure"]) == ("ended", "failed", failure)
        assert re.match(error, run["error"])
    assert project.run("runs", env={"PYTHONIOENCODING": "ascii:strict"}).returncode == 0


@pytest.mark.parametrize("kind", ["caused", "frozen", "exit 0", "gone", "fault", "killed", "object", "no result"])
def test_test_mode_stops_at_a_failure(make_project, tmp_path, kind):
    project = make_project(tmp_path, {"bad.py": script([kind])})
    done = project.run()
    assert done.returncode == 1
    assert re.search(rf"^mlpipeline: bad:{kind}: {FAILURES[kind][1]}", done.stderr, re.M), done.stderr
    if FAILURES[kind][0] == "exception":
        assert [line for line in FAILURES[kind][2] if line not in done.stdout + done.stderr] == []
    assert "bad:last" not in done.stdout
    assert not project.outputs.exists()
    assert f"log-{HOST}" not in done.stdout

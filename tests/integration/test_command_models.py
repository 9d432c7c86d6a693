"""Models that are a command line: what the command is given, how it ends, what it reports."""

from __future__ import annotations

import json
import sys

from support import Gate, wait_until

#: Writes down in its model dir what words it was given, and what its environment tells it.
SHOW = """
    import json, os, sys
    print(os.environ["MLP_MODEL_DIR"])
    told = {name: value for name, value in os.environ.items() if name.startswith("MLP_") and name != "MLP_TEST_PROJECT"}
    with open(os.environ["MLP_MODEL_DIR"] + "/said", "w") as file:
        json.dump([sys.argv[1:], told, os.getcwd()], file)
"""

NASTY = [
    "two words",
    "'single'",
    '"double"',
    "a;b",
    "$(touch pwned)",
    "`touch pwned`",
    "line\nfeed",
    "🙂",
    "*",
    "",
    "\\",
    "a 'b\" $(echo c) `d` \\ ; #",
]


def _runs(project):
    listed = json.loads(project.run("runs", "--json", "-n", "100").stdout)
    return {run["version"]: run for run in reversed(listed)}


def _script(command, versions, **keywords):
    further = "".join(f", {key}={value!r}" for key, value in keywords.items())
    lines = "".join(f"v.add_version({name!r}, **{parameters!r})\n" for name, parameters in versions.items())
    return (
        "from mlpipeline import CommandModel, Versions\nv = Versions()\n"
        f"{lines}MODEL = CommandModel({command!r}, v{further})\n"
    )


def test_no_value_can_break_a_word_and_its_environment_says_where_it_is(make_project, tmp_path):
    words = [
        "--x={value}",
        "{{literal}}",
        "{value} {value}",
        "{name}",
        "{seed}",
        "{run_id}",
        "{model_dir}",
        "{run_dir}",
    ]
    versions = {f"v{index}": {"value": value, "seed": 5} for index, value in enumerate(NASTY)}
    test = "import os, sys; print(sys.argv[1:], os.environ['MLP_MODE'], os.environ['MLP_MODEL_DIR'])"
    project = make_project(
        tmp_path,
        {
            "net.py": _script(
                [sys.executable, "show.py", *words], versions, test_command=[sys.executable, "-c", test, "{value}"]
            )
        },
        test_queue=[{"script": "net.py", "versions": ["v0"]}],
    )
    project.write_script("../show.py", SHOW)

    assert project.run("-r").returncode == 0, project.log
    for name, run in _runs(project).items():
        value = versions[name]["value"]
        said, told, cwd = json.loads((project.outputs / f"model_ckpts/net-{name}/said").read_text())
        assert said[:4] == [f"--x={value}", "{literal}", f"{value} {value}", name]
        assert said[4:] == ["5", run["id"], run["model_dir"], run["run_dir"]]
        assert cwd == str(project.root)
        assert told.pop("MLP_METRICS").startswith(run["run_dir"])
        assert told == {
            "MLP_MODE": "execution",
            "MLP_MODEL_DIR": run["model_dir"],
            "MLP_RUN_DIR": run["run_dir"],
            "MLP_RUN_ID": run["id"],
            "MLP_ATTEMPT_ID": f"{run['id']}.1",
            "MLP_HOST": "testhost",
        }
    assert len(_runs(project)) == len(NASTY)
    assert not list(project.root.rglob("pwned"))

    tested = project.run()
    assert tested.returncode == 0, tested.stderr
    assert "['two words'] test /" in tested.stdout
    assert str(project.root) not in tested.stdout


def test_a_shell_only_when_asked_for_with_its_values_quoted(make_project, tmp_path):
    versions = {f"v{index}": {"value": value} for index, value in enumerate(NASTY)}
    project = make_project(
        tmp_path,
        {
            "plain.py": _script("echo {value} > out && echo two", {"v": {"value": "x"}}),
            "shell.py": _script(
                "printf %s {value} > \"$MLP_MODEL_DIR\"/out && awk 'BEGIN {{ print 1 + 1 }}'", versions, shell=True
            ),
        },
    )
    done = project.run("-r")
    assert done.returncode == 0, done.stdout
    runs = {(run["model"], run["version"]): run for run in json.loads(project.run("runs", "--json").stdout)}
    plain = project.outputs / "runs" / runs["plain", "v"]["run"] / "1/output.log"
    assert plain.read_text() == "x > out && echo two\n"
    for index, value in enumerate(NASTY):
        run = runs["shell", f"v{index}"]
        assert (project.outputs / f"model_ckpts/shell-v{index}/out").read_text() == value
        assert (project.outputs / "runs" / run["run"] / "1/output.log").read_text() == "2\n"
    assert not list(project.root.rglob("pwned"))


def test_the_exit_status_is_the_outcome(make_project, tmp_path):
    shell = {"good": "exit 0", "status": "echo oops; exit 3", "signal": "kill -SEGV $$", "pipe": "exit 1 | cat"}
    project = make_project(
        tmp_path,
        {
            "net.py": _script(["sh", "-c", "{code}"], {name: {"code": code} for name, code in shell.items()}),
            "missing.py": _script("no-such-program --x {n}", {"v": {"n": 1}}),
            "denied.py": _script("./denied {n}", {"v": {"n": 1}}),
        },
    )
    (project.root / "denied").write_text("not executable")
    done = project.run("-r")
    assert done.returncode == 1
    runs = json.loads(project.run("runs", "--json").stdout)
    assert {run["model"] + ":" + run["version"]: (run["outcome"], run["failure"], run["error"]) for run in runs} == {
        "net:good": ("succeeded", None, None),
        "net:status": ("failed", "exit", "the command ended with exit status 3"),
        "net:signal": ("failed", "killed", "the command was killed by SIGSEGV"),
        "net:pipe": ("succeeded", None, None),
        "missing:v": ("failed", "exit", "no-such-program: cannot be started: No such file or directory"),
        "denied:v": ("failed", "exit", "./denied: cannot be started: Permission denied"),
    }
    assert "oops" in project.log  # its last words


REPORTS = {
    "object": ('{"accuracy": 0.5, "text": "x", "nan": NaN}', {"accuracy": 0.5, "text": "x", "nan": "nan"}, []),
    "pretty": ('{\n  "accuracy": 0.5,\n  "nested": {"a": [1]}\n}\n', {"accuracy": 0.5, "nested": {"a": [1]}}, []),
    "lines": (
        '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1.5}\n{"loss": 1}',
        {},
        [(1, {"loss": 2}), (2, {"loss": 1.5}), (None, {"loss": 1})],
    ),
    "broken": (
        '{"loss": 2}\n{"loss": \n\n[1]\n{"loss": "text"}\n{"step": "x", "loss": 1}\n{"loss": 3}\n',
        {},
        [(None, {"loss": 2}), (None, {"loss": 3})],
    ),
    "nothing": ("", {}, []),
    "deep": ("[" * 100_000, {}, []),
    "no_json": ("hello\nworld\n", {}, []),
}


def test_what_it_writes_to_mlp_metrics_is_results_or_metrics(make_project, tmp_path):
    script = _script(
        ["sh", "-c", 'printf %s "$0" > "$MLP_METRICS"', "{text}"],
        {name: {"text": text} for name, (text, _, _) in REPORTS.items()},
    )
    project = make_project(tmp_path, {"net.py": script})
    done = project.run("-r")
    assert done.returncode == 0, done.stdout
    for name, run in _runs(project).items():
        _, results, metrics = REPORTS[name]
        assert run["outcome"] == "succeeded"
        found = {key: "nan" if value != value else value for key, value in run["results"].items()}
        assert (name, found) == (name, results)
        file = project.outputs / "runs" / run["run"] / "metrics.jsonl"
        lines = [json.loads(line) for line in file.open("rb")] if file.exists() else []
        assert (name, [(line["step"], line["metrics"]) for line in lines]) == (name, metrics)

    log = project.log
    broken = _runs(project)["broken"]["id"]
    for number in (2, 3, 4, 5):
        assert f"{broken} note: MLP_METRICS line {number}" in log
    assert "note: MLP_METRICS holds neither one JSON object (results) nor one on each line (metrics)" in log


def test_its_metrics_are_followed_while_it_runs(make_project, tmp_path):
    gate = Gate(tmp_path / "gate")
    program = (
        'for i in 1 2 3; do echo "{\\"step\\": $i, \\"loss\\": 0.$i}" >> "$MLP_METRICS"; done; '
        'while [ ! -e "$0" ]; do sleep 0.05; done; echo "{\\"step\\": 4, \\"loss\\": 0}" >> "$MLP_METRICS"'
    )
    project = make_project(
        tmp_path, {"net.py": _script(["sh", "-c", program.replace("{", "{{").replace("}", "}}"), str(gate)], {"v": {}})}
    )
    daemon = project.start("-r")

    def steps():
        return [
            json.loads(line)["step"] for path in project.outputs.glob("runs/*/metrics.jsonl") for line in path.open()
        ]

    wait_until(lambda: steps() == [1, 2, 3], message=lambda: f"{steps()} {project.log}")
    gate.open()
    assert daemon.wait(timeout=30) == 0
    assert steps() == [1, 2, 3, 4]


def test_without_a_test_command_test_mode_runs_nothing_and_says_so(make_project, tmp_path):
    project = make_project(tmp_path, {"net.py": _script("touch ran {n}", {"v": {"n": 1}})})
    done = project.run()
    assert done.returncode == 0
    assert "it has no test_command: nothing to run in test mode" in done.stdout
    assert not (project.root / "ran").exists()


UNFIT = {
    "unknown": (
        _script("train --lr {lrr}", {"v": {"lr": 1}}),
        'version "v": command has the placeholder "{lrr}", which is none of lr, model_dir, run_dir, run_id, seed, '
        'name. Did you mean "lr"?',
    ),
    "unused": (_script("train --lr {lr}", {"v": {"lr": 1, "epochs": 2}}), 'the command has no placeholder "{epochs}"'),
    "unclosed": (_script("train 'unclosed {lr}", {"v": {"lr": 1}}), "Close every quote."),
    "quoted": (_script("train '{lr}'", {"v": {"lr": 1}}, shell=True), "`{lr}` stands inside quotes"),
    "reserved": (_script("train {run_dir}", {"v": {"run_dir": 1}}), '"run_dir" comes from the run'),
    "code": (_script("train", {"v": {}}, code=["lib"]), 'code: "lib" names no file in'),
    "seed": (_script("train", {"v": {"seed": "x"}}), "seed must be a whole number, got 'x'"),
}


def test_a_command_that_does_not_fit_its_versions_is_an_error_in_both_modes(make_project, tmp_path):
    project = make_project(tmp_path, {f"{name}.py": script for name, (script, _) in UNFIT.items()})
    assert project.run("-r").returncode == 1
    for name, (_, told) in UNFIT.items():
        lines = [line for line in project.log.splitlines() if f" {name}.py" in line]
        assert (name, [told in line for line in lines]) == (name, [True])
    assert not (project.outputs / "runs").exists()

    tested = project.run()
    assert tested.returncode == 1
    assert UNFIT["unknown"][1] in tested.stderr


def test_what_it_names_is_its_code_but_data_is_not_stored(make_project, tmp_path):
    project = make_project(
        tmp_path,
        {"net.py": _script("awk -f program.awk data.bin", {"v": {}}, code=["lib", "*.cfg"])},
    )
    (project.root / "program.awk").write_text("END { print NR }")
    (project.root / "lib").mkdir()
    (project.root / "lib/helper.R").write_text("x <- 1")
    (project.root / "net.cfg").write_text("a = 1")
    with (project.root / "data.bin").open("wb") as data:
        data.truncate(10_000_001)

    assert project.run("-r").returncode == 0
    stored = {path.name for path in (project.outputs / "code").rglob("*") if path.is_file()}
    assert stored == {"manifest.json", "program.awk", "helper.R", "net.cfg", "net.py"}
    assert "data.bin is named by the command, but too large for code (10 MB)" in project.log

    for path, again in (("data.bin", "1 done"), ("lib/helper.R", "1 to run"), ("net.cfg", "1 to run")):
        with (project.root / path).open("ab") as file:
            file.write(b"y")
        assert f"1 version: {again}" in project.run("-r", "-u").stdout

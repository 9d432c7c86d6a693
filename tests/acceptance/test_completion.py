"""What Tab offers: by the protocol that shells speak, and in real shells at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from needs import lacking
from two_hosts import COMMAND, TwoHosts

#: The line for each shell's start-up file, as docs/completion.md has it, and what starts the shell without any file.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(_MLPIPELINE_COMPLETE=bash_source mlpipeline)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit && compinit -u -D; eval "$(_MLPIPELINE_COMPLETE=zsh_source mlpipeline)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "_MLPIPELINE_COMPLETE=fish_source mlpipeline | source"),
}
_CONTROL = re.compile(
    r"\x1b\[[0-9;?<=>]*[a-zA-Z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()][A-B0-2]|\x1b[=>]|[\x00-\x09\x0b-\x1f]"
)


def offered(two_hosts: TwoHosts, *words: str, env: dict[str, str] | None = None) -> list[str]:
    """What bash is told, where `words` are the words as bash splits them, the last of them under way."""
    protocol = {
        "_MLPIPELINE_COMPLETE": "bash_complete",
        "COMP_WORDS": "\n".join(["mlpipeline", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = two_hosts.run(env={**protocol, **(env or {})})
    assert (done.returncode, done.stderr) == (0, "")
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


def test_verbs_runs_models_and_versions_are_offered_as_each_verb_takes_them(two_hosts: TwoHosts):
    ids = two_hosts.ids
    assert offered(two_hosts, "st") == ["status", "stop"]
    # What can be stopped is what has not ended.
    assert offered(two_hosts, "stop", "") == ["slow:running", ids["slow:running"]]
    assert offered(two_hosts, "stop", ids["slow:running"][:3]) == [ids["slow:running"]]
    assert offered(two_hosts, "stop", "broken:") == []
    assert set(offered(two_hosts, "retry", "")) == {
        *(key for key in ids if key not in ("slow:running", "digits:deep", "digits:wide")),
        *(run for key, run in ids.items() if key not in ("slow:running", "digits:deep", "digits:wide")),
    }
    assert offered(two_hosts, "logs", "dig") == ["digits:deep", "digits:wide"]
    assert offered(two_hosts, "show", "crash", ":") == ["exit"]
    assert offered(two_hosts, "compare", "digits:deep", "digits:w") == ["digits:wide"]
    assert offered(two_hosts, "runs", "--sort", "acc") == ["accuracy"]
    assert offered(two_hosts, "runs", "--columns", "host,la") == ["host,layers"]
    assert offered(two_hosts, "runs", "--model", "=", "cra") == ["crash", "crash:exit"]
    # What is held, and what was never run, is known, too.
    assert offered(two_hosts, "release", "broken", ":", "d") == ["d"]
    assert offered(two_hosts, "--only", "slow", ":") == ["running", "next", "stopped", "lost"]
    assert offered(two_hosts, "-r", "--only", "=", "dig") == ["digits", "digits:deep", "digits:wide"]
    assert offered(two_hosts, "-r", "--only", "=", "digits", ":", "w") == ["wide"]
    # As people spell them: with the suffix of the script, and by its path from where they are.
    assert offered(two_hosts, "queue", "up", "crash.p") == ["crash.py", "crash.py:exit"]
    assert offered(two_hosts, "queue", "add", "models/cra") == ["models/crash.py", "models/crash.py:exit"]


def test_where_nothing_is_known_nothing_is_said(two_hosts: TwoHosts, tmp_path):
    for words in (("stop", ""), ("release", "x"), ("--only", "")):
        assert offered(two_hosts, "-C", str(tmp_path), *words) == []
    (tmp_path / "mlp.toml").write_text("this is [ no TOML")
    assert offered(two_hosts, "-C", str(tmp_path), "stop", "") == []
    (tmp_path / "mlp.toml").write_text('models_dir = "models"\n')
    history = tmp_path / "models" / "outputs" / "history-box1.jsonl"
    history.parent.mkdir(parents=True)
    history.write_bytes(b"\xff\x00 torn\n")
    assert offered(two_hosts, "-C", str(tmp_path), "stop", "") == []


def test_models_and_versions_are_offered_while_the_queue_file_has_a_mistake(two_hosts: TwoHosts, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(two_hosts.project.root, root)
    (root / "models.toml").write_text("whitelisted_models = [")
    assert offered(two_hosts, "-C", str(root), "runs", "--model", "=", "cra") == ["crash", "crash:exit"]


def test_names_that_mean_something_to_bash_are_offered_as_it_has_to_read_them(two_hosts: TwoHosts, tmp_path):
    (tmp_path / "mlp.toml").write_text('models_dir = "models"\n')
    (tmp_path / "models").mkdir()
    (tmp_path / "models.toml").write_text(
        'whitelisted_models = [{ script = "net.py", versions = ["a good one", "lr=0.1,layers=2", "lr=0.2"] }]'
    )
    only = ("-C", str(tmp_path), "--only")
    (tmp_path / "models" / "other.py").write_text("MODEL = None")
    assert offered(two_hosts, "-C", str(tmp_path), "queue", "add", "") == [
        "other",
        "net",
        *offered(two_hosts, *only, "net:"),
    ]
    assert offered(two_hosts, "-C", str(tmp_path), "queue", "rm", "o") == []
    # `read` in the function that bash calls makes one of two.
    assert offered(two_hosts, *only, "net:a") == [r"net:a\\ good\\ one"]
    assert offered(two_hosts, *only, "net", ":", r"a\ go") == [r"a\\ good\\ one"]
    assert offered(two_hosts, *only, "net", ":", "lr", "=") == ["0.1,layers=2", "0.2"]
    assert offered(two_hosts, *only, "net", ":", "lr", "=", "0.1,layers", "=") == ["2"]


class Shell:
    """A shell that somebody types into."""

    def __init__(self, name: str, two_hosts: TwoHosts) -> None:
        start, self.line = SHELLS[name]
        self.shown = ""
        environment = {
            **two_hosts.environment(),
            "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
            "HOME": str(two_hosts.project.cache),
            "PS1": "ready> ",
        }
        two_hosts.project.cache.mkdir(exist_ok=True)
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(two_hosts.project.root)
            os.execvpe(start[0], start, environment)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, pattern: str, timeout: float = 60) -> None:
        """Return once that was shown, since the last call."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, _CONTROL.sub("", self.shown))):
            if time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} was not shown within {timeout} s:\n{self.shown!r}")
            if select.select([self._master], [], [], 0.1)[0]:
                self.shown += os.read(self._master, 4096).decode("utf-8", "replace")
        self.shown = _CONTROL.sub("", self.shown)[found.end() :]

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._master)


@pytest.fixture(params=list(SHELLS))
def shell(two_hosts: TwoHosts, request: pytest.FixtureRequest) -> Iterator[Shell]:
    if shutil.which(request.param) is None:
        lacking(request.param)
    made = Shell(request.param, two_hosts)
    yield made
    made.end()


def test_verbs_and_versions_are_completed_in_a_real_shell(shell: Shell):
    shell.type(f"{shell.line}; echo rea''dy\n")
    shell.wait_for("ready\n")
    shell.type("mlpipeline rel\tdigits:de\t\n")
    shell.wait_for("digits:deep is not held by anything that can be released")
    shell.type("mlpipeline stop \t\t")  # Only one run is under way, and it has two names.
    shell.wait_for("slow:running")

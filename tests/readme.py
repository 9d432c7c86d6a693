"""The README's commands and what it shows of their output: run for real, to compare or to paste.

`python tests/readme.py` runs them and pastes their output.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
README = REPOSITORY / "README.md"
SAMPLE = REPOSITORY / "examples" / "sample-project"
#: Where the reader is supposed to have the sample project.
SHOWN_FOLDER = "~/sample-project"

_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_PYTHON = re.compile(r"```python\n# models/(\S+)\n(.*?)```", re.DOTALL)
_VARIABLE = (
    # A slow machine says so.
    (re.compile(r"^.* is still being imported after .*\n", re.MULTILINE), ""),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"(?<=TIME )[2-9a-hjkmnp-z]{6} "), "RUN "),
    (re.compile(r"^[2-9a-hjkmnp-z]{6}(?=  )", re.MULTILINE), "RUN"),
    (re.compile(r"(?<=\()[2-9a-hjkmnp-z]{6}(?=\))"), "RUN"),
    (re.compile(r"(?<=run {8})[2-9a-hjkmnp-z]{6}"), "RUN"),
    (re.compile(r"-[2-9a-hjkmnp-z]{6}(?=/|\s|$)", re.MULTILINE), "-RUN"),
    (re.compile(r"(\d+ h )?(\d+ min )?\d+(\.\d+)? (ms|s|min|h)\b"), "LONG"),
    (re.compile(r"pid \d+"), "pid N"),
    (re.compile(r"seed \d+"), "seed N"),
    # Libraries of another release compute other last digits.
    (re.compile(r"\d+\.\d+(e-\d+)?"), "X.Y"),
    (re.compile(r"─+"), "───"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A command in the README, and the output that stands below it."""

    command: str
    output: str


def shown_commands(text: str) -> list[Shown]:
    """Return the commands of all console blocks, in order."""
    commands = []
    for block in _BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            commands.append(Shown(command=command, output=output))
    return commands


def sample_project(folder: Path, text: str) -> Path:
    """Return a copy of the sample project in `folder`, with the scripts that the README shows."""
    project = folder / "sample-project"
    shutil.copytree(SAMPLE, project, ignore=shutil.ignore_patterns("outputs", "__pycache__"))
    for name, source in _PYTHON.findall(text):
        (project / "models" / name).write_text(f"# models/{name}\n{source}")
    return project


def run(command: str, project: Path) -> str:
    """Return what a command prints in the project, paths as the reader sees them."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLP_HOST": "box1",
        "NO_COLOR": "1",
        "XDG_CACHE_HOME": str(project.parent / "cache"),
    }
    done = subprocess.run(
        command,
        shell=True,
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout.replace(str(project), SHOWN_FOLDER)


def without_what_varies(output: str) -> str:
    """Return output without times, ids, and digits that depend on the machine."""
    for pattern, word in _VARIABLE:
        output = pattern.sub(word, output)
    return output.strip()


def pasted(text: str) -> str:
    """Return the README with the output of a real run below each command."""
    with tempfile.TemporaryDirectory() as folder:
        project = sample_project(Path(folder), text)

        def fill(block: re.Match[str]) -> str:
            parts = []
            for shown in shown_commands(block.group(0)):
                output = run(shown.command, project).strip("\n")
                parts.append(f"$ {shown.command}\n{output}\n" if output else f"$ {shown.command}\n")
            return f"```console\n{chr(10).join(parts)}```"

        return _BLOCK.sub(fill, text)


if __name__ == "__main__":
    README.write_text(pasted(README.read_text()))

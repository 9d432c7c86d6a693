"""What the user wrote: the queue files, and the scripts that they list."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from mlpipeline.daemon.checkup.case import Case
from mlpipeline.domain.findings import Finding, bad, look, ok
from mlpipeline.domain.words import counted
from mlpipeline.errors import QueueError, ScriptError
from mlpipeline.project.paths import QUEUE_NAME, SETTINGS_NAME, TEST_QUEUE_NAME
from mlpipeline.project.queue_file import read_queue
from mlpipeline.project.scripts import check_script, listed_scripts


def project(case: Case) -> Iterator[Finding]:
    """Say which project this is: its settings could be read."""
    yield ok("project", f"{case.settings.root}, scripts in {case.settings.models_dir}, host {case.outputs.host}")


def notify(case: Case) -> Iterator[Finding]:
    """Look whether there is the program that tells of the queue; a text may be anything that the shell understands."""
    command = case.settings.notify_command
    if not command:
        return
    if isinstance(command, str) or shutil.which(command[0], path=case.environ.get("PATH")) is not None:
        yield ok("notify", "[notify] command is told when the queue is done, held or first fails")
    else:
        told = f"there is no program {command[0]}, which [notify] command names: nobody is told"
        yield bad("notify", told, f"edit {case.settings.root / SETTINGS_NAME}")


def queues(case: Case) -> Iterator[Finding]:
    """Look at both queue files, and at each script that they list; none is run."""
    models_dir = case.settings.models_dir
    for name in (QUEUE_NAME, TEST_QUEUE_NAME):
        path = case.settings.root / name
        try:
            entries = listed_scripts(read_queue(path, models_dir), models_dir).entries
        except QueueError as error:
            yield bad("queue", str(error), f"edit {path}")
            continue
        scripts = list(dict.fromkeys(entry.script for entry in entries))
        troubles = []
        for script in scripts:
            try:
                check_script(script, models_dir)
            except ScriptError as error:
                troubles.append(bad("queue", f"{name} lists a script that cannot be used: {error}", f"edit {path}"))
        yield from troubles
        if not scripts:
            yield look("queue", f"{name} lists no script", f"edit {path}")
        elif not troubles:
            yield ok("queue", f"{name} lists {counted(len(scripts), 'script')}")

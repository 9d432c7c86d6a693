"""A program: `python kill_at.py MOMENT ARGUMENTS…` is `mlpipeline ARGUMENTS…`, killed with SIGKILL at that moment."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

#: Moment -> the function, whether the daemon dies before or after it, and for `Records.note` of which event.
MOMENTS = {
    "before what is left is cleared away": ("mlpipeline.daemon.leftovers:sweep", "before", None),
    "starting up": ("mlpipeline.daemon.launch:Records.__init__", "before", None),
    "after the launch was recorded": ("mlpipeline.daemon.records:Records.note", "after", "launch"),
    "while describing": ("mlpipeline.daemon.descriptions:Descriptions._ask", "after", None),
    "before the plan": ("mlpipeline.daemon.loop:Daemon._log_plan", "before", None),
    "after the claim": ("mlpipeline.history.claims:take", "after", None),
    "after spec.json": ("mlpipeline.daemon.starting:Starter._written_spec", "after", None),
    "after selected": ("mlpipeline.daemon.records:Records.note", "after", "selected"),
    "after the process was started": ("mlpipeline.executors.local:LocalExecutor.start", "after", None),
    "after the attempt was asked for": ("mlpipeline.executors.warm:WarmExecutor.start", "after", None),
    "before running": ("mlpipeline.daemon.records:Records.note", "before", "running"),
    "after running": ("mlpipeline.daemon.records:Records.note", "after", "running"),
    "before ended": ("mlpipeline.daemon.records:Records.note", "before", "ended"),
    "before the results": ("mlpipeline.daemon.records:Records.add_results", "before", None),
    "before the claim is released": ("mlpipeline.history.claims:release", "before", None),
    "after the claim is released": ("mlpipeline.history.claims:release", "after", None),
    "before a retry": ("mlpipeline.daemon.records:Records.note", "before", "retry"),
    "after a retry": ("mlpipeline.daemon.records:Records.note", "after", "retry"),
    "before the next attempt": ("mlpipeline.daemon.starting:Starter.start_again", "before", None),
    "after the next attempt was started": ("mlpipeline.daemon.starting:Starter.start_again", "after", None),
    "after a timeout": ("mlpipeline.daemon.records:Records.note", "after", "timeout"),
    "after something is set aside": ("mlpipeline.project.storage:set_aside", "after", None),
    "before a collection is recorded": ("mlpipeline.history.journal:Journal.append", "before", "collected"),
    "after a collection is recorded": ("mlpipeline.history.journal:Journal.append", "after", "collected"),
    "before something is deleted": ("mlpipeline.project.storage:delete", "before", None),
    "before a stop is passed on": ("mlpipeline.daemon.records:Records.note", "after", "stop"),
}


def die_at(moment: str) -> None:
    """Have this process killed at `moment`."""
    target, when, kind = MOMENTS[moment]
    module_name, _, path = target.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, name, _deadly(getattr(owner, name), when, kind))


def _deadly(function: Callable[..., Any], when: str, kind: str | None) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        is_meant = kind is None or arguments[1]["event"] == kind
        if is_meant and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = function(*arguments, **keywords)
        if is_meant:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return call


if __name__ == "__main__":
    moment, *sys.argv[1:] = sys.argv[1:]
    die_at(moment)
    from mlpipeline.cli.main import main

    main()

"""What a launch was asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlpipeline.domain.queue import Only


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """The options of `mlpipeline -r`."""

    #: `-u`: what history says is done is skipped.
    skip_done: bool = False
    #: Not `-n`: logs, results and history are written.
    is_recorded: bool = True
    #: `-j`: how many runs at a time.
    at_once: int = 1
    #: `--watch`: stays when the queue is empty, and waits for work.
    watch: bool = False
    #: `--test-first`: what has not passed its test is tested before anything runs.
    test_first: bool = False
    #: `--only`: the versions asked for.
    only: Only = field(default_factory=Only)
    #: The command as it was typed, for people.
    command: str = "mlpipeline -r"

"""Which environment each launch found around it, as the journals tell."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from mlpipeline.project.paths import Outputs

#: The other lines of a journal, many times as many, need not be read to know that they are about something else.
_ABOUT_LAUNCHES = re.compile(rb'"event": ?"(?:launch|environment)"')


@dataclass(frozen=True, kw_only=True)
class Environments:
    """What is stored of launches."""

    #: The launch -> the name of its environment.
    of: dict[str, str]
    #: The latest launch of each host: it may still be there, and start runs.
    latest: tuple[str, ...]


def read_environments(outputs: Outputs) -> Environments:
    """Return what the journals of all hosts say.

    Raises:
        OSError: one cannot be read.
    """
    of: dict[str, str] = {}
    latest: list[str] = []
    for journal in outputs.histories():
        launches: list[str] = []
        for line in journal.read_bytes().split(b"\n"):
            match _event(line):
                case {"event": "launch", "launch": str(launch)}:
                    launches.append(launch)
                case {"event": "environment", "launch": str(launch), "environment": str(name)}:
                    of[launch] = name
        latest += launches[-1:]
    return Environments(of=of, latest=tuple(latest))


def _event(line: bytes) -> Any:
    if not _ABOUT_LAUNCHES.search(line):
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None

"""What the checks of a project look at."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mlpipeline.daemon.checkup.probe import Probe, probe
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.paths import Outputs
from mlpipeline.project.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Case:
    """A project, seen from this host."""

    settings: Settings
    outputs: Outputs
    environ: Mapping[str, str]

    @cached_property
    def probe(self) -> Probe:
        """What was found by writing into the outputs folder, or where it is to be."""
        folder = self.outputs.path
        return probe(folder if folder.is_dir() else folder.parent)

    @property
    def now(self) -> float:
        """What time it is for the file system of the outputs, in seconds since the epoch, as near as that is known."""
        return time.time() + (self.probe.skew_s or 0.0)

    @cached_property
    def ledger(self) -> Ledger:
        """The history, read from the journals alone; see `warnings`."""
        return self._read[0]

    @cached_property
    def warnings(self) -> list[str]:
        """What of the history cannot be read."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[Ledger, list[str]]:
        warnings: list[str] = []
        # Where there can be no cache the index is one in memory: it is filled from the journals, and the user's own,
        # which may be the trouble, or that of a newer mlpipeline, is left as it is.
        nowhere = {"XDG_CACHE_HOME": os.devnull}
        return Ledger.read(self.outputs, nowhere, warn=warnings.append), warnings

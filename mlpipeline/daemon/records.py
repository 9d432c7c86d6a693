"""What the daemon writes down: history, log, and blocks of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpipeline.daemon.terminal import Terminal
from mlpipeline.domain.runs import Run, follow
from mlpipeline.history.host_log import HostLog
from mlpipeline.history.journal import Journal
from mlpipeline.history.ledger import Ledger
from mlpipeline.project.clock import log_time, timestamp
from mlpipeline.project.files import append_whole
from mlpipeline.project.paths import Outputs


class Records:
    """The one writer of this host's history, log and results while its daemon runs."""

    def __init__(self, outputs: Outputs, ledger: Ledger, launch: str, *, is_private: bool = False) -> None:
        """Write below `outputs`; `ledger` holds what happened before, and follows.

        Without recording (`-n`, `is_private`) these are a temporary folder and a ledger of the real one that nobody
        else sees.
        """
        self.outputs = outputs
        self.ledger = ledger
        self._is_private = is_private
        self.launch = launch
        self._journal = Journal(outputs.history, timestamp)
        self._log = HostLog(outputs.log, log_time)
        self._terminal = Terminal(outputs.log)

    def note(self, event: Mapping[str, Any], *, to_disk: bool = True) -> None:
        """Append an event to the history; it is on the disk before it counts, but where it changes no state.

        Raises:
            IllegalTransition: it cannot happen to its run; nothing was written.
            OSError: it could not be written, and did not happen.
        """
        stamped = {"at": timestamp(), **event}
        run = follow(self.ledger.get(event["run"]), stamped) if "run" in event else None
        begin, end = self._journal.append(stamped, to_disk=to_disk)
        if self._is_private:
            self.ledger.follow(stamped)
        else:
            self.ledger.note(run, begin, end)

    def run(self, run_id: str) -> Run:
        """Return a run as it is now."""
        run = self.ledger.get(run_id)
        if run is None:
            raise KeyError(run_id)
        return run

    def not_logged(self, text: str, run: str) -> str:
        """Those lines of a text that the log does not have of a run yet: the run may have written them itself."""
        had = self._log.said_of(run)
        return "\n".join(line for line in text.split("\n") if not line.strip() or line not in had).strip("\n")

    def log(self, text: str, run: str | None = None) -> None:
        """Write to the log and so to the terminal; to the terminal alone when the log takes nothing."""
        try:
            self._log.write(text, run=run)
        except OSError as error:
            self._terminal.show(f"{f'{run} ' if run else ''}{text}\n({self.outputs.log.name}: {error.strerror})")
        else:
            self._terminal.poke()

    def add_results(self, block: str) -> None:
        """Append a block to `output-<host>`.

        Raises:
            OSError: it could not be written, or not wholly.
        """
        append_whole(self.outputs.results, block.encode("utf-8", "backslashreplace"), to_disk=False)

    def has_results(self, run: Run) -> bool:
        """Return whether `output-<host>` has a block for `run`: the name of its run dir stands in it.

        Raises:
            OSError: it could not be read.
        """
        if not self.outputs.results.exists():
            return False
        with self.outputs.results.open("rb") as file:
            return any(run.name.encode() in line for line in file)

    def show(self, text: str) -> None:
        """Show a text on the terminal alone."""
        self._terminal.show(text)

    def close(self) -> None:
        """Let the terminal show the rest."""
        self._terminal.close()

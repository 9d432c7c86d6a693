"""Deleting what runs left, so that daemons of whatever host meet it whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import SystemRandom

from mlpipeline.daemon.collecting import Item, is_left_by_dead, is_unnamed_for_long
from mlpipeline.domain.names import run_id
from mlpipeline.domain.retention import Kind
from mlpipeline.domain.runs import Run
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history import claims
from mlpipeline.history.journal import Journal
from mlpipeline.history.ledger import Ledger
from mlpipeline.project import storage
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import create_exclusively, to_json, write_whole
from mlpipeline.project.paths import Outputs, RunDir


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """What came of an item."""

    item: Item
    #: What was in the way; None where nothing was.
    error: str | None


class _InUse(Exception):
    """Somebody needs it by now; `str()` of it says who."""


class Deleter:
    """Deletes items one by one.

    Each is renamed first. A model dir is held meanwhile as a run would hold it, with a record that daemons look for: if
    this process dies, they see that whoever held it is gone.
    """

    def __init__(self, outputs: Outputs, ledger: Ledger, *, by: str, server_now: float) -> None:
        """Delete below `outputs`; `by` says for the history who asked for it, as it was typed."""
        self._outputs = outputs
        self._ledger = ledger
        self._by = by
        self._server_now = server_now
        self._id = run_id(SystemRandom())
        self._numbers = count(1)
        self._journal = Journal(outputs.history, timestamp)
        self._record = RunDir(path=outputs.path / f".{storage.COLLECTOR}{self._id}")

    def delete(self, items: Iterable[Item]) -> Iterator[Deleted]:
        """Yield what came of each; those first that take no room on the disk to be deleted.

        Raises:
            OSError: the history cannot be read any more.
        """
        held: dict[str, list[Item]] = {}
        self._ledger.catch_up()
        needed = self._needed()
        for item in items:
            if item.last is not None:
                held.setdefault(item.last.model_dir, []).append(item)
            elif item.path in needed:
                yield Deleted(item=item, error="a run needs it by now")
            else:
                yield Deleted(item=item, error=self._why_not(item))
        try:
            for together in held.values():
                yield from self._delete_together(together)
        finally:
            storage.delete(self._record.path)

    def _needed(self) -> set[Path]:
        """Return the run dirs of what is still to end, and of what that resumes."""
        open_runs = self._ledger.open_runs()
        resumed = (self._ledger.get(run.previous) for run in open_runs if run.previous)
        return {self._outputs.run_dir(run.name).path for run in (*open_runs, *resumed) if run is not None}

    def _why_not(self, item: Item) -> str | None:
        try:
            if item.kind is Kind.LEFTOVER and item.path.name.startswith("."):
                error = storage.delete(item.path)  # Nobody looks for it.
            else:
                error = storage.delete(self._set_aside(item))
        except FileNotFoundError:
            return None  # Somebody was faster.
        except (OSError, _InUse, storage.NotOurs) as caught:
            return _in_words(caught)
        return None if error is None else _in_words(error)

    def _set_aside(self, item: Item) -> Path:
        storage.require_inside(item.path, self._outputs)
        is_stored = item.kind in (Kind.CODE, Kind.ENVIRONMENT)
        # A daemon that is about to name what is stored makes it new, or finds it gone.
        if is_stored and not is_unnamed_for_long(item.path, self._server_now):
            raise _InUse("a run that begins needs it by now")
        aside = storage.set_aside(item.path, self._id, next(self._numbers))
        if is_stored and not is_unnamed_for_long(aside, self._server_now):
            with suppress(OSError):  # Somebody stored it again: then it is not missed.
                aside.rename(item.path)
            raise _InUse("a run that begins needs it by now")
        return aside

    def _delete_together(self, items: Sequence[Item]) -> Iterator[Deleted]:
        """Delete a model dir and the record of the latest run in it, or what of both there is."""
        last = items[0].last
        assert last is not None
        model_dirs_first = sorted(items, key=lambda item: item.kind is not Kind.MODEL_DIR)
        try:
            asides = self._taken_away(last, model_dirs_first)
        except (OSError, _InUse, storage.NotOurs) as caught:
            yield from (Deleted(item=item, error=_in_words(caught)) for item in items)
            return
        for item, (aside, why) in zip(model_dirs_first, asides, strict=True):
            error = storage.delete(aside) if aside is not None else None
            yield Deleted(item=item, error=why if error is None else _in_words(error))

    def _taken_away(self, last: Run, items: Sequence[Item]) -> list[tuple[Path | None, str | None]]:
        """Have no run find these any more; return where each is now, or why it could not be had.

        Raises:
            OSError, _InUse, NotOurs: all is as it was.
        """
        path = self._outputs.claim(last.model_dir)
        self._claim(path, last)
        try:
            self._ledger.catch_up()
            if self._ledger.latest(last.model_dir) != last:
                raise _InUse("it was run again")
            first = self._aside_or_gone(items[0])
            try:
                event = {"event": "collected", "of": last.id, "model_dir": last.model_dir, "by": self._by}
                self._journal.append(event)
            except OSError:
                if first is not None:
                    first.rename(items[0].path)
                raise
            return [(first, None), *map(self._aside_if_possible, items[1:])]
        finally:
            with suppress(OSError):
                claims.release(path, f"{storage.COLLECTOR}{self._id}")

    def _aside_if_possible(self, item: Item) -> tuple[Path | None, str | None]:
        try:
            return self._aside_or_gone(item), None
        except (OSError, storage.NotOurs) as caught:
            return None, _in_words(caught)

    def _aside_or_gone(self, item: Item) -> Path | None:
        try:
            return self._set_aside(item)
        except FileNotFoundError:
            return None  # Somebody was faster.

    def _claim(self, path: Path, last: Run) -> None:
        """Hold a model dir as a run would.

        Raises:
            _InUse: somebody else does.
            OSError: there is no room for the claim.
        """
        self._write_record(last)
        name = f"{storage.COLLECTOR}{self._id}"
        claim = claims.Claim(host=self._outputs.host, run=name, run_dir=str(self._record.path), at=timestamp())
        holder = claims.take(path, claim)
        if holder is not None and is_left_by_dead(holder, self._outputs):
            claims.release(path, holder.run)
            holder = claims.take(path, claim)
        if holder is not None:
            raise _InUse(f"run {holder.run or '(unknown)'} of {holder.host or '?'} uses it")

    def _write_record(self, last: Run) -> None:
        attempt = self._record.attempt(1)
        if not attempt.worker.exists():
            attempt.path.mkdir(parents=True)
            process = ProcessId.of(os.getpid())
            said = {**(process.to_json() if process else {}), "host": self._outputs.host}
            create_exclusively(attempt.worker, to_json(said), to_disk=False)
        write_whole(self._record.spec, to_json({"model": last.model, "version": last.version}), to_disk=False)


def _in_words(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"

"""Finding what may be deleted of what runs left, while daemons of whatever host may be at work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpipeline.domain.facts import flat
from mlpipeline.domain.moments import epoch_s
from mlpipeline.domain.retention import Choice, Kind, Need, Rules, choose, newest_first
from mlpipeline.domain.runs import Run
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NoSuchResult
from mlpipeline.executors.processes import ProcessId
from mlpipeline.history import claims
from mlpipeline.history.environments import environments_in_use
from mlpipeline.history.ledger import Ledger
from mlpipeline.project import storage
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import Outputs, RunDir

#: What nothing names may be of a run that is about to be recorded: it goes when it is older than that, in seconds.
UNNAMED_FOR_S = 3600.0

_NEEDS = {
    Need.IN_USE: "a run uses it",
    Need.UNFINISHED: "its version did not succeed, and goes on from there; --unfinished takes it, too",
    Need.HOLDS_OTHERS: "the model dir of another version lies in it",
}
_UNKNOWN = "no history knows it"


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something that may be deleted."""

    kind: Kind
    path: Path
    why: str
    size_bytes: int
    #: The latest run in its model dir, which nobody may use meanwhile; None where nobody else could want to.
    last: Run | None = None


@dataclass(frozen=True, kw_only=True)
class Left:
    """Something that is left alone, though it looks as if it might go."""

    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What there is to delete, the largest first, and what is left alone."""

    items: Sequence[Item]
    left: Sequence[Left]


def survey(outputs: Outputs, ledger: Ledger, rules: Rules, *, now: float, server_now: float) -> Survey:
    """Return what may be deleted.

    Args:
        outputs: of this host.
        ledger: of the same outputs.
        rules: that were given.
        now: by this host's clock, in seconds since the epoch.
        server_now: likewise, by the clock of the machine that stores the outputs.

    Raises:
        OSError: a history cannot be read, and so nobody knows what is needed.
        NoSuchResult: no run has the result by which the best are to be kept.
    """
    return _Surveyor(outputs, ledger, rules, now, server_now).look()


class _Surveyor:
    def __init__(self, outputs: Outputs, ledger: Ledger, rules: Rules, now: float, server_now: float) -> None:
        self._outputs = outputs
        self._ledger = ledger
        self._rules = rules
        self._now = now
        self._server_now = server_now
        self._sizes = storage.Sizes()
        self._items: list[Item] = []
        self._left: list[Left] = []

    def look(self) -> Survey:
        # What is stored is listed before the history is read: what is stored later is nobody's to judge here.
        codes = _stored(self._outputs.codes)
        environments = _stored(self._outputs.environments)
        self._ledger.catch_up()
        runs = list(self._ledger)
        by_model_dir: dict[str, list[Run]] = {}
        for run in runs:
            by_model_dir.setdefault(run.model_dir, []).append(run)
        pasts = {model_dir: newest_first(found) for model_dir, found in by_model_dir.items()}
        if self._rules.best is not None:
            _require_known(self._rules.best.by.name, runs)
        choice = choose(pasts, self._rules, busy=self._busy(runs), age_s=self._age_s)
        going = self._look_at_model_dirs(pasts, choice)
        staying = self._look_at_run_dirs(pasts, choice, going)
        if staying is not None:
            self._look_at_codes(codes, staying)
            self._look_at_environments(environments, staying)
        self._look_for_leftovers([f"{model_dir}.json" for model_dir in pasts])
        items = sorted(self._items, key=lambda item: (-item.size_bytes, item.path))
        return Survey(items=items, left=self._left)

    def _busy(self, runs: Iterable[Run]) -> set[str]:
        """Return the model dirs that somebody holds, or in which a process is that should be gone."""
        held = {
            path.relative_to(self._outputs.claims).as_posix().removesuffix(".json")
            for path, claim in claims.of_all(self._outputs.claims)
            if not is_left_by_dead(claim, self._outputs)
        }
        own = (run for run in runs if run.host == self._outputs.host and not run.is_open)
        return held | {run.model_dir for run in own if self._is_alive(run)}

    def _is_alive(self, run: Run) -> bool:
        # To read all their files would take long.
        if run.pid is None or not _is_any(run.pid):
            return False
        return is_alive(self._outputs.run_dir(run.name), run.attempt)

    def _age_s(self, run: Run) -> float:
        """Return how long ago a run ended, in seconds, by the clock that says that it is less long."""
        ended_at = epoch_s(run.ended_at)
        if ended_at is None:
            return 0.0
        told_s = self._now - ended_at
        # The clock of its host may have been wrong; what ended wrote its result into this folder.
        seen_at = storage.modified_at(self._outputs.run_dir(run.name).attempt(run.attempt).path)
        return told_s if seen_at is None else min(told_s, self._server_now - seen_at)

    def _look_at_model_dirs(self, pasts: Mapping[str, Sequence[Run]], choice: Choice) -> dict[str, Run]:
        """Offer model dirs; return those that may go, or are gone, with their latest run."""
        going = {model_dir: pasts[model_dir][0] for model_dir in choice.model_dirs}
        for name, last in list(going.items()):
            path = self._outputs.model_dir(name)
            if storage.is_there(path) and not self._offer(Kind.MODEL_DIR, path, choice.model_dirs[name], last=last):
                del going[name]
        runs = {run.id: run for past in pasts.values() for run in past}
        for name in storage.names_in(self._outputs.model_dirs, pasts):
            path = self._outputs.model_dir(name)
            former = storage.former_model_dir(name)
            if name in choice.needed:
                self._leave(path, _NEEDS[choice.needed[name]])
            elif name in pasts or self._is_left_over(path) or path.name.startswith("."):
                continue
            elif former is None or former[1] not in runs or runs[former[1]].model_dir != former[0]:
                self._leave(path, "it is a link" if path.is_symlink() else _UNKNOWN)
            elif former[1] in choice.replaced:
                self._offer(Kind.OLD_MODEL_DIR, path, f"{former[1]} began anew, {choice.replaced[former[1]]}")
        return going

    def _look_at_run_dirs(
        self, pasts: Mapping[str, Sequence[Run]], choice: Choice, going: Mapping[str, Run]
    ) -> list[Run] | None:
        """Offer run dirs; return the runs of those that stay, or None where nobody knows what those name."""
        runs = {run.name: run for past in pasts.values() for run in past}
        withdrawn = {run.name: run for run in self._ledger.withdrawn()}
        staying = [run for run in runs.values() if run.is_open]  # Wherever their run dirs are.
        is_any_unknown = False
        for name in storage.names_in(self._outputs.runs, [*runs, *withdrawn]):
            run, path = runs.get(name) or withdrawn.get(name), self._outputs.run_dir(name).path
            if run is None:
                # One that is being started is recorded in a moment.
                if not self._is_left_over(path) and not path.name.startswith(".") and self._is_old(path):
                    self._leave(path, f"{_UNKNOWN}; all code and environments are kept for it")
                    is_any_unknown = True
                continue
            last = going.get(run.model_dir)
            if name in withdrawn:
                is_offered = self._is_old(path) and self._offer(Kind.LEFTOVER, path, "its run never began")
            elif last is run:
                is_offered = self._offer(Kind.RUN_DIR, path, choice.model_dirs[run.model_dir], last=last)
            else:
                why = choice.runs.get(run.id)
                is_offered = why is not None and self._offer(Kind.RUN_DIR, path, why)
            if not is_offered:
                staying.append(run)
        return None if is_any_unknown else staying

    def _look_at_codes(self, codes: Iterable[Path], staying: Iterable[Run]) -> None:
        named = {run.code for run in staying}
        for path in codes:
            if path.name not in named and not self._is_left_over(path) and self._is_old(path):
                self._offer(Kind.CODE, path, "no run dir names it")

    def _look_at_environments(self, stored: Iterable[Path], staying: Iterable[Run]) -> None:
        named = environments_in_use((run.launch for run in staying), self._ledger)
        for path in stored:
            if path.stem not in named and not self._is_left_over(path) and self._is_old(path):
                self._offer(Kind.ENVIRONMENT, path, "no run dir names its launch")

    def _look_for_leftovers(self, claim_files: Iterable[str]) -> None:
        for name in storage.names_in(self._outputs.path, ()):
            path = self._outputs.path / name
            if storage.is_of_collector(name) and not self._is_at_work(RunDir(path=path)):
                self._offer(Kind.LEFTOVER, path, "who deleted died")
            else:
                self._is_left_over(path)
        for name in storage.names_in(self._outputs.claims, set(claim_files)):
            self._is_left_over(self._outputs.claims / name)
        for name in storage.names_in(self._outputs.locks, ()):
            self._is_left_over(self._outputs.locks / name)

    def _is_at_work(self, record: RunDir) -> bool:
        """Return whether who deletes, or did, may still be there; of other hosts only the age tells."""
        says = read_json(record.attempt(1).worker)
        if isinstance(says, dict) and says.get("host") == self._outputs.host:
            return is_alive(record)
        return not self._is_old(record.path)

    def _is_left_over(self, path: Path) -> bool:
        """Return whether something is no more than what a writer that died left; if it surely is, offer it."""
        if storage.is_trash(path.name):
            self._offer(Kind.LEFTOVER, path, "its deletion was cut short")
            return True
        if not storage.is_written_aside(path.name):
            return False
        if self._is_old(path):
            self._offer(Kind.LEFTOVER, path, "who wrote it died")
        return True

    def _is_old(self, path: Path) -> bool:
        return is_unnamed_for_long(path, self._server_now)

    def _offer(self, kind: Kind, path: Path, why: str, *, last: Run | None = None) -> bool:
        """Have something be deleted, unless it leads elsewhere; return whether it may."""
        try:
            storage.require_inside(path, self._outputs)
            size_bytes = self._sizes.of(path)
        except storage.NotOurs as error:
            self._leave(path, str(error))
            return False
        self._items.append(Item(kind=kind, path=path, why=why, size_bytes=size_bytes, last=last))
        return True

    def _leave(self, path: Path, why: str) -> None:
        self._left.append(Left(path=path, why=why))


def is_unnamed_for_long(path: Path, server_now: float) -> bool:
    """Return whether nobody is about to name something any more; `server_now` is by the clock of its machine."""
    changed_at = storage.modified_at(path)
    return changed_at is not None and server_now - changed_at > UNNAMED_FOR_S


def is_alive(record: RunDir, number: int = 1) -> bool:
    """Return whether the process of an attempt, on this host, is there."""
    process = ProcessId.from_json(read_json(record.attempt(number).worker))
    return process is not None and process.is_alive()


def is_left_by_dead(claim: claims.Claim, outputs: Outputs) -> bool:
    """Return whether a claim was left by somebody of this host who died while deleting."""
    is_own = claim.host == outputs.host and claim.run.startswith(storage.COLLECTOR)
    return is_own and not is_alive(RunDir(path=Path(claim.run_dir)))


def _require_known(result: str, runs: Iterable[Run]) -> None:
    known = {name for run in runs for name in flat(run.results)}
    if result not in known:
        raise NoSuchResult(f'no run has a result "{result}".{did_you_mean(result, known)}')


def _stored(folder: Path) -> list[Path]:
    return [folder / name for name in storage.names_in(folder, ())]


def _is_any(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # Of another user.
    return True

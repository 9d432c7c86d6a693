"""All runs of a project, as the journals of its hosts tell them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlpipeline.domain.facts import encodable
from mlpipeline.domain.names import version_key
from mlpipeline.domain.runs import Run
from mlpipeline.history.following import Following
from mlpipeline.history.index import Index, Place
from mlpipeline.history.journal import JournalReader
from mlpipeline.history.stamps import Stamp, are_others, head, stamp_of
from mlpipeline.history.tables import delete_index, is_damage
from mlpipeline.project.paths import Outputs

if TYPE_CHECKING:
    from mlpipeline.domain.launches import Launch
    from mlpipeline.domain.requests import Request
    from mlpipeline.domain.test_results import TestResult

#: How many of its own runs a daemon notes before the index follows; to write them one by one would take longer.
_MOST_AHEAD = 64
_OF_VERSION = """
WHERE model = ? AND number IN (SELECT number FROM facts WHERE name = 'version' AND value = ?) AND NOT is_withdrawn
ORDER BY selected_at DESC, number DESC LIMIT 1
"""

#: What others than the daemon write into its host's journal: it says nothing of whether the daemon is there.
_OF_OTHERS = frozenset({"request", "released", "stop"})

T = TypeVar("T")


class Ledger:
    """Every run of every host. Of the journals, only what the index does not know yet is read."""

    def __init__(self, outputs: Outputs, environ: Mapping[str, str], *, warn: Callable[[str], None]) -> None:
        """Tell `warn` what cannot be read or followed; `environ` says where the index is."""
        self.warn = warn
        self._outputs = outputs
        self._environ = environ
        self._use(Index.open(outputs, environ))
        #: Changes whenever another process writes to the index.
        self._index_version = -1
        #: The journals as they were when they were last read: while they are the same, there is nothing new.
        self._seen: dict[Path, Stamp | None] = {}
        #: How long this host's journal is when nothing is in it but what was read, or noted since, in bytes.
        self._own_size = -1
        #: The runs of this host that were noted and not read yet.
        self._ahead: dict[str, Run] = {}
        #: Whether anything was noted that the index does not know.
        self._is_ahead = False
        #: Rises whenever somebody else is seen to have recorded something: another host, or a person on this one.
        self.news = 0

    @classmethod
    def read(
        cls, outputs: Outputs, environ: Mapping[str, str], *, warn: Callable[[str], None], is_private: bool = False
    ) -> Ledger:
        """Return the ledger of an outputs folder, up to date as far as it can be read.

        One host owns a run's events, so they need no order between hosts. Only the order of whole runs does, and
        within a host it is the journal's own: a clock that was set back changes nothing.

        Args:
            outputs: of this host.
            environ: says where the user's cache folder is.
            warn: told what cannot be read.
            is_private: whether what it is given to follow is nobody else's business.
        """
        ledger = cls(outputs, environ, warn=warn)
        try:
            ledger.catch_up()
        except OSError as error:
            warn(f"{error.filename or outputs.path} cannot be read: {error.strerror}")
        if is_private:
            ledger._use(ledger._index.copy())
        return ledger

    def catch_up(self) -> None:
        """Take in what was recorded since the last time, but for what was noted.

        Raises:
            OSError: a journal cannot be read, and what is known is kept; all others were read.
        """
        journals = {path: stamp_of(path) for path in self._outputs.histories()}
        own, seen = journals.get(self._outputs.history), self._seen.get(self._outputs.history)
        if own and seen and own.inode == seen.inode and own.size == self._own_size != seen.size:
            journals[self._outputs.history] = seen
        if journals != self._seen or self._is_index_changed() or len(self._ahead) > _MOST_AHEAD:
            self._read_on()

    def note(self, run: Run | None, begin: int, end: int) -> None:
        """Know of a line that this host's journal has just been given, at `begin` to `end` in bytes.

        Args:
            run: as it is after that, if the line is about one.
            begin, end: how long the journal was before, and is now.
        """
        self._is_ahead = True
        if run is not None:
            self._ahead[run.id] = run
        if begin == self._own_size:
            self._own_size = end

    def _read_on(self) -> None:
        """Bring the index up to date with all journals."""
        journals = {path: stamp_of(path) for path in self._outputs.histories()}
        own = journals.get(self._outputs.history)
        is_own_news = self._own_size >= 0 and (0 if own is None else own.size) != self._own_size
        self.news += is_own_news or any(
            path != self._outputs.history and journals.get(path) != self._seen.get(path)
            for path in {*journals, *self._seen}
        )
        try:
            unread = self._take_in(journals)
        except sqlite3.Error as error:
            self._do_without_index(error)
            unread = self._take_in(journals)
        if self._outputs.history not in unread:
            self._own_size = 0 if own is None else own.size
            self._ahead.clear()  # The journal told it.
            self._is_ahead = False
        self._seen = {path: stamp for path, stamp in journals.items() if path not in unread}
        if unread:
            raise next(iter(unread.values()))

    def _take_in(self, journals: Mapping[Path, Stamp | None]) -> dict[Path, OSError]:
        """Read what the index does not know yet; return the journals that cannot be read, and why."""
        unread = {}
        self._heed_others()
        if not self._is_up_to_date(journals):
            with self._index.transaction():
                self._heed_others()
                places = self._index.places()
                if are_others(journals, places):
                    self._index.forget_all()
                    self._following.open.clear()
                    places = {}
                for path, stamp in journals.items():
                    place = places.get(path.name, Place())
                    try:
                        if stamp is not None and stamp.size != place.offset:
                            self._read_journal(path, place)
                    except OSError as error:
                        unread[path] = error
        return unread

    def _heed_others(self) -> None:
        """Forget what another process that wrote to the index may know better."""
        version = self._index.version()
        if version != self._index_version:
            self._index_version = version
            self._following.open.clear()

    def _is_up_to_date(self, journals: Mapping[Path, Stamp | None]) -> bool:
        places = self._index.places()
        sizes = {path.name: stamp.size for path, stamp in journals.items() if stamp is not None}
        return sizes == {name: place.offset for name, place in places.items()} and not are_others(journals, places)

    def _is_index_changed(self) -> bool:
        """Return whether another process wrote to the index: it may have emptied it."""
        try:
            return self._index.version() != self._index_version
        except sqlite3.Error:
            return True  # To read on shows what is wrong.

    def settle(self) -> None:
        """Have the index know all that was noted, also what is about no run, for whoever reads next."""
        if self._is_ahead:
            with suppress(OSError):  # They read the journals themselves.
                self._read_on()

    def close(self) -> None:
        """Let the index go."""
        self._index.close()

    def follow(self, event: Mapping[str, Any]) -> None:
        """Take one event in that no journal of these outputs tells."""
        self._following.follow(event, event["at"])
        self._following.save()

    def __iter__(self) -> Iterator[Run]:
        """Yield all runs that were not withdrawn, oldest first."""
        return self.runs("WHERE NOT is_withdrawn ORDER BY selected_at, number")

    def newest(self, count: int) -> list[Run]:
        """Return the latest `count` runs that were not withdrawn, newest first."""
        return list(self.runs("WHERE NOT is_withdrawn ORDER BY selected_at DESC, number DESC LIMIT ?", count))

    def get(self, run_id: str) -> Run | None:
        """Return the run with this id."""
        run = self._ahead.get(run_id) or self._following.open.get(run_id)
        if run is None:
            run = next(self._select("WHERE id = ?", run_id), None)
            if run is not None and run.is_open:
                self._following.open[run_id] = (
                    run  # Those that wait for another attempt are asked about again and again.
                )
        return run

    def latest(self, model_dir: str) -> Run | None:
        """Return the latest run in a model dir, on whatever host it was."""
        if any(run.model_dir == model_dir for run in self._ahead.values()):
            self._read_on()
        return next(self._select("WHERE id = (SELECT id FROM latest WHERE model_dir = ?)", model_dir), None)

    def in_trouble(self, most: int | None = None) -> list[Run]:
        """Return those runs that are the latest in their model dir and failed or were lost, newest first.

        Args:
            most: how many of them at most; None for all.
        """
        latest = "SELECT id FROM latest WHERE is_trouble ORDER BY selected_at DESC LIMIT ?"
        limit = -1 if most is None else most
        return list(self.runs(f"WHERE id IN ({latest}) ORDER BY selected_at DESC, number DESC", limit))

    def stopped(self) -> list[str]:
        """Return each `model:version` whose latest run was stopped, newest first."""
        stopped = "FROM runs JOIN latest USING (id) WHERE outcome = 'stopped' AND ended_at IS NOT NULL"
        query = f"SELECT model, version {stopped} ORDER BY runs.selected_at DESC, number DESC"
        return [version_key(model, version) for model, version in self.rows(query)]

    def models_in_trouble(self) -> set[str]:
        """Return the models of the runs that are the latest in their model dir and failed or were lost."""
        if self._ahead:
            self._read_on()
        return self._answered(Index.models_in_trouble)

    def trouble_count(self) -> int:
        """Return how many those are."""
        if self._ahead:
            self._read_on()
        return self._answered(Index.trouble_count)

    def open_runs(self, host: str | None = None) -> list[Run]:
        """Return the runs that are still to end, of all hosts or of one, oldest first."""
        return [run for run in self.runs("WHERE is_open ORDER BY number") if host in (None, run.host)]

    def ended(self, model: str, most: int) -> list[Run]:
        """Return the latest runs of a model that are over, newest first, and no more than `most`."""
        where = "WHERE model = ? AND NOT is_open AND NOT is_withdrawn ORDER BY selected_at DESC, number DESC LIMIT ?"
        return list(self.runs(where, model, most))

    def withdrawn(self) -> list[Run]:
        """Return the runs that were taken back before anything of them ran."""
        return list(self.runs("WHERE is_withdrawn"))

    def is_released(self, what: str) -> bool:
        """Return whether a person released something.

        Args:
            what: the id of a run, for what it kept from starting: the rest of its script, or what needs its model dir;
                or `model:version@identity`, for a version that was held.
        """
        return self._answered(lambda index: index.is_released(what))

    def is_collected(self, run_id: str) -> bool:
        """Return whether a person had `gc` delete what a run left in its model dir, of which it was the latest."""
        return self._answered(lambda index: index.is_collected(run_id))

    def named(self, name: str) -> list[Run]:
        """Return the runs that a person may mean: the latest `model:version`, or those whose ids begin so."""
        model, colon, version = name.partition(":")
        if colon:
            return list(self.runs(_OF_VERSION, encodable(model), encodable(version)))
        return list(self.runs("WHERE substr(id, 1, ?) = ? AND NOT is_withdrawn ORDER BY id", len(name), name))

    def open_requests(self, host: str) -> list[Request]:
        """Return the requests that a host has not answered, in the order in which histories told them."""
        return self._answered(lambda index: index.open_requests(host))

    def answer(self, request_id: str) -> str | None:
        """Return what came of a request, or None while nobody has said."""
        return self._answered(lambda index: index.answer(request_id))

    def has_passed(self, key: str, identity: str) -> bool:
        """Return whether `model:version` passed a test with that identity, on whatever host."""
        return self._answered(lambda index: index.has_passed(key, identity))

    def failed_tests(self) -> list[TestResult]:
        """Return the tests that failed, of versions that were neither tested nor run since, newest first."""
        return self._answered(Index.failed_tests)

    def launches(self, since: str) -> list[Launch]:
        """Return the launches of all hosts that were not over before `since`, compared as text, oldest first."""
        if self._is_ahead:
            self._read_on()
        return self._answered(lambda index: index.launches(since))

    def runs(self, where: str, *values: object) -> Iterator[Run]:
        """Return the runs that an SQL clause selects, see the tables of the index; for modules of this package."""
        if self._ahead:
            self._read_on()
        return self._select(where, *values)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what an SQL query finds, see the tables of the index; for modules of this package."""
        if self._ahead:
            self._read_on()
        return self._answered(lambda index: index.rows(query, *values))

    def _select(self, where: str, *values: object) -> Iterator[Run]:
        return self._answered(lambda index: index.runs(where, *values))

    def _answered(self, question: Callable[[Index], T]) -> T:
        """Return what the index answers; where it cannot, that of one in memory."""
        try:
            return question(self._index)
        except sqlite3.Error as error:
            self._do_without_index(error)
            self._read_on()
            return question(self._index)

    def _do_without_index(self, error: sqlite3.Error) -> None:
        """Go on in memory. A damaged index is deleted; one that is locked or full may be well again next time."""
        if is_damage(error):
            delete_index(self._outputs, self._environ)
        self._use(Index.empty())

    def _use(self, index: Index) -> None:
        self._index = index
        self._readers: dict[Path, JournalReader] = {}
        self._following = Following(index, self._tell)

    def _tell(self, text: str) -> None:
        self.warn(text)  # Who is told may change.

    # Journals

    def _read_journal(self, path: Path, place: Place) -> None:
        reader = self._readers.setdefault(path, JournalReader(path))
        reader.offset, reader.lines = place.offset, place.lines
        last_at, heard_at = place.last_at, ""
        host = path.stem.removeprefix("history-")
        for event in reader.read(warn=self.warn):
            last_at = max(last_at, str(event.get("at", "")))
            if event["event"] == "launch" and heard_at:
                self._index.save_heard(host, heard_at)
            if event["event"] not in _OF_OTHERS:
                heard_at = last_at
            self._following.follow(event, last_at)
        if heard_at:
            self._index.save_heard(host, heard_at)
        self._following.save()
        read = Place(offset=reader.offset, lines=reader.lines, head=head(path, place, reader.offset), last_at=last_at)
        self._index.save_place(path.name, read)

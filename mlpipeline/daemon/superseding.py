"""Which runs are not tried again, because the queue has something else for them by now."""

from __future__ import annotations

from mlpipeline.daemon.catalogue import Catalogue
from mlpipeline.daemon.records import Records
from mlpipeline.domain.runs import Run
from mlpipeline.domain.waits import HELD_IN_QUEUE


class Superseding:
    """Compares runs that wait for another attempt with the queue, each once for as long as the queue stays the same."""

    def __init__(self, catalogue: Catalogue, records: Records) -> None:
        self._catalogue = catalogue
        self._records = records
        #: The runs for which the queue has nothing else, and the state of the queue in which that is so.
        self._kept: set[str] = set()
        self._queue = (-1, False)

    def why(self, run_id: str, *, is_plan_whole: bool) -> str | None:
        """Return why a run is not tried again, or None; `is_plan_whole` is whether all that is listed was known."""
        queue = (self._catalogue.generation, is_plan_whole)
        if queue != self._queue:
            self._queue = queue
            self._kept.clear()
        if run_id in self._kept:
            return None
        why = self._why(self._records.run(run_id), is_plan_whole)
        if why is None:
            self._kept.add(run_id)
        return why

    def _why(self, run: Run, is_plan_whole: bool) -> str | None:
        offer = self._catalogue.find(run.key)
        if offer is not None and offer.is_on_hold:
            return f"it is {HELD_IN_QUEUE}"
        if offer is not None:
            return None if offer.identity == run.identity else "it was edited"
        listed = self._catalogue.listed
        # A script that cannot be used now, as it is being saved, may be well again in a moment.
        is_gone = run.model not in listed or run.version not in (listed[run.model] or (run.version,))
        return "it is not listed any more" if is_plan_whole and is_gone else None

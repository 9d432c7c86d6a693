"""Following events: what the index is to know after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlpipeline.domain.fields import text, text_or_none, texts
from mlpipeline.domain.runs import Run, follow
from mlpipeline.errors import IllegalTransition
from mlpipeline.history.index import Index

#: What an event is about that is not a request, in words.
_SUBJECTS = {
    **dict.fromkeys(("launch", "launch_ended"), "a launch"),
    "collected": "what was deleted",
    "environment": "what a launch found around it",
    "tested": "a test",
}


class Following:
    """Follows events, one after the other; what becomes of runs is written with `save`."""

    def __init__(self, index: Index, warn: Callable[[str], None]) -> None:
        self._index = index
        self._warn = warn
        #: The open runs that were followed here, as they are now.
        self.open: dict[str, Run] = {}
        #: The runs that changed since `save`.
        self._changed: dict[str, Run] = {}
        #: When they were selected, by a clock that never goes back.
        self._selected_at: dict[str, str] = {}

    def follow(self, event: Mapping[str, Any], at: str) -> None:
        """Follow an event; one that cannot be is skipped with a warning."""
        try:
            self._know(event, at)
        except (KeyError, ValueError, TypeError) as error:
            what = _SUBJECTS.get(event["event"], "what was asked for")
            self._warn(f"history: {what} is not understood ({error!r}); skipped")
        run_id = event.get("run")
        if not isinstance(run_id, str):
            return
        before = (
            self._changed.get(run_id) or self.open.get(run_id) or next(self._index.runs("WHERE id = ?", run_id), None)
        )
        try:
            run = follow(before, event)
            if before is None:
                _require_found_by(event)
        except IllegalTransition as error:
            self._warn(f"history: {error}; skipped")
        except (KeyError, ValueError, TypeError) as error:
            self._warn(f"history: an event of run {run_id} is not understood ({error!r}); skipped")
        else:
            self._changed[run_id] = run
            self._selected_at.setdefault(run_id, at)

    def _know(self, event: Mapping[str, Any], at: str) -> None:
        """Take in what an event tells that is not about the state of a run."""
        match event["event"]:
            case "request":
                from mlpipeline.domain.requests import request_from_event

                self._index.save_request(request_from_event(event))
            case "answer":
                self._index.save_answer(text(event, "request"), text(event, "said"))
            case "released":
                self._index.save_released(texts(event, "what"))
            case "collected":
                self._index.save_collected(text(event, "of"))
            case "tested":
                from mlpipeline.domain.test_results import result_from_event

                self._index.save_test(result_from_event(event), at)
            case "launch":
                from mlpipeline.domain.launches import Launch

                self._index.save_launch(Launch.of_event(event, at))
                self._index.save_surroundings(text(event, "launch"), command=text_or_none(event, "command"))
            case "launch_ended":
                self._index.save_launch_end(text(event, "launch"), at)
            case "environment":
                self._index.save_surroundings(text(event, "launch"), environment=text(event, "environment"))

    def save(self) -> None:
        """Write what changed into the index."""
        changed, self._changed = self._changed, {}
        selected_at, self._selected_at = self._selected_at, {}
        self._index.save(changed.values(), selected_at)
        for run in changed.values():
            if run.is_open:
                self.open[run.id] = run
            else:
                self.open.pop(run.id, None)


def _require_found_by(event: Mapping[str, Any]) -> None:
    """Raise TypeError where the index could not find the run again that this event begins."""
    for key in ("model", "host", "model_dir"):
        text(event, key)
    text_or_none(event, "previous")

"""Running averages of what a training loop measures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlpipeline.authoring.console import log
from mlpipeline.authoring.run import current
from mlpipeline.domain.values import as_number
from mlpipeline.domain.words import did_you_mean


class Metric:
    """The average of one quantity: since the last `reset`, in the present epoch, and over past epochs.

    Args:
        track_average_epoc_count: over how many past epochs the `get_tracking_…` methods look; at least 1.
        track_average_epoch_count: the same.

    Raises:
        ValueError: that is below 1.
    """

    # On the class: one that was pickled by an earlier release has none of its own.
    _epochs_ended = 0

    def __init__(self, track_average_epoc_count: int = 1, *, track_average_epoch_count: int | None = None) -> None:
        tracked = track_average_epoc_count if track_average_epoch_count is None else track_average_epoch_count
        if tracked < 1:
            raise ValueError(f"track_average_epoc_count must be at least 1, got {tracked}.")
        #: How many samples since the last `reset`, and the sum over them.
        self.count: int | float = 0
        self.value: int | float = 0
        self._epoch_count: int | float = 0
        self._epoch_value: int | float = 0
        self._epoch_averages: deque[float] = deque(maxlen=tracked)

    def update(self, value: Any, count: int | float = 1) -> None:
        """Add `value`, the sum over `count` samples; an int, a float, or a NumPy or torch scalar.

        Raises:
            NotJson: the value is not one number.
        """
        number = as_number(value, "the value of a metric")
        self.count += count
        self.value += number
        self._epoch_count += count
        self._epoch_value += number

    def reset(self) -> None:
        """Forget what was added, but for what belongs to the epoch."""
        self.count = 0
        self.value = 0

    def reset_epoch(self) -> None:
        """End an epoch: its average joins the tracked ones, and the next begins."""
        self._epoch_averages.append(self.avg_epoch())
        self._epoch_count = 0
        self._epoch_value = 0
        self._epochs_ended += 1

    @property
    def epochs_ended(self) -> int:
        """How many epochs have ended."""
        return self._epochs_ended

    def avg(self) -> float:
        """The average since the last `reset`; 0 if nothing was added."""
        return self.value / self.count if self.count else 0

    def avg_epoch(self) -> float:
        """The average of the present epoch; 0 if nothing was added."""
        return self._epoch_value / self._epoch_count if self._epoch_count else 0

    def get_tracking_average(self) -> float:
        """The mean of the tracked epochs' averages; 0 until half of the epochs to track have ended."""
        if len(self._epoch_averages) < self._tracked / 2:
            return 0
        from statistics import mean

        return mean(self._epoch_averages)

    def get_tracking_delta(self) -> float:
        """How much the last tracked average lies above the first; 0 until all epochs to track have ended."""
        if len(self._epoch_averages) < self._tracked:
            return 0
        return self._epoch_averages[-1] - self._epoch_averages[0]

    def get_tracking_stdev(self) -> float:
        """The standard deviation of the tracked averages; 0 for fewer than two."""
        from statistics import stdev

        return stdev(self._epoch_averages) if len(self._epoch_averages) > 1 else 0

    @property
    def _tracked(self) -> int:
        return self._epoch_averages.maxlen or 1

    reset_epoc = reset_epoch
    avg_epoc = avg_epoch


class MetricContainer(dict[str, Metric]):
    """Metrics by name, reachable as attributes and as items.

    A name that is no identifier, such as `"2"`, or that dicts use themselves, such as `"items"`, is reached
    as an item.

    Args:
        metrics: a list of names, or a list of dicts `{"metrics": [names], "track_average_epoc_count": n}`.
        track_average_epoc_count: how many epochs each metric tracks, where its dict does not say.
        track_average_epoch_count: the same; also as the dicts' key.

    Raises:
        TypeError: `metrics` is not a list of names or of such dicts.
    """

    def __init__(
        self,
        metrics: Iterable[str | Mapping[str, Any]] | None = None,
        track_average_epoc_count: int = 1,
        *,
        track_average_epoch_count: int | None = None,
    ) -> None:
        super().__init__()
        if metrics is not None and not isinstance(metrics, list | tuple):
            raise TypeError(f"metrics must be a list, not {type(metrics).__name__}.")
        tracked = track_average_epoc_count if track_average_epoch_count is None else track_average_epoch_count
        for entry in metrics or ():
            if isinstance(entry, Mapping):
                of_set = entry.get("track_average_epoch_count", entry.get("track_average_epoc_count", tracked))
                for name in entry["metrics"]:
                    self[name] = Metric(of_set)
            elif isinstance(entry, str):
                self[entry] = Metric(tracked)
            else:
                raise TypeError(f"metrics must hold names or dicts, not {type(entry).__name__}: {entry!r}.")

    def __getattr__(self, name: str) -> Metric:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self) or "none"
            raise AttributeError(
                f'there is no metric "{name}". There are: {known}.{did_you_mean(name, self)}', name=name, obj=self
            ) from None

    def __setattr__(self, name: str, value: Metric) -> None:
        self[name] = value

    def __setitem__(self, name: str, value: Metric) -> None:
        if not isinstance(value, Metric):
            raise TypeError(
                f'metric "{name}" can only be set to a Metric, not {type(value).__name__}. '
                f"To add a value: `.{name}.update(value)`."
            )
        super().__setitem__(name, value)

    def reset(self, metrics: Iterable[str] | None = None) -> None:
        """Reset all metrics, or those named."""
        for _, metric in self._named(metrics):
            metric.reset()

    def reset_epoch(self, metrics: Iterable[str] | None = None) -> None:
        """End the epoch of all metrics, or of those named."""
        for _, metric in self._named(metrics):
            metric.reset_epoch()
        run = current()
        if run is not None and self:
            # Scripts may have put metrics of their own making into it.
            run.note_epochs(max(getattr(metric, "epochs_ended", 0) for metric in self.values()))

    reset_epoc = reset_epoch

    def results(self) -> dict[str, float]:
        """The averages by name."""
        return {name: metric.avg() for name, metric in self.items()}

    def log_metrics(
        self,
        metrics: Iterable[str] | None = None,
        log_to_file: bool = True,
        complete_epoc: bool = False,
        items_per_row: int = 3,
        charachters_per_row: int = 50,
        name_prefix: str = "",
        step: int | None = None,
        *,
        complete_epoch: bool = False,
        characters_per_row: int | None = None,
    ) -> str:
        """Log the averages in rows, record them as the run's metrics, and return what was logged.

        Args:
            metrics: the names of those to log; by default all.
            log_to_file: whether the rows belong into `log-<host>`.
            complete_epoc: log the epoch's averages instead of those since the last `reset`.
            items_per_row: a row ends after so many metrics,
            charachters_per_row: or before it would get longer than this.
            name_prefix: put in front of every name.
            step: at which step they were measured.
            complete_epoch, characters_per_row: the same as those above.
        """
        by_epoch = complete_epoc or complete_epoch
        averages = {
            f"{name_prefix}{name}": metric.avg_epoch() if by_epoch else metric.avg()
            for name, metric in self._named(metrics)
        }
        width = charachters_per_row if characters_per_row is None else characters_per_row
        rows = list(_rows(averages, items_per_row, width))
        for row in rows:
            log(row, log_to_file=log_to_file)
        run = current()
        if run is not None and averages:
            run.log_metrics(averages, step)
        return "".join(rows)

    def _named(self, names: Iterable[str] | None) -> list[tuple[str, Metric]]:
        """The metrics called so, in the container's order; all of them for None."""
        wanted = self.keys() if names is None else set(names)
        return [(name, metric) for name, metric in self.items() if name in wanted]


def _rows(averages: Mapping[str, float], items_per_row: int, characters_per_row: int) -> Iterator[str]:
    row: list[str] = []
    for name, average in averages.items():
        item = f"{name}: {average:.4f}    "
        full = len(row) >= items_per_row or sum(map(len, row)) + len(item) > characters_per_row
        if row and full:
            yield "".join(row)
            row = []
        row.append(item)
    if row:
        yield "".join(row)

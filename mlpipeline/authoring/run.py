"""The run as its script sees it: what it is, what to log, how far it got, whether to stop."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.domain.values import as_number
from mlpipeline.errors import NotJson


class RunSink(Protocol):
    """Where a run's words and numbers go; called in whichever thread of the script reports them."""

    def metrics(self, values: Mapping[str, int | float], step: int | None) -> None:
        """Record `values`, measured at `step`, before returning."""

    def log(self, message: str, *, to_file: bool) -> None:
        """Print `message`, colours and all; with `to_file` write it to `log-<host>` too."""

    def progress(self, loop: int, done: int, total: int) -> None:
        """Note that `done` of the `total` steps of the script's `loop`-th `run.steps` loop are done."""

    def epochs(self, ended: int) -> None:
        """Note how many epochs have ended."""

    def stages(self, done: int, total: int) -> None:
        """Note that `done` of the `total` stages of the run's pipeline are done."""


class Run:
    """One run of one version, as a script gets it: a function's argument `run`, a `Model`'s `self.run`."""

    def __init__(
        self,
        *,
        id: str,
        mode: ExecutionModeKeys,
        model_dir: Path,
        seed: int,
        sink: RunSink,
        steps_done: Sequence[int] = (),
    ) -> None:
        #: The run's short id, as in `runs` and the log.
        self.id = id
        self.mode = mode
        #: Where the script keeps what must survive the run: checkpoints, figures.
        self.model_dir = model_dir
        #: `random` and NumPy were seeded with it before the script was called.
        self.seed = seed
        #: Whether the script has seen that it should stop.
        self.stop_noticed = False
        self._sink = sink
        self._steps_done = tuple(steps_done)
        self._loops = 0
        self._epochs_ended = 0
        self._stop_requested = False

    @property
    def should_stop(self) -> bool:
        """Whether the run was told to stop: save what is needed to resume, and return soon."""
        if self._stop_requested:
            self.stop_noticed = True
        return self._stop_requested

    def request_stop(self) -> None:
        """Make `should_stop` true; safe in a signal handler and when repeated."""
        self._stop_requested = True

    def log(self, message: object, log_to_file: bool = True) -> None:
        """Print `message`; with `log_to_file` it also becomes a line of `log-<host>`."""
        self._sink.log(str(message), to_file=bool(log_to_file))

    def log_metrics(self, values: Mapping[str, object], step: int | None = None) -> None:
        """Record numbers by name, measured at `step` if that is given.

        A value is an int, a float (NaN and infinities included), or a NumPy or torch scalar.

        Raises:
            NotJson: a value is not one number, or its name is not text; the error names it.
        """
        numbers: dict[str, int | float] = {}
        for name, value in values.items():
            if not isinstance(name, str):
                raise NotJson(str(name), f"a metric's name is text, not {type(name).__name__}.")
            numbers[name] = value if type(value) is float else as_number(value, name)
        self._sink.metrics(numbers, None if step is None else operator.index(step))

    def note_epochs(self, ended: int) -> None:
        """Have whoever looks on see how many epochs have ended; a `MetricContainer` does so by itself."""
        if ended > self._epochs_ended and self.mode is not ExecutionModeKeys.TEST:
            self._epochs_ended = ended
            self._sink.epochs(ended)

    def note_stages(self, done: int, total: int) -> None:
        """Have whoever looks on see how many stages of the run's pipeline are done."""
        if self.mode is not ExecutionModeKeys.TEST:
            self._sink.stages(done, total)

    def steps(self, n: int, done: int | None = None) -> Iterator[int]:
        """The numbers of the steps that are left of `n`: from those already done up to `n - 1`.

        A step is done when the body of the loop has finished, that is when the next one is asked for. What is
        done is remembered for the model dir, so a run that was cut short goes on from there, which is right
        only if what those steps computed was kept too. So either save into `model_dir` inside the loop body:

            for step in run.steps(1000):
                train_one(net)
                save(net, model_dir / "net.pt")

        or, when saving every step is too much, say how many steps your own checkpoint holds; that counts:

            net, done = load_or_new(model_dir)
            for step in run.steps(1000, done=done):
                ...

        Ends early when the run is told to stop. In test mode it is one step, number 0, and nothing is
        remembered. A script may have several such loops: they are told apart by the order of the calls.

        Raises:
            TypeError: `n` or `done` is not an int.
            ValueError: `n` or `done` is negative.
        """
        total = _count("n", n)
        loop = self._next_loop()
        if done is not None:
            first = _count("done", done)
        else:
            first = self._steps_done[loop] if loop < len(self._steps_done) else 0
        if self.mode is ExecutionModeKeys.TEST:
            return self._one_step(total)
        first = min(first, total)
        # Said at once: a loop of which nothing is left is complete all the same.
        self._sink.progress(loop, first, total)
        return self._steps_left(loop, first, total)

    def _next_loop(self) -> int:
        self._loops += 1
        return self._loops - 1

    def _one_step(self, total: int) -> Iterator[int]:
        if total > 0 and not self.should_stop:
            yield 0

    def _steps_left(self, loop: int, first: int, total: int) -> Iterator[int]:
        for step in range(first, total):
            if self.should_stop:
                return
            yield step
            self._sink.progress(loop, step + 1, total)


class StageRun(Run):
    """The run as one stage of a pipeline sees it.

    Its loops begin at 0, or at their `done=`: what earlier runs did in them is in the cache, or was not kept. Whether
    it has seen that it should stop is said of this stage alone.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(id=run.id, mode=run.mode, model_dir=run.model_dir, seed=run.seed, sink=run._sink)
        self._run = run

    @property
    def should_stop(self) -> bool:
        """Whether the run was told to stop: save what is needed to resume, and return soon."""
        if self._run.should_stop:
            self.stop_noticed = True
        return self.stop_noticed

    def request_stop(self) -> None:
        """Make `should_stop` true; safe in a signal handler and when repeated."""
        self._run.request_stop()

    def _next_loop(self) -> int:
        return self._run._next_loop()


def _count(name: str, value: int) -> int:
    """`value` as an int that is not negative; NumPy's ints are welcome."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(
            f"run.steps: {name} must be an int, got {value!r}. Round it, for example with `math.ceil`."
        ) from None
    if count < 0:
        raise ValueError(f"run.steps: {name} must not be negative, got {count}.")
    return count


# One worker process carries out one run, and v1.1's `log()` and `MetricContainer` are not handed it.
_current: Run | None = None


def current() -> Run | None:
    """The run this process carries out; None outside a worker."""
    return _current


def set_current(run: Run | None) -> None:
    """Make `run` the one that `log()` and `MetricContainer.log_metrics` report to."""
    global _current  # noqa: PLW0603 (see above)
    _current = run

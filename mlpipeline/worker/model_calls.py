"""Carrying out a version of a `Model`: the order of calls that v1.1 scripts rely on."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from mlpipeline.authoring.metrics import MetricContainer
from mlpipeline.authoring.model import DataLoader, Model, is_overridden
from mlpipeline.authoring.modes import ExecutionModeKeys
from mlpipeline.authoring.versions import Version, version_parameters
from mlpipeline.domain.values import as_json
from mlpipeline.errors import VersionsError
from mlpipeline.worker.stopping import StopSignal
from mlpipeline.worker.work import Work, is_clean_start


def perform(model: Model, version: Version, work: Work, stop: StopSignal) -> None:
    """Clean, prepare, train what is left, and evaluate on the training and on the test input."""
    _Calls(model, version, work, stop).make()


_LEFT = (
    "its model dir was left as it is, made by other code or with other parameters: allow_delete_model_dir is not set"
)


class _Calls:
    def __init__(self, model: Model, version: Version, work: Work, stop: StopSignal) -> None:
        self.model = model
        self.version = version
        self.loader = version.get(version_parameters.DATALOADER)
        self.work = work
        self.stop = stop
        self.passed_over: list[str] = []

    def make(self) -> None:
        work, model = self.work, self.model
        # A v1.1 model may have a `run` of its own.
        if type(model).run is None:
            model.run = work.run
        self._make_model_dir_ready()
        self.stop.tell(lambda: model.on_stop(str(work.model_dir)))
        self._call_hook()
        if not self.stop.is_received:
            self._train()
        if self.stop.is_received:
            work.run.stop_noticed = True
        else:
            self._evaluate_both()
        self._summarise()
        if self.passed_over:
            work.run.log(f"passed over, as they are not overridden: {', '.join(self.passed_over)}")

    def _make_model_dir_ready(self) -> None:
        work, model_dir = self.work, self.work.model_dir
        # There before it is cleaned, too: scripts clear it without asking whether it exists.
        model_dir.mkdir(parents=True, exist_ok=True)
        is_old = any(model_dir.iterdir())
        if is_clean_start(work.spec):
            if not self.model.allow_delete_model_dir:
                if is_old:
                    # In words that stay with the results: they may be those of the old training.
                    work.record.notes.append(_LEFT)
                    work.run.log(f"begins anew, but {_LEFT}")
            elif is_overridden(self.model, Model, "clean_model_dir"):
                self.model.clean_model_dir(str(model_dir))
            else:
                self.passed_over.append("clean_model_dir")
        model_dir.mkdir(parents=True, exist_ok=True)
        work.ready()

    def _call_hook(self) -> None:
        hook = self.model.pre_execution_hook
        if not is_overridden(self.model, Model, "pre_execution_hook"):
            self.passed_over.append("pre_execution_hook")
            return
        mode = ExecutionModeKeys.TEST if self.work.is_test else ExecutionModeKeys.TRAIN
        with self.work.record.timed("prepare"):
            hook(self.version, str(self.work.model_dir), **_accepted(hook, exec_mode=mode))

    def _train(self) -> None:
        record = self.work.record
        if not is_overridden(self.model, Model, "train_model"):
            self.passed_over.append("train_model")
            record.is_trained = True
            return
        steps = self._steps_left()
        if steps:
            if not is_overridden(self.loader, DataLoader, "get_train_input"):
                raise self._lacks("get_train_input", "there is nothing to train on")
            training_input = self._input("get_train_input")
            with record.timed("train"):
                self.model.train_model(training_input, steps)
        else:
            self.work.run.log("no steps are left to train")
        record.is_trained = not self.work.run.stop_noticed and not self.stop.is_received

    def _steps_left(self) -> int:
        if self.work.is_test:
            return 1
        if self.work.spec.is_trained and not self.model.reset_steps:
            return 0
        epochs = self.version[version_parameters.EPOCH_COUNT]
        batch_size = self.version[version_parameters.BATCH_SIZE]
        samples = self._count("get_train_sample_count")
        if samples is None:
            raise self._lacks("get_train_sample_count", "the number of training steps is unknown")
        total: int = math.ceil(epochs * samples / batch_size)
        return max(0, total - self._steps_done())

    def _steps_done(self) -> int:
        if self.model.reset_steps or not is_overridden(self.model, Model, "get_trained_step_count"):
            return 0
        try:
            done = self.model.get_trained_step_count()
        except NotImplementedError:
            return 0
        return int(done or 0)

    def _evaluate_both(self) -> None:
        if not is_overridden(self.model, Model, "evaluate_model"):
            self.passed_over.append("evaluate_model")
            return
        first_error: Exception | None = None
        for name, method, count in (
            ("train", "get_train_input", "get_train_sample_count"),
            ("test", "get_test_input", "get_test_sample_count"),
        ):
            try:
                self._evaluate(name, method, count)
            except Exception as error:
                # The other evaluation is still worth having; the training is kept either way.
                first_error = first_error or error
        if first_error is not None:
            raise first_error

    def _evaluate(self, name: str, method: str, count: str) -> None:
        if not is_overridden(self.loader, DataLoader, method):
            self.passed_over.append(f"{method} (so no evaluation on the {name} input)")
            return
        samples = self._count(count)
        if samples is None:
            self.passed_over.append(f"{count} (so no evaluation on the {name} input)")
            return
        extra = {"mode": ExecutionModeKeys.TEST} if name == "train" else {}
        evaluation_input = self._input(method, **extra)
        with self.work.record.timed(f"evaluate on {name}"):
            returned = self.model.evaluate_model(evaluation_input, 1 if self.work.is_test else samples)
        self._note_evaluation(name, returned)

    def _note_evaluation(self, name: str, returned: Any) -> None:
        record = self.work.record
        if isinstance(returned, MetricContainer):
            returned = returned.results()
        if isinstance(returned, Mapping):
            for key, value in returned.items():
                record.results[f"{name}.{key}"] = as_json(value, f"{name}.{key}")
        elif returned is not None:
            record.texts[f"{name} evaluation"] = str(returned)

    def _summarise(self) -> None:
        texts = self.work.record.texts
        if self.model.summary:
            texts["model summary"] = str(self.model.summary)
        if is_overridden(self.loader, DataLoader, "get_dataloader_summery"):
            texts["dataloader summary"] = str(self.loader.get_dataloader_summery())
        elif getattr(self.loader, "summery", None):
            texts["dataloader summary"] = str(self.loader.summery)

    def _lacks(self, method: str, consequence: str) -> VersionsError:
        name, loader = self.version.name, type(self.loader).__name__
        return VersionsError(
            f'version "{name}": its dataloader, a {loader}, has no {method}, so {consequence}. Add it.'
        )

    def _input(self, method: str, **extra: Any) -> Any:
        get = getattr(self.loader, method)
        return get(**_accepted(get, **extra))

    def _count(self, method: str) -> int | None:
        if not is_overridden(self.loader, DataLoader, method):
            return None
        return int(getattr(self.loader, method)())


def _accepted(function: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Return those arguments that an override takes: many in use take fewer than the method they override."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return arguments
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return arguments
    names = {parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY}
    return {name: value for name, value in arguments.items() if name in names}

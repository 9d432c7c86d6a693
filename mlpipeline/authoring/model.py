"""What a v1.1 model script extends: the model, and the loader of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpipeline.authoring.console import console_colors, log
from mlpipeline.authoring.modes import ExecutionModeKeys, ModeKeys
from mlpipeline.authoring.version import listed
from mlpipeline.authoring.versions import Version, Versions, checked_versions, version_parameters
from mlpipeline.domain.values import as_number
from mlpipeline.errors import NotJson, VersionsError

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run

_TWICE_SPELLED = {
    "add_to_summary": "add_to_summery",
    "get_dataloader_summary": "get_dataloader_summery",
}


class _Summarised:
    """What models and data loaders share: a summary for the results block, and a log of their own.

    Its state starts on the class: v1.1's data loaders could not call `super().__init__()`.
    """

    #: Text for the results block; None if there is nothing to say. `summary` is the same.
    summery: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Whichever spelling a subclass overrides, the other one must not reach the base's method.
        for correct, accepted in _TWICE_SPELLED.items():
            if correct in vars(cls) and accepted not in vars(cls):
                setattr(cls, accepted, vars(cls)[correct])
            elif accepted in vars(cls) and correct not in vars(cls):
                setattr(cls, correct, vars(cls)[accepted])

    @property
    def summary(self) -> str | None:
        """Text for the results block; None if there is nothing to say."""
        return self.summery

    @summary.setter
    def summary(self, text: str | None) -> None:
        self.summery = text

    def add_to_summary(self, content: object) -> None:
        """Add a line to the summary in the results block."""
        self.summary = f"{self.summary or ''}{content}\n"

    add_to_summery = add_to_summary

    def _log_as(self, speaker: str, message: object, log_to_file: bool, further: dict[str, Any]) -> None:
        log(
            f"{console_colors.CYAN_FG}{speaker}- {console_colors.RESET}{message}",
            log_to_file=bool(log_to_file),
            **further,
        )


class Model(_Summarised):
    """The model of a script: extend it, and set `MODEL` to an instance.

    The methods are called in this order, each only if it is overridden: `clean_model_dir`,
    `pre_execution_hook`, `train_model`, then `evaluate_model` on the training input and on the test input.

    Args:
        versions: what to train; every version is a run of its own, in a process of its own.
        allow_delete_model_dir: whether `clean_model_dir` is called when a version starts clean.
        reset_steps: whether to train for all steps whatever `get_trained_step_count` says.

    Raises:
        VersionsError: `versions` is not a `Versions` object.
    """

    allow_delete_model_dir = False
    reset_steps = False
    #: The run that is carried out; set before the first method is called.
    run: Run | None = None
    _versions: Versions | None = None

    def __init__(self, versions: Versions, allow_delete_model_dir: bool = False, reset_steps: bool = False) -> None:
        self.versions = versions
        self.allow_delete_model_dir = allow_delete_model_dir
        self.reset_steps = reset_steps

    @property
    def versions(self) -> Versions:
        """The versions of this model.

        Raises:
            VersionsError: the subclass never set them.
        """
        if self._versions is None:
            raise VersionsError(
                f"{type(self).__name__} has no versions: its __init__ does not call "
                "`super().__init__(versions)`. Add that call."
            )
        return self._versions

    @versions.setter
    def versions(self, versions: Versions) -> None:
        self._versions = checked_versions(versions, type(self).__name__)

    def check_version(self, version: Version) -> None:
        """See that the version has what this model needs.

        Raises:
            VersionsError: the name is missing, or, for a model that trains, the data loader, the batch size
                or the epoch count; or those two are no sensible numbers.
        """
        mandatory = {"NAME": version_parameters.NAME}
        if is_overridden(self, Model, "train_model"):
            mandatory |= {
                "DATALOADER": version_parameters.DATALOADER,
                "BATCH_SIZE": version_parameters.BATCH_SIZE,
                "EPOC_COUNT": version_parameters.EPOCH_COUNT,
            }
        missing = [word for word, key in mandatory.items() if version.get(key) is None]
        if missing:
            raise VersionsError(
                f'version "{version.get(version_parameters.NAME)}": {listed(missing)} missing. '
                "A Model that trains needs them: give them to Versions(…) or to addV(…)."
            )
        if version_parameters.BATCH_SIZE in mandatory.values():
            batch_size = _number(version, version_parameters.BATCH_SIZE)
            if not batch_size > 0:
                raise VersionsError(f'version "{version.name}": batch_size must be above 0, got {batch_size}.')
            epoch_count = _number(version, version_parameters.EPOCH_COUNT)
            if not 0 <= epoch_count < float("inf"):
                raise VersionsError(f'version "{version.name}": epoc_count must be 0 or more, got {epoch_count}.')

    def pre_execution_hook(
        self, version: Any, model_dir: Any, exec_mode: ExecutionModeKeys = ExecutionModeKeys.TEST
    ) -> Any:
        """Prepare for one version: called once, before everything that trains or evaluates.

        Args:
            version: a dict of its parameters.
            model_dir: the folder to keep checkpoints in, a text; it exists. A temporary one in test mode.
            exec_mode: the mode; an override need not take it.
        """
        raise NotImplementedError

    def train_model(self, input_fn: Any, steps: int) -> Any:
        """Train for `steps` more optimiser steps on `input_fn`, what `get_train_input()` returned."""
        raise NotImplementedError

    def evaluate_model(self, input_fn: Any, steps: int) -> Any:
        """Evaluate on `input_fn`, `steps` samples; called for the training input, then for the test input.

        A returned dict of numbers becomes the results `train.<key>` and `test.<key>`; a text stays text.
        """
        raise NotImplementedError

    def get_current_version(self) -> Any:
        """The version that `pre_execution_hook` was given, for the script's own use."""
        raise NotImplementedError

    def get_trained_step_count(self) -> int | None:
        """How many steps the checkpoint in the model dir has been trained for; None if that is unknown."""
        raise NotImplementedError

    def clean_model_dir(self, model_dir: Any) -> Any:
        """Clear the model dir, because the version starts clean; only with `allow_delete_model_dir`."""
        raise NotImplementedError

    def on_stop(self, model_dir: Any) -> Any:
        """Save what matters: the run is told to stop. Called in the main thread, amid whatever it does."""

    def log(self, message: object, log_to_file: bool = False, **kargs: Any) -> None:
        """Print `message`; with `log_to_file` it also becomes a line of `log-<host>`.

        Further keywords are those of `mlpipeline.utils.log`.
        """
        self._log_as("Model", message, log_to_file, kargs)


class DataLoader(_Summarised):
    """A version's data: extend it, and give an instance to the versions.

    Keywords of the constructor are taken and ignored; a subclass need not call it.
    """

    def __init__(self, **kargs: Any) -> None:
        del kargs

    def get_train_input(self, mode: Any = ModeKeys.TRAIN, **kargs: Any) -> Any:
        """What `train_model` is given; with `mode=ExecutionModeKeys.TEST`, what is evaluated first."""
        raise NotImplementedError

    def get_test_input(self, **kargs: Any) -> Any:
        """What `evaluate_model` is given the second time: data that was not trained on."""
        raise NotImplementedError

    def get_train_sample_count(self) -> int:
        """How many samples an epoch of training has: the number of steps follows from it."""
        raise NotImplementedError

    def get_test_sample_count(self) -> int:
        """How many samples the test input has."""
        raise NotImplementedError

    def get_dataloader_summary(self, **kargs: Any) -> Any:
        """What to write about the data into the results block; by default the summary."""
        raise NotImplementedError

    get_dataloader_summery = get_dataloader_summary

    def log(self, message: object, log_to_file: bool = False, **kargs: Any) -> None:
        """Print `message`; with `log_to_file` it also becomes a line of `log-<host>`.

        Further keywords are those of `mlpipeline.utils.log`.
        """
        self._log_as("DataLoader", message, log_to_file, kargs)


def is_overridden(obj: object, base: type, method_name: str) -> bool:
    """Whether `obj` has its own `method_name` instead of the one of `base`; False if it has none at all."""
    method = getattr(obj, method_name, None)
    return method is not None and getattr(method, "__func__", method) is not getattr(base, method_name, None)


def _number(version: Version, key: str) -> int | float:
    try:
        return as_number(version[key], key)
    except NotJson as error:
        raise VersionsError(f'version "{version.name}": {error}') from error

"""One version of a model: its parameters, and the keys that mean something to mlpipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import VersionsError


class version_parameters:
    """The keys of a version that have a meaning of their own; any other key is a parameter too."""

    #: What the version is called: unique among the model's versions.
    NAME = "name"
    #: The `DataLoader` a `Model` trains and is evaluated on.
    DATALOADER = "dataloader"
    #: Samples per step.
    BATCH_SIZE = "batch_size"
    #: How many times a `Model` sees its training samples.
    EPOCH_COUNT = EPOC_COUNT = "epoch_count"
    LEARNING_RATE = "learning_rate"
    #: What the model dir is called after `<model>-`, instead of the version's name.
    MODEL_DIR_SUFFIX = "model_dir_suffix"
    #: Versions run in ascending order of it; as defined where it is equal.
    ORDER = "order"
    HOOKS = "hooks"
    CLASSES_COUNT = "classes_count"
    CLASSES_OFFSET = "classes_offset"
    USE_ALL_CLASSES = "use_all_classes"


#: Keys that name a version, place it and say where it is kept: they change nothing about what is trained.
_NOT_PARAMETERS = frozenset({version_parameters.NAME, version_parameters.ORDER, version_parameters.MODEL_DIR_SUFFIX})

#: In v1.1 every version had these, None where they were not given: its scripts read them unasked.
_ALWAYS_READABLE = frozenset(value for key, value in vars(version_parameters).items() if key.isupper())


def spelled(key: str) -> str:
    """`key` as the insides spell it: v1.1's `epoc_count` is `epoch_count`."""
    return version_parameters.EPOCH_COUNT if key == "epoc_count" else key


def as_spelled(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """`parameters` with their keys as the insides spell them."""
    if "epoc_count" not in parameters:
        return parameters  # A script defines all its versions in each of their runs: this is called often.
    return {spelled(key): value for key, value in parameters.items()}


class Version(dict[str, Any]):
    """One version: a dict of its parameters, readable as attributes too.

    `epoc_count` and `epoch_count` are one key. v1.1's own keys read as None where they were not given.
    """

    __slots__ = ()

    def __init__(self, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(as_spelled(parameters or {}))

    @property
    def name(self) -> str:
        """What the version is called."""
        # Not by our own `__getitem__`: it is asked of all versions in each of their runs.
        return str(dict.get(self, version_parameters.NAME))

    @property
    def suffix(self) -> str:
        """What follows `<model>-` in the name of the model dir."""
        own = dict.get(self, version_parameters.MODEL_DIR_SUFFIX)
        return self.name if own is None else str(own)

    def own_parameters(self) -> dict[str, Any]:
        """What was given for this version or as a default, without what only names, places or keeps it."""
        return {key: value for key, value in self.items() if key not in _NOT_PARAMETERS}

    def copy(self) -> Version:
        """A shallow copy."""
        return Version(self)

    def __missing__(self, key: str) -> None:
        if key not in _ALWAYS_READABLE:
            raise KeyError(key)

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(spelled(key))

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(spelled(key), value)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(spelled(key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(spelled(key) if isinstance(key, str) else key)

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(
                f'the version has no parameter "{key}".{did_you_mean(key, self)}', name=key, obj=self
            ) from None

    def __setattr__(self, key: str, value: Any) -> None:
        if hasattr(type(self), key):
            raise AttributeError(f'"{key}" cannot be set as an attribute: use version[{key!r}].')
        self[key] = value

    def get(self, key: str, default: Any = None, /) -> Any:
        """The value of `key`, or `default` where it was not given."""
        return super().get(spelled(key), default)

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """The value of `key`, set to `default` first where it was not given."""
        return super().setdefault(spelled(key), default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove `key` and return its value."""
        return super().pop(spelled(key), *default)

    def update(self, *others: Any, **further: Any) -> None:
        """Set keys as `dict.update` does."""
        super().update(as_spelled(dict(*others, **further)))


def checked_keys(where: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """`parameters`, if every key can be the name of one.

    Raises:
        VersionsError: one is no text, or means the version itself.
    """
    for key in parameters:
        if not isinstance(key, str):
            raise VersionsError(f"{where}: the parameter {key!r} is {type(key).__name__}; names are text.")
        if key == version_parameters.NAME:
            raise VersionsError(f'{where}: "name" is the version\'s name, not a parameter. Call yours otherwise.')
    return parameters


def check_seed(version: Version) -> None:
    """See that the version's own seed, if it has one, can seed a generator of random numbers.

    Raises:
        VersionsError: it is no whole number.
    """
    seed = version.get("seed")
    if seed is not None and (isinstance(seed, bool) or not hasattr(type(seed), "__index__")):
        raise VersionsError(f'version "{version.name}": seed must be a whole number, got {seed!r}.')


def listed(words: Iterable[str]) -> str:
    """The words, separated by commas, for an error message."""
    return ", ".join(words) or "nothing"

"""A model's versions and how a script defines them: one by one, or as a grid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlpipeline.authoring.grid import grid
from mlpipeline.authoring.version import Version, as_spelled, checked_keys, listed, version_parameters
from mlpipeline.domain.conditions import KEYS as CONDITIONS
from mlpipeline.domain.conditions import KINDS as CONDITION_KINDS
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.values import as_number
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import NotJson, VersionsError

__all__ = ["Version", "Versions", "checked_versions", "version_parameters"]

_UNCONDITIONAL = Conditions()


class Versions:
    """The versions of one model: defaults for all of them, then `addV` for each.

    Every argument is a default and optional; any further keyword is a parameter as well, but for those that say on
    what conditions the versions run:

        versions = Versions(
            resources={"gpus": 1, "cpus": 4, "memory": "8GB"},  # what each run has for itself
            timeout="8h",  # how long it may take: a text, or seconds
            silence="30min",  # how long it may go without output, metrics or progress
            stop_if_diverged=True,  # whether a metric that is NaN or infinite ends it
            retries={"out_of_memory": 1, "lost": 2},  # how many further attempts a failure is worth
        )

    Args:
        learning_rate, dataloader, batch_size, epoc_count, hooks, use_all_classes, classes_count,
            classes_offset: defaults of those parameters; None counts as not given. `epoch_count` is
            `epoc_count`.
        model_dir_suffix: model dirs are then called `<model>-<suffix>-<version's name>`.
        order: the default of every version's ORDER.
        parameters: defaults of parameters of your own.

    Raises:
        VersionsError: a keyword cannot be a parameter.
    """

    def __init__(
        self,
        learning_rate: Any = None,
        dataloader: Any = None,
        batch_size: Any = None,
        epoc_count: Any = None,
        model_dir_suffix: Any = None,
        order: Any = None,
        hooks: Any = None,
        use_all_classes: Any = None,
        classes_count: Any = None,
        classes_offset: Any = None,
        **parameters: Any,
    ) -> None:
        if version_parameters.NAME in parameters:
            raise VersionsError("Versions: name is no default. Every version has its own: `addV(name)`.")
        parameters, self._default_conditions = _split("Versions", parameters)
        self._defaults = _given(
            "Versions",
            parameters,
            learning_rate=learning_rate,
            dataloader=dataloader,
            batch_size=batch_size,
            epoc_count=epoc_count,
            order=order,
            hooks=hooks,
            use_all_classes=use_all_classes,
            classes_count=classes_count,
            classes_offset=classes_offset,
        )
        self._model_dir_suffix = model_dir_suffix
        self._versions: list[Version] = []
        #: By name, of those versions that have their own.
        self._conditions: dict[str, Conditions] = {}
        self._next_order = 0

    def addV(
        self,
        name: Any,
        dataloader: Any = None,
        batch_size: Any = None,
        epoc_count: Any = None,
        learning_rate: Any = None,
        model_dir_suffix: Any = None,
        order: Any = None,
        custom_paramters: Mapping[str, Any] | None = None,
        hooks: Any = None,
        use_all_classes: Any = None,
        classes_count: Any = None,
        classes_offset: Any = None,
        *,
        custom_parameters: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> None:
        """Define a version: the defaults, with what is given here in their place.

        Args:
            name: what the version is called; text, or a number that becomes text.
            dataloader, batch_size, epoc_count, learning_rate, hooks, use_all_classes, classes_count,
                classes_offset: as for `Versions`; None means the default.
            model_dir_suffix: the model dir is then called `<model>-<suffix>`, instead of after the version.
            order: its place among the versions; by default 0, 1, … as defined.
            custom_paramters: parameters of your own, as a dict; they win over all others.
            custom_parameters: the same.
            parameters: parameters of your own, as keywords; and the version's own conditions, see `Versions`.

        Raises:
            VersionsError: the name is no name, a keyword cannot be a parameter, or a condition is none.
        """
        name = _version_name(name)
        where = f'version "{name}"'
        parameters, conditions = _split(where, parameters)
        if conditions is not _UNCONDITIONAL:
            self._conditions[name] = conditions.over(self._default_conditions)
        given = _given(
            where,
            parameters,
            dataloader=dataloader,
            batch_size=batch_size,
            epoc_count=epoc_count,
            learning_rate=learning_rate,
            model_dir_suffix=model_dir_suffix,
            order=order,
            hooks=hooks,
            use_all_classes=use_all_classes,
            classes_count=classes_count,
            classes_offset=classes_offset,
        )
        version = {**self._defaults, version_parameters.NAME: name, **given}
        if version_parameters.ORDER not in version:
            version[version_parameters.ORDER] = self._next_order
            self._next_order += 1
        for custom in (custom_paramters, custom_parameters):
            if custom:
                version.update(as_spelled(checked_keys(where, custom)))
        if self._model_dir_suffix is not None and version.get(version_parameters.MODEL_DIR_SUFFIX) is None:
            version[version_parameters.MODEL_DIR_SUFFIX] = f"{self._model_dir_suffix}-{name}"
        self._versions.append(Version(version))

    add_version = addV

    def getVersion(self, name: Any) -> Version:
        """The version called `name`; changing it changes the version.

        Raises:
            VersionsError: there is none.
        """
        wanted = str(name)
        for version in self._versions:
            if version.name == wanted:
                return version
        names = [version.name for version in self._versions]
        raise VersionsError(f'there is no version "{wanted}". There are: {listed(names)}.{did_you_mean(wanted, names)}')

    get_version = getVersion

    def conditions(self, name: str) -> Conditions:
        """On what conditions the version called `name` runs, as far as they are said here."""
        return self._conditions.get(name, self._default_conditions)

    def rangeOnParameters(
        self,
        names: Sequence[Any] | None = None,
        combining_parameters: Iterable[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Define a grid: one version for each combination of the values of `combining_parameters`.

            versions.rangeOnParameters(
                combining_parameters=["learning_rate", "layers"],
                parameters={"learning_rate": [0.1, 0.01], "layers": [2, 3], "batch_size": 64},
            )

        Args:
            names: of the versions, the last combining parameter varying fastest; by default made of the
                values: `learning_rate=0.1,layers=2`.
            combining_parameters: which of `parameters` hold several values: a list, tuple or range each.
            parameters: values by name; those not combined are the same in all versions of the grid.

        Raises:
            VersionsError: a combined parameter has no values, or there are not as many names as combinations.
        """
        for name, chosen in grid(names, combining_parameters, parameters or {}):
            self.addV(name, custom_parameters=chosen)

    range_on_parameters = rangeOnParameters

    def in_order(self) -> list[Version]:
        """The versions by their ORDER, and as defined where it is equal.

        Raises:
            VersionsError: an ORDER is not a number.
        """
        return sorted(self._versions, key=_order)

    def check(self) -> None:
        """See that the versions can live side by side.

        Raises:
            VersionsError: there are none, two share a name or a model dir, or an ORDER is not a number.
        """
        if not self._versions:
            raise VersionsError('there are no versions. Define one: `versions.add_version("first")`.')
        for name, count in Counter(version.name for version in self._versions).items():
            if count > 1:
                raise VersionsError(
                    f'{count} versions are called "{name}". Give each a name of its own (in a grid: `names=[…]`).'
                )
        owners: dict[str, str] = {}
        for version in self._versions:
            other = owners.setdefault(version.suffix, version.name)
            if other != version.name:
                raise VersionsError(
                    f'versions "{other}" and "{version.name}" would share the model dir suffix '
                    f'"{version.suffix}". Give each its own, or none: then it is the version\'s name.'
                )
        for version in self._versions:
            _order(version)


def checked_versions(value: object, owner: str) -> Versions:
    """`value`, which `owner` was given as its versions.

    Raises:
        VersionsError: it is something else.
    """
    if isinstance(value, Versions):
        return value
    raise VersionsError(f"{owner}: versions must be a `Versions` object, not {type(value).__name__}.")


def _split(where: str, keywords: Mapping[str, Any]) -> tuple[dict[str, Any], Conditions]:
    """The parameters among `keywords`, and the conditions.

    Raises:
        VersionsError: a condition is none. If it is meant as a parameter, the message says how to give it.
    """
    parameters = {key: value for key, value in keywords.items() if key not in CONDITIONS}
    if len(parameters) == len(keywords):
        return parameters, _UNCONDITIONAL

    # What is of the right type was meant as a condition, whatever else is wrong with it.
    conditions = [(keywords[key], kinds) for key, kinds in CONDITION_KINDS.items() if keywords.get(key) is not None]
    is_meant = all(isinstance(value, kinds) for value, kinds in conditions)

    def complain(message: str) -> VersionsError:
        advice = "" if is_meant else " A parameter of that name goes in custom_parameters."
        return VersionsError(f"{where}: {message}{advice}")

    return parameters, Conditions.parse(keywords, "", complain)


def _given(where: str, further: Mapping[str, Any], **signature: Any) -> dict[str, Any]:
    """What was given, as the insides spell it: arguments that are not None, as in v1.1, and every further keyword."""
    given = dict(as_spelled({key: value for key, value in signature.items() if value is not None}))
    if not further:
        return given
    if version_parameters.EPOCH_COUNT in further and version_parameters.EPOCH_COUNT in given:
        raise VersionsError(f"{where}: epoc_count and epoch_count are the same parameter: give one of them.")
    given.update(further)
    if version_parameters.EPOCH_COUNT in given and given[version_parameters.EPOCH_COUNT] is None:
        del given[version_parameters.EPOCH_COUNT]
    return given


def _version_name(name: object) -> str:
    if isinstance(name, (str, int, float)):  # a tuple: this is called for every version in each of their runs
        return str(name)
    raise VersionsError(f"a version's name must be text, not {type(name).__name__}: {name!r}.")


def _order(version: Version) -> int | float:
    order: Any = version[version_parameters.ORDER]
    if type(order) is int:
        return int(order)
    try:
        number = as_number(order, version_parameters.ORDER)
    except NotJson as error:
        raise VersionsError(f'version "{version.name}": {error}') from error
    if isinstance(number, float) and math.isnan(number):
        raise VersionsError(f'version "{version.name}": order is NaN, which has no place among numbers.')
    return number

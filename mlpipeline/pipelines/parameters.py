"""Which parameter of a pipeline goes to which stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from typing import Any

from mlpipeline.domain.changes import Further
from mlpipeline.domain.words import did_you_mean, nearest
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import SEPARATOR, StageDefinition
from mlpipeline.pipelines.signatures import Argument


class Parameters:
    """The parameters that the stages of a pipeline take.

    Args:
        stages: by name.
        taken: function stage -> those of its arguments that are no parameters.
        artifacts: all that stages make.
    """

    def __init__(
        self, stages: Mapping[str, StageDefinition], taken: Mapping[str, Container[str]], artifacts: Collection[str]
    ) -> None:
        self._stages = stages
        self._artifacts = artifacts
        arguments = {
            name: [argument for argument in stage.run_arguments if argument.name not in taken[name]]
            if stage.is_function
            else stage.constructor
            for name, stage in stages.items()
        }
        self._names = {
            name: [argument.name for argument in taken_by if not argument.is_rest]
            for name, taken_by in arguments.items()
        }
        #: Those that take any other one, too, if it is said to be theirs.
        self._with_rest = {
            name for name, taken_by in arguments.items() if any(argument.is_rest for argument in taken_by)
        }

    def assigned(self, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return stage -> the values of its parameters: those that the script gave it, and these.

        Raises:
            PipelineError: no stage takes one of these, or more than one stage does.
        """
        assigned = {name: dict(stage.given) for name, stage in self._stages.items()}
        for key, value in parameters.items():
            stage, parameter = self._taker(key)
            assigned[stage][parameter] = value
        return assigned

    def further(self, own: Collection[str], assigned: Mapping[str, Mapping[str, Any]]) -> Further:
        """What may be changed beside the parameters that are named.

        Args:
            own: names of parameters, each of which one stage takes.
            assigned: stage -> the values of its parameters, as `assigned` says.
        """
        short = Counter(name for names in self._names.values() for name in names)
        called = {self._taker(key): key for key in own}
        defaults: dict[str, Any] = {}
        written: dict[str, str] = {}
        for stage, names in self._names.items():
            for name in names:
                full = f"{stage}{SEPARATOR}{name}"
                key = called.get((stage, name), full)
                written[full] = key
                if short[name] == 1:
                    written[name] = key
                if key not in own:
                    defaults[key] = assigned[stage].get(name, self._stages[stage].defaults.get(name))
        return Further(defaults=defaults, names=written)

    def lacking(
        self,
        stage: StageDefinition,
        arguments: Sequence[Argument],
        takes: Container[str],
        parameters: Container[str],
    ) -> str | None:
        """What is wrong where a parameter has neither a value nor a default; None where all have one."""
        names = self._names[stage.name]
        of = arguments if stage.is_function else stage.constructor
        for argument in of:
            name = argument.name
            if argument.has_default or name not in names or name in takes or name in parameters:
                continue
            if not stage.is_function:
                return (
                    f'{stage.title}: its constructor takes "{name}", which has neither a value nor a default. '
                    f"{self._advice(stage, name)}"
                )
            artifact = nearest(argument.artifact, self._artifacts)
            meant = "" if artifact is None else f' Did you mean the artifact "{artifact}"?'
            return (
                f'{stage.title} takes "{name}", which no stage makes, and which has no value as a parameter either.'
                f"{meant} {self._advice(stage, name)}"
            )
        return None

    def _advice(self, stage: StageDefinition, name: str) -> str:
        others = {other for of, names in self._names.items() for other in names if of != stage.name}
        alike = nearest(name, others)
        hint = "" if alike is None or alike == name else f' (another stage takes "{alike}")'
        return f'Give it one: parameters={{"{stage.name}{SEPARATOR}{name}": …}}{hint}.'

    def require(self, key: str) -> None:
        """See that a stage takes a parameter, if it is said to be that stage's: `<stage>.<parameter>`, or a key of it.

        Raises:
            PipelineError: it does not; what it takes instead is said.
        """
        stage, _, rest = key.partition(SEPARATOR)
        if stage in self._stages and rest:
            self._addressed(stage, rest.partition(SEPARATOR)[0])

    def _taker(self, key: object) -> tuple[str, str]:
        if not isinstance(key, str):
            raise PipelineError(f"parameters: a name is a text, and {key!r} is none.")
        stage, _, parameter = key.rpartition(SEPARATOR)
        if stage:
            return self._addressed(stage, parameter)
        takers = [name for name, names in self._names.items() if key in names]
        if not takers:
            if key in self._artifacts:
                raise PipelineError(f'"{key}" is an artifact, and no parameter. Hand it in: inputs={{"{key}": …}}.')
            known = {name for names in self._names.values() for name in names}
            raise PipelineError(f'no stage takes the parameter "{key}".{did_you_mean(key, sorted(known))}')
        if len(takers) > 1:
            which = " or ".join(f"{name}{SEPARATOR}{key}" for name in takers)
            raise PipelineError(f'"{key}" is a parameter of {len(takers)} stages. Say {which}.')
        return takers[0], key

    def _addressed(self, stage: str, parameter: str) -> tuple[str, str]:
        key = f"{stage}{SEPARATOR}{parameter}"
        if stage not in self._stages:
            raise PipelineError(f'parameter "{key}": there is no stage "{stage}".{did_you_mean(stage, self._stages)}')
        definition, names = self._stages[stage], self._names[stage]
        if parameter in names or stage in self._with_rest:
            return stage, parameter
        if not names and definition.given:
            advice = " It is an object that does not tell how it was made: let its class inherit from Stage."
        else:
            elsewhere = [name for name, others in self._names.items() if parameter in others]
            advice = did_you_mean(parameter, names)
            if not advice and elsewhere:
                advice = f' Did you mean "{elsewhere[0]}{SEPARATOR}{parameter}"?'
            advice += f" It takes {', '.join(names)}." if names else " It has no parameters."
        what = "the artifact" if parameter in self._artifacts else "no parameter"
        told = f'parameter "{key}": {definition.title} takes {what} "{parameter}"'
        methods = {"run": definition.run_arguments, "fit": definition.fit_arguments}
        taken = [
            f"`{name}`" for name, arguments in methods.items() if parameter in {argument.name for argument in arguments}
        ]
        if taken and not definition.is_function:
            told += f": it is an argument of its {' and '.join(taken)}, and parameters are those of its constructor"
        raise PipelineError(f"{told}.{advice}")

"""Calling a stage: what it gets, and what becomes of what it returns."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlpipeline.authoring.stages import is_marker, output_name
from mlpipeline.domain.words import did_you_mean
from mlpipeline.errors import PipelineError
from mlpipeline.pipelines.definitions import FROM_RUN
from mlpipeline.pipelines.states import restored, state_in
from mlpipeline.pipelines.wiring import Action, StageCall

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run


def made_by(
    call: StageCall, parameters: Mapping[str, Any], inputs: Mapping[str, Any], run: Run | None
) -> dict[str, Any]:
    """Call a stage, and return the artifacts that it made, by name.

    Args:
        call: of which stage.
        parameters: their values, which the stage may change.
        inputs: argument -> value, and the state by the name of its artifact.
        run: what a stage gets that takes `run`.

    Raises:
        PipelineError: what it returned is not what it is to make.
        BaseException: whatever it raises, with a note of which stage it was.
    """
    arguments = {name: value for name, value in inputs.items() if name != call.state}
    if call.takes_run:
        arguments[FROM_RUN] = run
    try:
        if call.stage.is_function:
            returned = call.stage.target(**arguments, **parameters)
        else:
            if call.state is not None:
                made = restored(call.stage.code, parameters, inputs[call.state])
            else:
                made = call.stage.built(parameters)
            if call.action is Action.FIT:
                made.fit(**arguments)
                return {call.makes[0]: state_in(made)}
            returned = made.run(**arguments)
    except Exception as error:
        error.add_note(f"in {call.title}")
        raise
    return handed_on(returned, call)


def handed_on(returned: Any, call: StageCall) -> dict[str, Any]:
    """Return the artifacts, by name, of what a stage returned.

    Raises:
        PipelineError: it is not what the stage is to make, or can be read only once.
    """
    by_name = _by_name(returned, call)
    for name, value in by_name.items():
        whose = "" if call.makes == (call.stage.name,) else f' as "{name}"'
        if isinstance(value, io.IOBase):
            raise PipelineError(f"{call.title} returned an open file{whose}. Return its path, or what it holds.")
        if isinstance(value, Iterator):
            raise PipelineError(
                f"{call.title} returned a {type(value).__name__}{whose}, which can be read once only. Return a list: "
                "list(…)."
            )
        if inspect.isawaitable(value):
            raise PipelineError(f"{call.title} returned a {type(value).__name__}{whose}. Await it: asyncio.run(…).")
    return by_name


def _by_name(returned: Any, call: StageCall) -> dict[str, Any]:
    makes = call.makes
    if returned is None:
        raise PipelineError(f"{call.title} returned None; it is to return {_what(call)}. Is a `return` missing?")
    if call.is_named and isinstance(returned, Mapping):
        found = {
            output_name(key) if isinstance(key, str) or is_marker(key) else str(key): value
            for key, value in returned.items()
        }
        if found.keys() == set(makes):
            return {name: found[name] for name in makes}
        # A stage with one artifact may also return its value, and that may be a dict.
        if len(makes) > 1 or makes[0] in found:
            raise PipelineError(f"{call.title} {_difference(list(found), makes)}")
    if len(makes) == 1:
        return {makes[0]: returned}
    raise PipelineError(f"{call.title} returned a {type(returned).__name__}; it is to return {_what(call)}.")


def _what(call: StageCall) -> str:
    if call.is_named and len(call.makes) > 1:
        return f"a dict of {', '.join(call.makes)}"
    return f'the value of "{call.makes[0]}"'


def _difference(returned: Sequence[str], makes: Sequence[str]) -> str:
    """What a stage returned too much, and what it did not return: a sentence without its subject."""
    undeclared = [name for name in returned if name not in makes]
    missing = [name for name in makes if name not in returned]
    said = []
    if undeclared:
        said.append(f"returned {_quoted(undeclared)}, which it does not say that it makes")
    if missing:
        said.append(f"did not return {_quoted(missing)}")
    advice = did_you_mean(undeclared[0], missing) if undeclared and missing else ""
    return f"{', and '.join(said)}. It makes {', '.join(makes)}.{advice}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)

"""The kinds of model a script may set, and who does the work of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from mlpipeline.errors import ScriptError
from mlpipeline.worker.failures import exit_call, one_line, user_traceback
from mlpipeline.worker.importing import StoredCode, import_script
from mlpipeline.worker.leaving import leave_if_forked

#: The kinds of model, and the modules where they are defined.
KINDS = {
    "Model": "mlpipeline.authoring.model",
    "FunctionModel": "mlpipeline.authoring.function_model",
    "CommandModel": "mlpipeline.authoring.command_model",
    "Pipeline": "mlpipeline.pipelines.pipeline",
}

Performer = Callable[..., None]


def kind_of(model: object) -> str | None:
    """Return which of `KINDS` a model is, or None.

    Of a kind whose module the script did not import there are no objects: nothing is imported to find out.
    """
    for name, home in KINDS.items():
        kind = getattr(sys.modules.get(home), name, None)
        if kind is not None and isinstance(model, kind):
            return name
    return None


def load_model(script: Path, models_dir: Path, store: StoredCode) -> Any:
    """Import a script and return its `MODEL`.

    Raises:
        ScriptError: it does not import, or sets no usable `MODEL`; its `traceback` begins in user code.
    """
    model = vars(load_script(script, models_dir, store)).get("MODEL")
    name = script_name(script, models_dir)
    if model is None:
        raise ScriptError(name, "sets no MODEL. Set it to a Model, a FunctionModel, a CommandModel or a Pipeline.")
    if kind_of(model) is None:
        found = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        raise ScriptError(
            name, f"MODEL is {found}; it must be an object of Model, FunctionModel, CommandModel or Pipeline."
        )
    return model


def load_script(script: Path, models_dir: Path, store: StoredCode) -> ModuleType:
    """Import a script.

    Raises:
        ScriptError: it does not import; its `traceback` begins in user code.
    """
    worker = os.getpid()
    try:
        module = import_script(script, models_dir, store)
    except BaseException as error:
        leave_if_forked(worker, error)
        if isinstance(error, KeyboardInterrupt):
            raise
        how = f"called {exit_call(error)} while it was" if isinstance(error, SystemExit) else "cannot be"
        why = "" if isinstance(error, SystemExit) else f": {one_line(error)}"
        raise ScriptError(
            script_name(script, models_dir), f"{how} imported{why}", traceback=user_traceback(error)
        ) from error
    leave_if_forked(worker, None)
    return module


def script_name(script: Path, models_dir: Path) -> str:
    """Return a script as it is listed: relative to models_dir; only its name where it does not lie there."""
    return script.relative_to(models_dir).as_posix() if script.is_relative_to(models_dir) else script.name


def performer_of(model: Any) -> Performer:
    """Return the function that does the work of this kind of model."""
    kind = kind_of(model)
    if kind == "FunctionModel":
        from mlpipeline.worker.function_call import perform as perform_function

        return perform_function
    if kind == "CommandModel":
        from mlpipeline.worker.command_call import perform as perform_command

        return perform_command
    if kind == "Pipeline":
        from mlpipeline.worker.pipeline_call import perform as perform_pipeline

        return perform_pipeline
    from mlpipeline.worker.model_calls import perform as perform_model

    return perform_model

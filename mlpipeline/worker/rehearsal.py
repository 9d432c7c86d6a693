"""What a worker does in any case, done once for nothing, while it waits to be told what to carry out.

A fork shares its parent's memory until it writes to it, and Python writes to whatever it looks at, since it counts
references. So the first use of anything costs a worker a copy of its page: here, nobody waits for it.
"""

from __future__ import annotations

import json
import os
import sys

from mlpipeline.domain.result import Result
from mlpipeline.domain.spec import Mode, Spec
from mlpipeline.domain.states import Outcome, Start
from mlpipeline.executors.processes import ProcessId
from mlpipeline.project.clock import timestamp
from mlpipeline.project.files import to_json

_SCRIPT = """
import json
from mlpipeline.authoring.function_model import FunctionModel
from mlpipeline.authoring.versions import Versions

def train(number, *, model_dir):
    return {"number": number}

versions = Versions()
for number in range(20):
    versions.add_version(f"v{number}", number=number)
MODEL = FunctionModel(train, versions)
version = versions.get_version("v7")
results = train(**{"number": version.number, "model_dir": None})
"""


def rehearse() -> None:
    """Leave everything as it was."""
    spec = Spec(
        run="", name="", model="", version="", mode=Mode.EXECUTION, host="", script="", models_dir="", project="",
        model_dir="", start=Start.CLEAN, seed=0, parameters={"number": 7},
    )  # fmt: skip
    Spec.from_json(json.loads(to_json(spec.to_json())))
    myself = ProcessId.of(os.getpid())
    to_json({**(myself.to_json() if myself else {}), "command": sys.orig_argv, "started_at": timestamp()})
    to_json(Result(outcome=Outcome.SUCCEEDED, results={"number": 7}).to_json())
    code = compile(_SCRIPT, "<rehearsal>", "exec")
    # Nothing is imported that the script may not import.
    if {"mlpipeline.authoring.function_model", "mlpipeline.authoring.versions"} <= sys.modules.keys():
        exec(code, {"__name__": "rehearsal"})

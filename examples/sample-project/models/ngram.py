"""How well can the next letter be guessed from the few before it? A program of its own, run as it is.

The command line is filled in for every version: {context} from the version, {model_dir} from mlpipeline. The
program knows nothing of mlpipeline: it writes its results to the file named by $MLP_METRICS.
"""

import shlex
import sys

from mlpipeline import CommandModel, Versions

# Any command does: `Rscript fit.R`, `./train`, `torchrun train.py`. This one is Python, the one that runs us.
PROGRAM = f"{shlex.quote(sys.executable)} programs/train_ngram.py"

versions = Versions()
versions.add_version("one", context=1)
versions.add_version("two", context=2)
versions.add_version("four", context=4)

MODEL = CommandModel(
    f"{PROGRAM} --context {{context}} --out {{model_dir}}",
    versions,
    # What test mode runs instead: the same code on little data.
    test_command=f"{PROGRAM} --context {{context}} --out {{model_dir}} --letters 5000",
)

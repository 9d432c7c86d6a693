"""What modules set outside of the project as they are loaded: each edit of it is seen, and none of what is beside."""

from __future__ import annotations

import builtins
import decimal
import importlib
import json
import sys
import textwrap

import numpy as np
import pytest

from mlpipeline.pipelines.code import Codes

HEAD = """
    import builtins
    import decimal
    import json
    import logging
    import os
    import warnings
    from decimal import getcontext, setcontext

    import numpy as np
    import helpers
    from helpers import prepare
    from mlpipeline import Pipeline, Stage, stage
    from mlpipeline.utils import Versions

    DIGITS = 3
    versions = Versions()
    logger = logging.getLogger(__name__)
    TABLE = {}
"""
STAGE = """
    def setup():
        np.set_printoptions(precision=4)

    def main():
        pipeline = Pipeline(stages=[train])
        value = pipeline.run("train")
        print(value)
        np.save("x.npy", value)

    @stage
    def train():
        return 1
"""
HELPERS = """
    import deep
    SCALE = 1

    def prepare(digits=3):
        np.set_printoptions(precision=digits)
"""
#: A statement below the definitions, and what stands there then.
SEEN = {
    "a call": ("np.set_printoptions(precision=3)", "np.set_printoptions(precision=4)"),
    "a call that comes up": ("", "np.seterr(all='raise')"),
    "a call of what was imported by name": (
        "setcontext(decimal.Context(prec=5))",
        "setcontext(decimal.Context(prec=6))",
    ),
    "an attribute": ("json.foo = 10", "json.foo = 11"),
    "an attribute of what is got": ("decimal.getcontext().prec = 5", "decimal.getcontext().prec = 6"),
    "an attribute of what was got": (
        "context = getcontext()\ncontext.prec = 28",
        "context = getcontext()\ncontext.prec = 29",
    ),
    "a builtin": ("builtins.ZZ = 1", "builtins.ZZ = 2"),
    "an item": ("os.environ['MLP_X'] = '1'", "os.environ['MLP_X'] = '2'"),
    "an item less": ("os.environ['MLP_X'] = '1'", ""),
    "in an if": ("if DIGITS:\n    json.foo = 1", "if DIGITS:\n    json.foo = 2"),
    "in a with": ("with decimal.localcontext():\n    json.foo = 1", "with decimal.localcontext():\n    json.foo = 2"),
    "in a for": ("for x in [1]:\n    json.foo = x", "for x in [2]:\n    json.foo = x"),
    "in a try": (
        "try:\n    json.foo = 1\nexcept ValueError:\n    pass",
        "try:\n    json.foo = 2\nexcept ValueError:\n    pass",
    ),
    "in an except": (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    json.foo = 1",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    json.foo = 2",
    ),
    "what it is given": (
        "WIDTH = 70\nnp.set_printoptions(linewidth=WIDTH)",
        "WIDTH = 71\nnp.set_printoptions(linewidth=WIDTH)",
    ),
    "a function that does it": ("setup()", ""),
    "an imported function": ("", "prepare()"),
    "what that is given": ("prepare(2)", "prepare(3)"),
}
UNSEEN = {
    "a print": ("print(1)", "print(2)"),
    "a log line": ("logger.info('a')\nlogging.captureWarnings(False)", "logging.info('b')"),
    "a filter of warnings": ("", "warnings.simplefilter('default')"),
    "a version": ("versions.add_version('a')", "versions.add_version('b')"),
    "a run of the pipeline": ("", "if len(__name__) > 99:\n    Pipeline().run('train')\n    main()"),
    "what the pipeline made": ("made = Pipeline", "made = Pipeline\nif not made:\n    np.save('x', made.run())"),
    "a guarded part": ("", "if __name__ == '__main__':\n    np.seterr(all='raise')\n    main()"),
    "an item of the project's": ("TABLE['x'] = 1", "TABLE['x'] = 2"),
    "an attribute of a module of the project's": ("helpers.SCALE = 1", "helpers.SCALE = 2"),
    "a plain assignment": ("NEW = np.zeros(3)", "NEW = np.zeros(4)"),
    "a text": ("'''one'''", "'''another'''"),
    "a new function": ("", "def further():\n    np.seterr(all='raise')"),
}


def module_text(extra):
    return textwrap.dedent(HEAD) + textwrap.dedent(STAGE) + extra + "\n"


@pytest.fixture
def code_in(tmp_path, monkeypatch):
    """The code of the stage `train`, with that below its definitions, and these modules beside it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("MLP_X", "0")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    number = iter(range(100))

    def found(extra="", **modules):
        files = {"helpers": "import numpy as np\n" + textwrap.dedent(HELPERS), "deep": ""} | modules
        for name in ("net", *files):
            sys.modules.pop(name, None)
        for name, text in {"net": module_text(extra), **files}.items():
            # A file of another length each time: nobody takes it for the one before.
            (tmp_path / f"{name}.py").write_text(f"{text}\n{'#' * next(number)}\n", "utf-8")
        importlib.invalidate_caches()
        try:
            return Codes().of(importlib.import_module("net").train)
        finally:
            for name in ("net", *files):
                sys.modules.pop(name, None)

    errors, context = np.geterr(), decimal.getcontext().copy()
    with np.printoptions():
        yield found
    np.seterr(**errors)
    decimal.setcontext(context)
    vars(json).pop("foo", None)
    vars(builtins).pop("ZZ", None)


def digests(code):
    return {part.name: part.digest for part in code.parts}


@pytest.mark.parametrize("edit", SEEN)
def test_an_edit_of_what_is_set_outside_of_the_project_is_seen(code_in, edit):
    before, after = SEEN[edit]
    assert digests(code_in(before)) != digests(code_in(after))
    assert digests(code_in(after)) == digests(code_in(after))


@pytest.mark.parametrize("edit", UNSEEN)
def test_an_edit_beside_what_is_set_is_not_seen(code_in, edit):
    before, after = UNSEEN[edit]
    assert digests(code_in(before)) == digests(code_in(after))


def test_the_code_of_a_function_that_sets_something_counts(code_in):
    before = digests(code_in("setup()"))
    assert "net.setup" in before
    assert "net.setup" not in digests(code_in(""))


def test_what_imported_modules_of_the_project_set_counts_and_says_where(code_in):
    plain = code_in()
    found = code_in(deep="import numpy as np\n\nnp.seterr(all='warn')")
    assert digests(found) != digests(plain)
    (part,) = [part for part in found.parts if part.name not in digests(plain)]
    assert (part.name, part.file, part.line) == ("deep (top level)", "deep.py", 3)


def test_the_order_of_definitions_beside_what_is_set_does_not_count(code_in):
    one = "def a():\n    pass\ndef b():\n    pass\njson.foo = 1"
    other = "def b():\n    pass\ndef a():\n    pass\njson.foo = 1"
    assert digests(code_in(one)) == digests(code_in(other))

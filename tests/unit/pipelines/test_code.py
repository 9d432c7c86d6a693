"""What counts as code of a stage: each edit of a project of several files changes it, or does not."""

from __future__ import annotations

import importlib
import sys
import textwrap
from contextlib import contextmanager

import pytest

from mlpipeline.pipelines.code import code_of

PROJECT = {
    "net.py": '''
        """A model script."""
        import importlib
        import logging
        import sys
        from dataclasses import dataclass, field
        from enum import Enum
        from functools import lru_cache, partial, wraps

        import features
        import whole
        from constants import *
        from kinds import Base, Colour, Options, Point
        from tools import scaling
        from tools.deep import shift as moved
        from mlpipeline import Stage, stage

        logger = logging.getLogger(__name__)
        SCALE = 3
        NAMES = {"b", "a", "c"}

        def logged(level):
            def decorate(function):
                @wraps(function)
                def wrapper(*args, **kwargs):
                    logger.info("level %s", level)
                    return function(*args, **kwargs)
                return wrapper
            return decorate

        @logged("info")
        def helper(x, power=2):
            """Raise it."""
            total = 0
            for item in [x, x]:
                total += item**power
            return total

        @lru_cache(maxsize=3)
        def remembered(x):
            return x + 1

        def double(x):
            return x * 2

        def triple(x):
            return x * 3

        BY_NAME = {"double": double, "other": triple}

        REGISTRY = {}

        def registered(function):
            REGISTRY[function.__name__] = function
            return function

        @registered
        def one():
            return 1

        def adder(n):
            def add(x):
                return x + n
            return add

        add_five = adder(5)
        square = lambda x: x * x; cube = lambda x: x ** 3
        half = partial(scaling.divided, by=2)

        if sys.version_info > (3,):
            def conditional(x):
                return x
        else:
            def conditional(x):
                return -x

        class Net(Base):
            depth = 4

            def __init__(self, width):
                self.width = width

            def predict(self, x):
                return self.layer(x) + self.depth

            def layer(self, x):
                return x

            @property
            def size(self):
                return self.width

            @staticmethod
            def activation(x):
                return max(x, 0)

        network = Net(width=8)

        def unrelated():
            return "nothing reads it"

        @stage("train")
        class Train(Stage):
            rate = 0.1

            def __init__(self, epochs: int = 3):
                self.epochs = epochs

            def run(self, data, options: Options):
                # comment
                result = helper(data) + features.normalize(data) + SCALE + len(NAMES)
                result += BY_NAME["double"](data) + REGISTRY["one"]() + add_five(1) + square(2) + half(4)
                result += network.predict(data) + remembered(1) + moved(data) + OFFSET + shifted(data)
                result += conditional(data) + Colour.RED.value + Options().size + Point(1, 2).x
                result += getattr(whole, "anything")()
                from lazy import late
                return {"result": [late(each) for each in range(result)]}
    ''',
    "features.py": """
        import numpy as np

        MEAN = 0.5

        def normalize(values):
            return centre(values) / 2

        def centre(values):
            return values - MEAN

        def unused(values):
            return values
    """,
    "constants.py": """
        OFFSET = 10
        UNUSED = 1

        def shifted(x):
            return x + OFFSET
    """,
    "kinds.py": """
        from collections import namedtuple
        from dataclasses import dataclass, field
        from enum import Enum

        class Root:
            def deepest(self):
                return 0

        class Base(Root):
            def inherited(self):
                return 1

        class Colour(Enum):
            RED = 1
            GREEN = 2

        @dataclass
        class Options:
            size: int = 3
            names: list = field(default_factory=lambda: ["a"])

        Point = namedtuple("Point", "x y")
    """,
    "whole.py": """
        import under

        def anything():
            return under.low()

        def else_there():
            return 2
    """,
    "under.py": """
        def low():
            return 1
    """,
    "lazy.py": """
        def late(x):
            return x

        def later(x):
            return x
    """,
    "tools/__init__.py": "",
    "tools/scaling.py": """
        from .deep import shift

        def divided(x, by):
            return shift(x) / by
    """,
    "tools/deep.py": """
        from . import constants

        def shift(x):
            return x + constants.AMOUNT
    """,
    "tools/constants.py": """
        AMOUNT = 1
        OTHER = 2
    """,
}

#: Name of the edit -> (file, what stands there, what stands there then).
UNSEEN = {
    "a comment": ("net.py", "# comment", "# another"),
    "a docstring": ("net.py", '"""Raise it."""', '"""Raise it to a power."""'),
    "a docstring less": ("net.py", '"""Raise it."""', ""),
    "layout": ("net.py", "SCALE = 3\n", "\n\nSCALE   =  (3)\n\n\n"),
    "a renamed local": ("net.py", "total", "summed"),
    "a renamed local of a comprehension": ("net.py", "late(each) for each in", "late(one_of) for one_of in"),
    "an unrelated function": ("net.py", '"nothing reads it"', '"nothing at all reads it"'),
    "an unrelated function of a helper's module": ("features.py", "return values\n", "return [values]\n"),
    "an unrelated constant": ("constants.py", "UNUSED = 1", "UNUSED = 2"),
    "an unrelated constant of a package": ("tools/constants.py", "OTHER = 2", "OTHER = 3"),
    "a package's beginning": ("tools/__init__.py", "", "VERSION = 1"),
    "a new import": ("net.py", "import sys", "import sys, json"),
}
SEEN = {
    "the stage": ("net.py", "range(result)", "range(result + 1)"),
    "a default of the stage": ("net.py", "epochs: int = 3", "epochs: int = 4"),
    "a class attribute of the stage": ("net.py", "rate = 0.1", "rate = 0.2"),
    "a helper": ("net.py", "total += item**power", "total -= item**power"),
    "a default argument": ("net.py", "power=2", "power=3"),
    "a renamed argument": ("net.py", "def double(x):\n    return x * 2", "def double(y):\n    return y * 2"),
    "a constant": ("net.py", "SCALE = 3", "SCALE = 4"),
    "a set": ("net.py", '{"b", "a", "c"}', '{"b", "a", "d"}'),
    "a decorator's body": ("net.py", "return function(*args, **kwargs)", "return 2 * function(*args, **kwargs)"),
    "a decorator's argument": ("net.py", '@logged("info")', '@logged("debug")'),
    "a decorator less": ("net.py", '@logged("info")\n', ""),
    "how a logger is made": ("net.py", "getLogger(__name__)", "getLogger('mine')"),
    "the body of what is remembered": ("net.py", "return x + 1", "return x + 2"),
    "how much is remembered": ("net.py", "maxsize=3", "maxsize=4"),
    "an entry of a dispatch dict": ("net.py", '"double": double', '"double": triple'),
    "a function of a dispatch dict": ("net.py", "return x * 2", "return x * 4"),
    "a registered function": ("net.py", "return 1\n", "return 2\n"),
    "a closure": ("net.py", "return x + n", "return x - n"),
    "a closure's value": ("net.py", "adder(5)", "adder(6)"),
    "a lambda": ("net.py", "x * x;", "x * x + 1;"),
    "a partial's argument": ("net.py", "by=2", "by=3"),
    "a partial's function": ("tools/scaling.py", "shift(x) / by", "shift(x) // by"),
    "a conditional definition": ("net.py", "sys.version_info > (3,)", "sys.version_info < (3,)"),
    "a method reached through an instance": ("net.py", "self.layer(x) + self.depth", "self.layer(x) - self.depth"),
    "a method of a method": (
        "net.py",
        "def layer(self, x):\n        return x",
        "def layer(self, x):\n        return -x",
    ),
    "a property": ("net.py", "return self.width", "return self.width + 1"),
    "a static method": ("net.py", "max(x, 0)", "max(x, 1)"),
    "a class attribute": ("net.py", "depth = 4", "depth = 5"),
    "an instance": ("net.py", "Net(width=8)", "Net(width=9)"),
    "a base class": ("kinds.py", "return 1", "return 2"),
    "a base class's base": ("kinds.py", "return 0", "return 3"),
    "other bases": ("kinds.py", "class Base(Root)", "class Base"),
    "an enum's member": ("kinds.py", "RED = 1", "RED = 3"),
    "a dataclass's default": ("kinds.py", "size: int = 3", "size: int = 4"),
    "a dataclass's field": ("kinds.py", "size: int = 3", "size: int = 3\n    more: int = 0"),
    "a dataclass's factory": ("kinds.py", '["a"]', '["b"]'),
    "a dataclass's decorator": ("kinds.py", "@dataclass\n", "@dataclass(frozen=True)\n"),
    "a named tuple": ("kinds.py", '"x y"', '"y x"'),
    "an imported helper": ("features.py", "centre(values) / 2", "centre(values) / 3"),
    "a helper's helper": ("features.py", "values - MEAN", "values + MEAN"),
    "a constant of a helper's helper": ("features.py", "MEAN = 0.5", "MEAN = 0.6"),
    "a constant by *": ("constants.py", "OFFSET = 10", "OFFSET = 11"),
    "a function by *": ("constants.py", "x + OFFSET", "x - OFFSET"),
    "a relative import's function": ("tools/deep.py", "x + constants.AMOUNT", "x - constants.AMOUNT"),
    "a relative import's constant": ("tools/constants.py", "AMOUNT = 1", "AMOUNT = 2"),
    "another function of the same name": (
        "net.py",
        "from tools.deep import shift as",
        "from features import centre as",
    ),
    "a module that is used bare": ("whole.py", "return 2", "return 3"),
    "what such a module imports": ("under.py", "return 1", "return 2"),
    "an import inside": ("lazy.py", "def late(x):\n    return x", "def late(x):\n    return -x"),
    "all of what is imported inside": ("lazy.py", "def later(x):\n    return x", "def later(x):\n    return -x"),
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")


@contextmanager
def imported(folder, module="net"):
    """The module, imported from a folder; nothing of that folder stays imported."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def seen(code):
    return sorted((part.name, part.digest) for part in code.parts), code.packages


def code_in(folder, files, target="Train", module="net"):
    write(folder, files)
    with imported(folder, module) as found:
        return code_of(getattr(found, target))


@pytest.fixture(scope="module")
def plain():
    return {name: textwrap.dedent(text).lstrip("\n") for name, text in PROJECT.items()}


@pytest.fixture(scope="module")
def before(plain, tmp_path_factory):
    return code_in(tmp_path_factory.mktemp("before"), plain)


def edited(plain, edit):
    file, old, new = edit
    assert old in plain[file]
    return {**plain, file: plain[file].replace(old, new) if old else new}


@pytest.mark.parametrize("edit", UNSEEN.values(), ids=list(UNSEEN))
def test_an_edit_that_changes_nothing_is_not_seen(plain, before, tmp_path, edit):
    assert seen(code_in(tmp_path, edited(plain, edit))) == seen(before)


@pytest.mark.parametrize("edit", SEEN.values(), ids=list(SEEN))
def test_an_edit_that_may_change_what_the_stage_does_is_seen(plain, before, tmp_path, edit):
    assert seen(code_in(tmp_path, edited(plain, edit))) != seen(before)

"""What counts as code of a stage: each edit of a project of several files changes it, or does not."""

from __future__ import annotations

import importlib
import itertools
import pickle
import random
import sys
import textwrap
from contextlib import contextmanager, nullcontext
from importlib.metadata import version

import numpy as np
import pytest

from mlpipeline.domain.references import WAYS_ANYWHERE
from mlpipeline.errors import CodeUnknown
from mlpipeline.pipelines.code import Codes

PROJECT = {
    "net.py": '''
        """A model script."""
        import importlib
        import logging
        import random
        import sys
        from dataclasses import dataclass, field
        from enum import Enum
        from functools import lru_cache, partial, update_wrapper, wraps

        import features
        import whole
        from constants import *
        from kinds import Base, Colour, Options, Point
        from tools import scaling
        from tools.deep import shift as moved
        from mlpipeline import Stage, stage

        logger = logging.getLogger(__name__)
        SCALE = 3
        DRAWING = {}
        if SCALE > 2:
            DRAWING["one"] = random.Random(42)
        if __name__ == "__main__":
            DRAWING.clear()
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
        documented = update_wrapper(partial(scaling.divided, by=3), helper)

        class Counted:
            def __init__(self, function):
                update_wrapper(self, function)
                self.function = function

            def __call__(self, x):
                return self.function(x)

        @Counted
        def counted(x):
            """Count it."""
            return x

        @wraps(counted)
        def recounted(x):
            return counted(x)

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
                result += DRAWING["one"].random() + documented(data) + recounted(data)
                result += conditional(data) + Colour.RED.value + Options().size + Point(1, 2).x
                result += getattr(whole, "anything")()
                from lazy import late
                from lazy import empty
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
    "lazy/empty.py": "",
    "lazy/__init__.py": """
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
    "a docstring of what an object wraps": ("net.py", '"""Count it."""', ""),
    "a docstring of an empty module that counts whole": ("lazy/empty.py", "", '"""Nothing yet."""'),
    "layout": ("net.py", "SCALE = 3\n", "\n\nSCALE   =  (3)\n\n\n"),
    "a renamed local": ("net.py", "total", "summed"),
    "a renamed local of a comprehension": ("net.py", "late(each) for each in", "late(one_of) for one_of in"),
    "an unrelated function": ("net.py", '"nothing reads it"', '"nothing at all reads it"'),
    "an unrelated function of a helper's module": ("features.py", "return values\n", "return [values]\n"),
    "an unrelated constant": ("constants.py", "UNUSED = 1", "UNUSED = 2"),
    "an unrelated constant of a package": ("tools/constants.py", "OTHER = 2", "OTHER = 3"),
    "a package's beginning": ("tools/__init__.py", "", "VERSION = 1"),
    "what only a script does": ("net.py", "DRAWING.clear()", "DRAWING.popitem()"),
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
    "what an if puts into a dict": ("net.py", "Random(42)", "Random(43)"),
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
    "a function that an object wraps": ("net.py", 'it."""\n    return x\n', 'it."""\n    return -x\n'),
    "an import inside": ("lazy/__init__.py", "def late(x):\n    return x", "def late(x):\n    return -x"),
    "all of what is imported inside": (
        "lazy/__init__.py",
        "def later(x):\n    return x",
        "def later(x):\n    return -x",
    ),
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
        return Codes().of(getattr(found, target))


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


def test_reordered_functions_and_a_moved_project_are_not_seen(plain, before, tmp_path):
    head, double, triple, rest = cut(plain["net.py"], "def double", "def triple", "BY_NAME =")
    moved = {**plain, "net.py": head + triple + double + rest}
    assert seen(code_in(tmp_path / "somewhere" / "else", moved)) == seen(before)


def cut(text, *marks):
    ends = [0, *(text.index(mark) for mark in marks), len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(ends)]


def test_parts_say_what_changed_and_where(plain, before, tmp_path):
    after = code_in(tmp_path, edited(plain, SEEN["a constant of a helper's helper"]))
    unchanged = {(part.name, part.digest) for part in before.parts}
    (changed,) = [part for part in after.parts if (part.name, part.digest) not in unchanged]
    assert (changed.name, changed.file, changed.line) == ("features.MEAN", "features.py", 3)
    assert len({part.name for part in after.parts}) == len(after.parts)


def test_using_it_changes_nothing(plain, tmp_path):
    write(tmp_path, plain)
    with imported(tmp_path) as net:
        before = seen(Codes().of(net.Train))
        # Python keeps what it found out of a class in the class.
        pickle.dumps(net.network)
        net.remembered(1)
        net.network.predict(2)
        isinstance(net.network, net.Base)
        assert seen(Codes().of(net.Train)) == before


PACKAGES = """
    import sklearn.linear_model
    import numpy as np
    from yaml_like import something
    from sklearn.preprocessing import scale as scaled

    def uses_numpy(x):
        return np.mean(x)

    def uses_both(x):
        import blake3
        return sklearn.linear_model.Ridge().fit(x, scaled(x))

    model = sklearn.linear_model.Ridge(alpha=2)

    def uses_an_object(x):
        return model.predict(x)

    def uses_none(x):
        return something(x)
"""


def test_installed_packages_count_by_the_version_of_what_is_installed(tmp_path):
    write(tmp_path, {"net.py": PACKAGES, "yaml_like.py": "def something(x):\n    return x\n"})
    versions = {name: version(name) for name in ("numpy", "scikit-learn", "blake3")}
    with imported(tmp_path) as net:
        found = {name: dict(Codes().of(getattr(net, name)).packages) for name in vars(net) if name.startswith("uses_")}
    assert {found[name].pop("python") for name in found} == {f"{sys.version_info.major}.{sys.version_info.minor}"}
    assert found == {
        "uses_numpy": {"numpy": versions["numpy"]},
        "uses_both": {name: versions[name] for name in ("scikit-learn", "blake3")},
        "uses_an_object": {"scikit-learn": versions["scikit-learn"]},
        "uses_none": {},
    }


def test_what_was_edited_after_it_was_imported_is_not_known(plain, tmp_path):
    write(tmp_path, plain)
    with imported(tmp_path) as net:
        write(tmp_path, edited(plain, SEEN["a helper's helper"]))
        with pytest.raises(CodeUnknown, match=r"features.centre: features.py was edited after it was imported"):
            Codes().of(net.Train)


def test_what_was_read_before_an_edit_stays_known(plain, tmp_path):
    write(tmp_path, plain)
    with imported(tmp_path) as net:
        before = seen(Codes().of(net.Train))
        # Of another length: Python sees by that, and by whole seconds, that what it compiled is outdated.
        write(tmp_path, edited(plain, ("features.py", "values - MEAN", "values - 2 * MEAN")))
        assert seen(Codes().of(net.Train)) == before
        importlib.reload(sys.modules["features"])
        assert seen(Codes().of(net.Train)) != before


def test_a_module_by_a_name_that_is_worked_out_is_not_known(tmp_path):
    source = "import importlib\ndef stage(name):\n    return importlib.import_module(name)"
    with pytest.raises(CodeUnknown, match="net: it imports a module by a name that is worked out only when it runs"):
        code_in(tmp_path, {"net.py": source}, "stage")


ANYWHERE = {
    "import_module by another name": "from importlib import import_module as load",
    "import_module in a dict": "import importlib\nWAYS = {'load': importlib.import_module}",
    "pickled names": "import pickle",
    "pickled names by another name": "from pickle import loads as load",
    "sys.modules": "import sys",
    "sys.modules by another name": "from sys import modules",
    "a module that runs": "import runpy",
}
READ = {
    "import_module by another name": "load('li' 'b')",
    "import_module in a dict": "WAYS['load']('lib')",
    "pickled names": "pickle.loads(b'')",
    "pickled names by another name": "load(b'')",
    "sys.modules": "sys.modules['li' + 'b']",
    "sys.modules by another name": "modules.get('lib')",
    "a module that runs": "runpy.run_path('lib.py')",
}
ANYWHERE_BY_ITSELF = (
    "Base.__subclasses__()",
    "helper.__globals__['name']",
    "getattr(helper, '__globals__')",
    "helper().f_globals['name']",
    "eval('he' + name)",
    "exec(name)",
    "list(map(__import__, [name]))",
)


UNPICKLES = "(allow_pickle=True|weights_only=False) unpickles classes that nobody can name before it runs"


def _code_of_expression(folder, expression, before="", inside="pass", whole=""):
    source = (
        f"{before}\nclass Base: pass\ndef helper(): pass\ndef stage(name):\n    {inside}\n    return {expression}\n"
    )
    files = {"net.py": source, "lib.py": f"def f():\n    return 1\n{whole}"}
    return code_in(folder, files, "stage")


@pytest.mark.parametrize("way", ANYWHERE)
def test_what_leads_into_any_module_is_not_known(way, tmp_path):
    with pytest.raises(CodeUnknown, match="leads into modules that nobody can name before it runs"):
        _code_of_expression(tmp_path, READ[way], ANYWHERE[way])


@pytest.mark.parametrize("way", [way for way in ANYWHERE if "dict" not in way])
def test_what_is_imported_inside_and_leads_into_any_module_is_not_known(way, tmp_path):
    with pytest.raises(CodeUnknown, match="leads into modules that nobody can name before it runs"):
        _code_of_expression(tmp_path, READ[way], inside=ANYWHERE[way])


@pytest.mark.parametrize("expression", ANYWHERE_BY_ITSELF)
def test_what_leads_into_any_module_by_itself_is_not_known(expression, tmp_path):
    with pytest.raises(CodeUnknown, match=r"net: .* leads into modules that nobody can name before it runs"):
        _code_of_expression(tmp_path, expression)


@pytest.mark.parametrize("way", [way for way in ANYWHERE if "dict" not in way])
def test_a_whole_module_that_leads_into_any_module_is_not_known(way, tmp_path):
    whole = f"{ANYWHERE[way]}\ndef g():\n    return {READ[way]}\n"
    with pytest.raises(CodeUnknown, match=r"lib: .* leads into modules that nobody can name before it runs"):
        _code_of_expression(tmp_path, "lib.f()", inside="import lib", whole=whole)


def importings(way):
    """Each way of importing what has this full name: the statement, and what it is called then."""
    module, _, name = way.rpartition(".")
    package, _, last = module.rpartition(".")
    yield f"import {module}", way
    yield f"import {module} as other", f"other.{name}"
    yield f"from {module} import {name}", name
    yield f"from {module} import {name} as other", "other"
    if package:
        yield f"from {package} import {last}", f"{last}.{name}"


@pytest.mark.parametrize("way", WAYS_ANYWHERE)
def test_each_way_into_any_module_is_found_however_it_is_imported(way, tmp_path):
    for at, (importing, name) in enumerate(importings(way)):
        for place, where in {
            "top": {"before": importing},
            "inside": {"inside": importing},
            "whole": {"inside": "import lib", "whole": f"{importing}\ndef g():\n    return [{name}]\n"},
        }.items():
            with pytest.raises(CodeUnknown, match="leads into modules that nobody can name before it runs"):
                _code_of_expression(tmp_path / f"{at} {place}", "1" if place == "whole" else f"[{name}]", **where)


@pytest.mark.parametrize("way", [way for way in WAYS_ANYWHERE if way != "sys.modules"])
def test_each_way_into_any_module_is_found_as_a_value(way, tmp_path):
    module, _, name = way.rpartition(".")
    with pytest.raises(CodeUnknown, match="leads into modules that nobody can name before it runs"):
        _code_of_expression(tmp_path, "WAYS['load']('lib')", f"import {module}\nWAYS = {{'load': {module}.{name}}}")


@pytest.mark.parametrize(
    ("argument", "is_known"),
    [
        ("allow_pickle=True", False),
        ("allow_pickle=name", False),
        ("**{'allow_pickle': True}", False),
        ("allow_pickle=False", True),
        ("weights_only=False", False),
        ("weights_only=True", True),
        ("mmap_mode='r'", True),
        ("None, True", False),
        ("None, False", True),
    ],
)
def test_whoever_has_what_is_loaded_unpickled_is_not_known(argument, is_known, tmp_path):
    with nullcontext() if is_known else pytest.raises(CodeUnknown, match=UNPICKLES):
        _code_of_expression(tmp_path, f"np.load(name, {argument})", "import numpy as np")


@pytest.mark.parametrize("expression", ["partial(np.load, allow_pickle=True)(name)", "LOAD(name)"])
def test_whoever_has_it_unpickled_by_a_partial_is_not_known(expression, tmp_path):
    before = "from functools import partial\nimport numpy as np\nLOAD = partial(np.load, allow_pickle=True)"
    with pytest.raises(CodeUnknown, match=UNPICKLES):
        _code_of_expression(tmp_path, expression, before)


@pytest.mark.parametrize(
    "expression",
    [
        "np.save('x', name, allow_pickle=True)",
        "partial(np.save, allow_pickle=True)",
        "name['weights_only']",
        "helper(name, weights_only=name)",
        "load(name, name, name)",
        "SAVE('x', name)",
    ],
)
def test_whoever_unpickles_nothing_is_known_whatever_its_arguments_are_called(expression, tmp_path):
    before = (
        "from functools import partial\nimport numpy as np\n"
        "def helper(value, weights_only): return value\ndef load(*values): return values\n"
        "SAVE = partial(np.save, allow_pickle=True)"
    )
    _code_of_expression(tmp_path, expression, before)


def test_what_is_typed_and_unpickles_is_not_known():
    names = {"__name__": "typed"}
    exec("import joblib\ndef dumps(it): joblib.dump(it, 'file')\ndef loads(): return joblib.load('file')", names)
    Codes().of(names["dumps"])
    with pytest.raises(CodeUnknown, match=r"joblib\.load leads into modules that nobody can name"):
        Codes().of(names["loads"])


@pytest.mark.parametrize(
    ("before", "expression"),
    [
        ("import sys", "sys.modules['lib'].f()"),
        ("from sys import modules", "modules['lib'].f()"),
        ("import importlib as il", "il.import_module('lib').f()"),
        ("from importlib import import_module", "import_module('lib').f()"),
        ("", "__import__('lib').f()"),
        ("import lib", "eval('lib.f()')"),
        ("import lib, sys", "getattr(sys.modules[__name__], 'lib').f()"),
    ],
)
def test_a_literal_name_says_which_module_counts(before, expression, tmp_path):
    first = _code_of_expression(tmp_path / "1", expression, before)
    second = _code_of_expression(tmp_path / "2", expression, before, whole="g = 1\n")
    assert "lib" in {part.name for part in first.parts}
    assert seen(first) != seen(second)


def test_the_script_counts_that_a_function_imports(tmp_path, monkeypatch):
    found = []
    for result in (1, 2):
        net = f"import lib\ndef helper():\n    return {result}\ndef stage():\n    return lib.call()\n"
        lib = "def call():\n    import __main__\n    return __main__.helper()\n"
        write(tmp_path / str(result), {"net.py": net, "lib.py": lib})
        with imported(tmp_path / str(result)) as script, monkeypatch.context() as patched:
            patched.setitem(sys.modules, "__main__", script)
            found.append(seen(Codes().of(script.stage)))
    assert found[0] != found[1]


USED_PIPELINE = {
    "net.py": """
        import sub
        from mlpipeline import Pipeline

        LOADED = Pipeline.load(sub.ARCHIVE) if sub.ARCHIVE else None

        def uses_name():
            return sub.GIVEN.run("out")

        def uses_default(pipeline=sub.GIVEN):
            return pipeline.run("out")

        def uses_subclass():
            return sub.SAID.run("out")

        def uses_loaded():
            return LOADED.run("out")
    """,
    "sub.py": """
        from lib import helper
        from mlpipeline import Input, Pipeline, Stage

        ARCHIVE = None

        class Learn(Stage):
            def fit(self, x):
                self.mean = x + 1

            def run(self, x):
                return {"learned": x - self.mean}

        def out(learned, by=2):
            return helper(learned) * by

        class Said(Pipeline):
            def __init__(self, title):
                super().__init__()
                self.title = title

            def stages(self):
                return {"x": Input(), "y": Input(), "learn": Learn, "out": out}

            def edges(self):
                return {"learn": "x", "out": "learn"}

        STAGES = {"x": Input(), "y": Input(), "learn": Learn, "out": out}
        GIVEN = Pipeline(STAGES, {"out": "learn", "learn": "x"}, parameters={"by": 3})
        SAID = Said("one")
        # Not where it is loaded from an archive.
        if __name__ == "sub":
            GIVEN.fit({"x": 5, "y": 5})
            SAID.fit({"x": 5, "y": 5})
    """,
    "lib.py": "def helper(x):\n    return x\n",
}
#: Edits of all kinds of pipelines, of one that was given its stages, and of one that says them itself.
OF_ALL = [
    ("lib.py", "return x", "return x + 1"),
    ("sub.py", "x - self.mean", "self.mean"),
    ("sub.py", '"x": 5', '"x": 6'),
]
OF_GIVEN = [*OF_ALL, ("sub.py", '"learn": "x"}', '"learn": "y"}'), ("sub.py", '"by": 3', '"by": 4')]
OF_SAID = [*OF_ALL, ("sub.py", '"learn": "x",', '"learn": "y",'), ("sub.py", '"one"', '"other"')]
USED_EDITS = {
    "uses_name": OF_GIVEN,
    "uses_default": OF_GIVEN,
    "uses_subclass": OF_SAID,
}


@pytest.mark.parametrize("target", USED_EDITS)
def test_a_pipeline_that_a_stage_uses_counts(target, tmp_path):
    before = seen(code_in(tmp_path / "before", USED_PIPELINE, target))
    assert seen(code_in(tmp_path / "again", USED_PIPELINE, target)) == before
    for at, (file, old, new) in enumerate(USED_EDITS[target]):
        changed = {**USED_PIPELINE, file: USED_PIPELINE[file].replace(old, new)}
        assert seen(code_in(tmp_path / str(at), changed, target)) != before, new


def test_a_pipeline_whose_stages_cannot_be_told_is_not_known(tmp_path):
    source = """
        from mlpipeline import Pipeline

        class Broken(Pipeline):
            def stages(self):
                raise KeyError("x")

        BROKEN = Broken()

        def stage(is_used=False):
            return BROKEN.run() if is_used else 1
    """
    with pytest.raises(CodeUnknown, match=r"^Broken: its stages cannot be told \(KeyError: 'x'\)$"):
        code_in(tmp_path, {"net.py": source}, "stage")


def test_a_pipeline_that_was_loaded_counts_as_it_was_saved(tmp_path):
    found = []
    write(tmp_path / "before", USED_PIPELINE)
    for at, (file, old, new) in enumerate([("sub.py", "", ""), ("sub.py", "", ""), *OF_GIVEN]):
        folder, archive = tmp_path / str(at), tmp_path / f"{at}.zip"
        write(folder, {**USED_PIPELINE, file: USED_PIPELINE[file].replace(old, new)})
        with imported(folder, "sub") as sub:
            sub.GIVEN.save(archive)
        write(folder, {**USED_PIPELINE, "sub.py": f"ARCHIVE = {str(archive)!r}\nGIVEN = None\n"})
        with imported(folder) as net:
            found.append(seen(Codes().of(net.uses_loaded)))
    assert found[0] == found[1]
    assert len(set(map(str, found[1:]))) == 1 + len(OF_GIVEN)


#: A class that attrs writes methods for.
WRITTEN = """
    import attrs
    import lib

    @attrs.define(order=True)
    class Item:
        x: int = attrs.field(default=lib.START, converter=lib.converted)
        y: int = attrs.field(factory=lambda: lib.made())

        def total(self):
            return self.x + self.y

    def stage():
        return Item().total()
"""
USED_BY_WRITTEN = "START = 1\ndef converted(x):\n    return x\ndef made():\n    return 5\n"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("net.py", "order=True", "order=False"),
        ("net.py", "self.x + self.y", "self.x - self.y"),
        ("lib.py", "START = 1", "START = 2"),
        ("lib.py", "return x", "return -x"),
        ("lib.py", "return 5", "return 6"),
    ],
)
def test_a_class_of_attrs_counts_with_what_it_is_written_of(file, old, new, tmp_path):
    files = {"net.py": WRITTEN, "lib.py": USED_BY_WRITTEN}
    before = seen(code_in(tmp_path / "before", files, "stage"))
    moved = {**files, "net.py": f"# It moves.\n{textwrap.dedent(WRITTEN)}"}
    assert seen(code_in(tmp_path / "moved", moved, "stage")) == before
    assert seen(code_in(tmp_path / "after", {**files, file: files[file].replace(old, new)}, "stage")) != before


CLOSING = """
def stage():
    def inner():
        return {read}
    {first} = 1
    {second} = 2
    return inner()
"""


def test_a_renamed_local_that_an_inner_function_captures_is_not_seen_and_another_one_is(tmp_path):
    sources = (
        CLOSING.format(first="a", second="b", read="a"),
        CLOSING.format(first="c", second="b", read="c"),
        CLOSING.format(first="a", second="b", read="b"),
    )
    one, renamed, other = (
        seen(code_in(tmp_path / str(at), {"net.py": source}, "stage")) for at, source in enumerate(sources)
    )
    assert one == renamed
    assert one != other


#: How an object that has no value comes to be where a stage finds it: files, of which one holds the number 3.
PUT = {
    "another module registers it": {"plug.py": "from reg import FOUND\nFOUND['it'] = Ridge(alpha=3)"},
    "another module has it registered": {"plug.py": "from reg import register\nregister('it', Ridge(alpha=3))"},
    "another module has it registered by a class": {
        "reg.py": "class Found(dict):\n    def add(self, value):\n        self['it'] = value\nFOUND = Found()",
        "plug.py": "from reg import FOUND\nFOUND.add(Ridge(alpha=3))",
    },
    "a closure over it is registered": {
        "plug.py": "from reg import FOUND\ndef over(it):\n    return lambda: it\nFOUND['it'] = over(Ridge(alpha=3))"
    },
    "a subclass registers it": {
        "reg.py": "from sklearn.linear_model import Ridge\nFOUND = {}\n"
        "class Base:\n    def __init_subclass__(cls, by):\n        FOUND['it'] = Ridge(alpha=by)",
        "plug.py": "from reg import Base\nclass Plugged(Base, by=3): pass",
    },
    "a class is given it": {
        "reg.py": "class FOUND:\n    it = None",
        "plug.py": "from reg import FOUND\nFOUND.it = Ridge(alpha=3)",
    },
    "a module is given it": {"reg.py": "FOUND = None", "plug.py": "import reg\nreg.FOUND = Ridge(alpha=3)"},
    "a function sets it": {
        "reg.py": "from sklearn.linear_model import Ridge\nFOUND = None\n"
        "def find(by):\n    global FOUND\n    FOUND = Ridge(alpha=by)\nfind(3)",
    },
    "by another name": {
        "reg.py": "from sklearn.linear_model import Ridge\nFOUND = {}\nOTHER = FOUND\nOTHER['it'] = Ridge(alpha=3)"
    },
    "a model of many arrays": {
        "plug.py": "from sklearn.ensemble import RandomForestRegressor as Forest\nfrom reg import FOUND\n"
        "FOUND['it'] = Forest(3, random_state=0).fit([[1], [2], [3]], [1, 2, 3])",
    },
}


@pytest.mark.parametrize("files", PUT.values(), ids=list(PUT))
def test_an_object_without_a_value_is_seen_to_change_whoever_puts_it_there(files, tmp_path):
    common = {
        "reg.py": "FOUND = {}\ndef register(name, value):\n    FOUND[name] = value",
        "plug.py": "",
        "net.py": "import plug\nfrom reg import FOUND\ndef stage():\n    return FOUND",
    }
    plain = {name: f"from sklearn.linear_model import Ridge\n{text}" for name, text in {**common, **files}.items()}
    edited = {name: text.replace("3", "4") for name, text in plain.items()}
    one, again, other = (
        seen(code_in(tmp_path / str(at), sources, "stage")) for at, sources in enumerate([plain, plain, edited])
    )
    assert one == again
    assert one != other


def test_a_stage_that_holds_an_object_without_a_value_is_seen_to_change(tmp_path):
    source = (
        "import random\ndef made(seed):\n    draws = random.Random(seed)\n    def stage():\n"
        "        return draws.random()\n    return stage\nstage = made({seed})"
    )
    one, again, other = (
        seen(code_in(tmp_path / str(at), {"net.py": source.format(seed=seed)}, "stage"))
        for at, seed in enumerate((3, 3, 4))
    )
    assert one == again
    assert one != other


#: Where in a module the number 3 stands that a stage reads.
READ_IN = {
    "a method that a decorator makes an object of": (
        "class Held:\n    @staticmethod\n    @np.vectorize\n    def times(x): return x * 3\n"
        "def stage(): return Held.times"
    ),
    "a method of the stage that a decorator makes an object of": (
        "class stage:\n    @np.vectorize\n    def times(x): return x * 3"
    ),
    "a method that a decorator makes an object of, beside such an object of its package": (
        "class Held:\n    root = np.vectorize(abs)\n    @np.vectorize\n    def times(x): return x * 3\n"
        "def stage(): return Held.times"
    ),
    "a function in a partial that an object holds": (
        "def power(x, by): return x * 3\nheld = np.vectorize(partial(power, by=2))\ndef stage(): return held"
    ),
    "an attribute of a function": "def held(): pass\nheld.it = Ridge(alpha=3)\ndef stage(): return held.it",
    "an attribute of the stage": "def stage(): return stage.it\nstage.it = Ridge(alpha=3)",
    "an attribute of a method": (
        "class Held:\n    def of(self): pass\nHeld.of.it = Ridge(alpha=3)\ndef stage(): return Held().of.it"
    ),
    "an attribute of a class that has another model": (
        "class Held:\n    other = Ridge()\nHeld.it = Ridge(alpha=3)\ndef stage(): return Held.it"
    ),
    "an entry of a class that has another model": (
        "class Held:\n    of = {'other': Ridge()}\nHeld.of['it'] = Ridge(alpha=3)\ndef stage(): return Held.of"
    ),
    "an attribute of an enum's member": "class E(Enum):\n    A = 1\nE.A.it = 3\ndef stage(): return E.A.it",
    "a model of an enum's member": "class E(Enum):\n    A = 1\nE.A.it = Ridge(alpha=3)\ndef stage(): return E.A.it",
    "a name that a class binds anew": (
        "LIMIT = 3\ndef stage():\n    class Held:\n        LIMIT = LIMIT + 1\n    return Held.LIMIT"
    ),
    "a name that a class may bind": (
        "LIMIT = 3\ndef stage():\n    class Held:\n        if id(stage) < 0:\n            LIMIT = 1\n"
        "        twice = [LIMIT]\n    return Held.twice"
    ),
    "an annotation of a class": (
        "LIMIT = 3\nclass Held:\n    x: Annotated[int, LIMIT]\ndef stage(): return get_type_hints(Held)"
    ),
    "an annotation in quotes": (
        "LIMIT = 3\nclass Held:\n    x: 'Annotated[int, LIMIT]'\ndef stage(): return get_type_hints(Held)"
    ),
}
READING = (
    "from __future__ import annotations\nfrom enum import Enum\nfrom functools import partial\n"
    "from typing import Annotated, get_type_hints\n"
    "import numpy as np\nfrom sklearn.linear_model import Ridge\n"
)


@pytest.mark.parametrize("source", READ_IN.values(), ids=list(READ_IN))
def test_what_a_stage_reads_is_seen_to_change_wherever_it_stands(source, tmp_path):
    sources = [READING + source, READING + source, READING + source.replace("3", "4")]
    one, again, other = (
        seen(code_in(tmp_path / str(at), {"net.py": source}, "stage")) for at, source in enumerate(sources)
    )
    assert one == again
    assert one != other


def test_the_order_of_decorated_methods_is_not_seen(tmp_path):
    one, other = "    @np.vectorize\n    def one(x): return x\n", "    @np.vectorize\n    def other(x): return x + 1\n"
    first, second = (
        seen(code_in(tmp_path / str(at), {"net.py": f"{READING}class stage:\n{methods}"}, "stage"))
        for at, methods in enumerate([one + other, other + one])
    )
    assert first == second


@pytest.mark.parametrize(
    ("made", "use"),
    [
        ("@np.vectorize\ndef held(x): return x", "held([1])"),
        ("class held:\n    @np.vectorize\n    def it(x): return x", "held.it([1])"),
        ("held = {'it': np.vectorize(lambda x: x)}", "held['it']([1])"),
        ("def power(x, by): return x**by\nheld = np.vectorize(partial(power, by=2), [float])", "held([1])"),
        ("class Of:\n    def one(self, x): return x\nheld = np.vectorize(Of().one, [float])", "held([1])"),
        ("class Lock:\n    def __init__(self): self.it = threading.Lock()\nheld = Lock()", "held.it.acquire()"),
        ("held = Lock()", "held.acquire()"),
        (
            "class held(Enum):\n    A = 1\n    @cached_property\n    def twice(self): return 2",
            "held.A.twice",
        ),
    ],
)
def test_what_tells_how_it_was_made_is_all_that_counts_of_an_object_without_a_value(made, use, tmp_path):
    head = f"{READING}import threading\nfrom threading import Lock\nfrom functools import cached_property"
    write(tmp_path, {"net.py": f"{head}\n{made}\ndef stage():\n    return held\ndef use():\n    {use}"})
    with imported(tmp_path) as net:
        before = seen(Codes().of(net.stage))
        net.use()
        assert seen(Codes().of(net.stage)) == before


#: Statements that make `held` of the number in the file at `AT`, in a module that imports what they need.
FROM_OUTSIDE = {
    "arguments of the command line": (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--epochs', type=int)\n"
        "held = parser.parse_args(['--epochs', AT.read_text()])"
    ),
    "a configuration": (
        "from configparser import ConfigParser\nheld = ConfigParser()\n"
        "held.read_string('[net]\\nepochs = ' + AT.read_text())"
    ),
    "a namespace": "from types import SimpleNamespace\nheld = SimpleNamespace(n=int(AT.read_text()))",
    "a moment of pandas": "import pandas\nheld = pandas.Timestamp(int(AT.read_text()))",
    "a duration of pandas": "import pandas\nheld = pandas.Timedelta(int(AT.read_text()))",
    "a sparse matrix": "from scipy.sparse import csr_matrix\nheld = csr_matrix([[int(AT.read_text())]])",
    "a polynomial": "import numpy\nheld = numpy.poly1d([int(AT.read_text())])",
    "an interpolation": "from scipy.interpolate import interp1d\nheld = interp1d([0, 1], [0, int(AT.read_text())])",
    "a seeded generator": "import random\nheld = random.Random(int(AT.read_text()))",
    "a seeded generator of NumPy": "import numpy\nheld = numpy.random.default_rng(int(AT.read_text()))",
    "a model": "from sklearn.linear_model import Ridge\nheld = Ridge(alpha=int(AT.read_text()))",
    "a template": "from string import Template\nheld = Template(AT.read_text())",
    "an open text": "from io import StringIO\nheld = StringIO(AT.read_text())",
    "bytes that are looked at": "held = memoryview(AT.read_bytes())",
    "an element": "from xml.etree import ElementTree\nheld = ElementTree.fromstring(f'<n>{AT.read_text()}</n>')",
    "a counter": "from itertools import count\nheld = count(int(AT.read_text()))",
    "the values of a dict": "held = {'n': AT.read_text()}.values()",
    "a kind of number": "import numpy\nheld = numpy.dtype(f'S{AT.read_text()}')",
    "a function that scores": (
        "from sklearn.metrics import make_scorer\ndef score(one, other, k=1): return k\n"
        "held = make_scorer(score, k=int(AT.read_text()))"
    ),
    "a closure that a library wraps": (
        "import numpy\ndef times(k):\n    return lambda x: x * k\nheld = numpy.vectorize(times(int(AT.read_text())))"
    ),
    "an object of a class of pydantic's": (
        "from pydantic import BaseModel\nclass Config(BaseModel):\n    n: int = int(AT.read_text())\nheld = Config()"
    ),
    "an object found by its name": "import numpy\nheld = [numpy.add, numpy.subtract][int(AT.read_text()) - 3]",
}


@pytest.mark.parametrize("made", FROM_OUTSIDE.values(), ids=list(FROM_OUTSIDE))
@pytest.mark.parametrize(
    "stage",
    [
        "def stage(): return held",
        "def stage(one=held): return one",
        "class Holder:\n    def __init__(self): self.one = {'it': held}\nholder = Holder()\n"
        "def stage(): return holder.one",
        "import net\ndef stage(name='held'): return getattr(net, name)",
    ],
    ids=["in a name", "as a default", "in an object", "of a module as a whole"],
)
def test_an_object_of_others_counts_by_a_value_that_comes_from_outside(made, stage, tmp_path):
    at = tmp_path / "number"
    found = []
    for index, number in enumerate("334"):
        at.write_text(number)
        # The stage does not reach the path.
        source = f"from pathlib import Path\nAT = Path({str(at)!r})\n{made}\ndel AT\n{stage}\n"
        found.append(seen(code_in(tmp_path / str(index), {"net.py": source}, "stage")))
    one, again, other = found
    assert one == again
    assert one != other


OF_PROCESS = """
    import logging
    from os import environ
    from random import shuffle
    from numpy.random import rand
    from scipy.stats import norm
    from joblib import Parallel
    from pydantic import BaseModel, Field, field_validator
    LOG = logging.getLogger(__name__)
    DISTRIBUTION, PARALLEL = norm(0, 1), Parallel(n_jobs=1)
    class Config(BaseModel):
        rate: float = 0.1
        size: int = Field(3, ge=1)
        @field_validator("size")
        @classmethod
        def check(cls, size):
            return size
    CONFIG = Config(size=4)
    def stage():
        shuffle(LOG)
        return rand(norm), DISTRIBUTION, environ["HOME"], PARALLEL, CONFIG, Config()
"""


def test_what_each_process_has_of_its_own_is_the_same(tmp_path, monkeypatch):
    before = seen(code_in(tmp_path / "one", {"net.py": OF_PROCESS}, "stage"))
    monkeypatch.setenv("NOT_SET_BEFORE", "1")
    random.random()
    np.random.rand()
    assert seen(code_in(tmp_path / "other", {"net.py": OF_PROCESS}, "stage")) == before


def test_of_a_module_as_a_whole_what_python_notes_in_it_does_not_count(tmp_path):
    source = """
        import net, warnings
        from mlpipeline import Pipeline
        MODEL = Pipeline(stages={"one": warnings.warn})
        def warn():
            warnings.warn("so")
            MODEL.noted = 1
        def stage(name="warn"):
            return getattr(net, name)
    """
    write(tmp_path, {"net.py": source})
    with imported(tmp_path) as net:
        before = seen(Codes().of(net.stage))
        with pytest.warns(UserWarning, match="so"):
            net.warn()
        assert seen(Codes().of(net.stage)) == before


def test_an_object_of_others_counts_as_it_is_when_the_code_is_read(tmp_path):
    write(tmp_path, {"net.py": "from sklearn.linear_model import Ridge\nheld = Ridge()\ndef stage(): return held"})
    with imported(tmp_path) as net:
        before = seen(Codes().of(net.stage))
        net.held.set_params(alpha=3)
        assert seen(Codes().of(net.stage)) != before


TYPED = """
factor = {factor}
def helper(x):
    return x {sign} factor
def stage(x):
    return helper(x)
class Typed:
    def run(self):
        return helper(1)
"""


def typed(**values):
    names = {"__name__": "typed"}
    exec(TYPED.format(**values), names)
    return [seen(Codes().of(names[name])) for name in ("stage", "Typed")]


def test_what_was_typed_counts_by_what_python_made_of_it():
    plain = typed(factor=2, sign="*")
    assert typed(factor=2, sign="*") == plain
    for other in (typed(factor=3, sign="*"), typed(factor=2, sign="+")):
        assert all(one != before for one, before in zip(other, plain, strict=True))

import ast
from collections.abc import Callable

import pytest

from mlpipeline.domain.identity import code_identity, identity
from mlpipeline.domain.syntax import canonical, syntax_tree

SCRIPT = '''\
"""A model."""
from mlpipeline.helper import Model
from mlpipeline.utils import Versions, version_parameters
from data import Digits

class Net(Model):
    """A net."""
    def train_model(self, input_fn, steps):
        # Trains.
        return [x + 1 for x in input_fn()]

v = Versions(0.1, Digits("small"), 32, 10)
v.addV("a", learning_rate=0.2)
v.addV("b", dataloader=Digits("large"), custom_paramters={version_parameters.EPOC_COUNT: 3, "depth": 2})
for n in range(3):
    v.add_version(f"deep_{n}", depth=n)
MODEL = Net(v)
'''


def shared(source: str, **options: object) -> str:
    return code_identity(source, {}, **options).shared  # type: ignore[arg-type]


def edited(old: str, new: str, source: str = SCRIPT) -> str:
    assert old in source
    return source.replace(old, new)


# --- what counts as code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""A model."""', '"""Another text."""'),
        ('"""A model."""\n', ""),
        ('    """A net."""\n', ""),
        ("        # Trains.\n", "\n\n"),
        ("x + 1 for x", "(x+1)   for x"),
        ("return [x + 1 for x in input_fn()]", "return [\n  x + 1\n  for x in input_fn()\n]"),
        ("return", '"a string that does nothing"; return'),
        ("(self, input_fn, steps)", "(self, input_fn, steps,)"),
        ("\n", "\r\n"),
        ('"""A model."""', '\ufeff"""A model."""'),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old: str, new: str) -> None:
    assert shared(edited(old, new)) == shared(SCRIPT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + 1", "x + 2"),
        ("x + 1", "x + 1.0"),
        ("x + 1", "x + True"),
        ("x + 1", "1 + x"),
        ("x + 1", "x - 1"),
        ("steps)", "steps=None)"),
        ("steps)", "*, steps)"),
        ("class Net(Model)", "class Net(Model, object)"),
        ("return [x + 1 for x in input_fn()]", "return (x + 1 for x in input_fn())"),
        ("return", 'y = "a string that is used"; return'),
        ("return", "pass; return"),
        ("MODEL = Net(v)", "MODEL = Net(v, allow_delete_model_dir=True)"),
        ("from data import Digits", "from data import Digits as Digits"),
        ("from data import Digits", "from .data import Digits"),
    ],
)
def test_any_other_syntax_counts(old: str, new: str) -> None:
    assert shared(edited(old, new)) != shared(SCRIPT)


def test_where_a_missing_part_stands_counts() -> None:
    assert shared("f({None: 1, **x})") != shared("f({**x, None: 1})")
    assert shared("def f(*, a, b=1): pass") != shared("def f(*, a=1, b): pass")
    assert shared("x[1:]") != shared("x[:1]")


def test_project_modules_count_by_name_and_syntax() -> None:
    before = code_identity(SCRIPT, {"data": "A = 1", "util": "B = 2"})

    assert code_identity(SCRIPT, {"util": "B  =  2 # two", "data": "A = 1"}) == before
    assert code_identity(SCRIPT, {"data": "A = 2", "util": "B = 2"}) != before
    assert code_identity(SCRIPT, {"data": "B = 2", "util": "A = 1"}) != before
    assert code_identity(SCRIPT, {"data": "A = 1"}) != before


def test_builders_in_other_modules_count() -> None:
    source = "from mlpipeline.utils import Versions\nv = Versions({})\n"

    assert code_identity("", {"m": source.format(0.1)}) != code_identity("", {"m": source.format(0.2)})


def test_further_files_count_by_name_and_hash() -> None:
    before = code_identity(SCRIPT, {}, extra_files={"train.sh": "ab12"})

    assert code_identity(SCRIPT, {}, extra_files={"train.sh": "ab12"}) == before
    assert code_identity(SCRIPT, {}, extra_files={"train.sh": "cd34"}) != before
    assert code_identity(SCRIPT, {}) != before


@pytest.mark.parametrize("broken", ["def f(:", "x = 1\0", "(" * 1000])
def test_a_source_that_does_not_parse_counts_as_its_text(broken: str) -> None:
    assert shared(broken) == shared(broken)
    assert shared(broken) != shared(broken + " ")
    assert code_identity("", {"m": broken}) != code_identity("", {"m": broken + "#"})


def test_very_long_sums_and_numbers_have_an_identity() -> None:
    total = "x = " + " + ".join(["1"] * 3000)

    assert shared(total) != shared(total + " + 1")
    assert shared(f"x = 0x{'f' * 9000}") != shared(f"x = 0x{'f' * 9001}")


def test_sources_are_read_without_warnings(recwarn: pytest.WarningsRecorder) -> None:
    shared('pattern = "\\d"\nassert (1, "x")\n1 is 1')

    assert list(recwarn) == []


def test_canonical_text_does_not_follow_the_version_of_python() -> None:
    tree = syntax_tree("def f(a, *, b=None) -> 'é':\n    return a[1:], 1.5, b'x', u'y', ..., 3j, 0x10")

    assert tree is not None
    assert canonical(tree) == (
        "Module(body=[FunctionDef(name='f',args=arguments(args=[arg(arg='a',),],kwonlyargs=[arg(arg='b',),],"
        "kw_defaults=[Constant(None),],),body=[Return(value=Tuple(elts=[Subscript(value=Name(id='a',),"
        "slice=Slice(lower=Constant(0x1),),),Constant(1.5),Constant(b'x'),Constant('y'),Constant(Ellipsis),"
        "Constant(3j),Constant(0x10),],),),],returns=Constant('\\xe9'),),],)"
    )


# --- statements that only build Versions


BUILDING: dict[str, Callable[[str], str]] = {
    "adding a version": lambda s: edited('v.addV("a"', 'v.addV("c", batch_size=7)\nv.addV("a"', s),
    "removing a version": lambda s: edited('v.addV("a", learning_rate=0.2)\n', "", s),
    "editing a version": lambda s: edited("learning_rate=0.2", "learning_rate=0.3", s),
    "renaming a version": lambda s: edited('v.addV("a"', 'v.addV("z"', s),
    "editing the defaults": lambda s: edited("Versions(0.1", "Versions(0.5", s),
    "editing a loop": lambda s: edited("range(3)", "range(4)", s),
    "removing the loop": lambda s: s[: s.index("for n")] + s[s.index("MODEL") :],
    "adding a grid": lambda s: edited("MODEL =", "v.rangeOnParameters(parameters={'a': [1, 2]})\nMODEL =", s),
    "adding a condition": lambda s: edited("MODEL =", "if __debug__:\n  v.addV('d')\nelse:\n  pass\nMODEL =", s),
    "moving a version": lambda s: edited(
        "MODEL =", 'v.addV("a", learning_rate=0.2)\nMODEL =', edited('v.addV("a", learning_rate=0.2)\n', "", s)
    ),
}


@pytest.mark.parametrize("edit", BUILDING.values(), ids=BUILDING.keys())
def test_building_versions_is_no_code(edit: Callable[[str], str]) -> None:
    assert edit(SCRIPT) != SCRIPT
    assert code_identity(edit(SCRIPT), {}) == code_identity(SCRIPT, {})


@pytest.mark.parametrize(
    "imports_and_name",
    [
        ("from mlpipeline.utils import Versions", "Versions"),
        ("from mlpipeline.utils import Versions as V", "V"),
        ("from mlpipeline import Versions", "Versions"),
        ("from mlpipeline.utils import *", "Versions"),
        ("import mlpipeline.utils as u", "u.Versions"),
        ("import mlpipeline.utils\nimport mlpipeline.helper", "mlpipeline.utils.Versions"),
        ("from mlpipeline import utils", "utils.Versions"),
        ("try:\n    from mlpipeline.utils import Versions\nexcept ImportError:\n    raise", "Versions"),
    ],
)
@pytest.mark.parametrize("binding", ["v", "v: object"])
def test_versions_is_known_under_any_name(imports_and_name: tuple[str, str], binding: str) -> None:
    imports, name = imports_and_name
    source = f"{imports}\n{binding} = {name}(0.1)\nv.addV('a')\nMODEL = Net(versions=v)\n"

    assert shared(edited("0.1", "0.2", source)) == shared(source)
    assert shared(edited("v.addV('a')\n", "", source)) == shared(source)


@pytest.mark.parametrize(
    "imports",
    [
        "from mine import Versions",
        "from .mlpipeline import Versions",
        "from mlpipeline_x import Versions",
        "from mlpipeline.utils import Versions\nfrom mine import Versions",
        "from mlpipeline.utils import Versions\nclass Versions: pass",
        "from mlpipeline.utils import *\ndef Versions(x): pass",
        "from mlpipeline.utils import Versions\nVersions = cached(Versions)",
    ],
)
def test_what_may_not_be_mlpipelines_versions_counts(imports: str) -> None:
    source = f"{imports}\nv = Versions(0.1)\nMODEL = Net(v)\n"

    assert shared(edited("0.1", "0.2", source)) != shared(source)


BUILD = "from mlpipeline.utils import Versions\nv = Versions(0.1)\nv.addV('a', lr=1)\n{}MODEL = Net(v)\n"


@pytest.mark.parametrize(
    "use",
    [
        "best = v.getVersion('a')\n",
        "print(v)\n",
        "w = v\n",
        "w = v = Versions()\n",
        "v = tuned(v)\n",
        "v = None\n",
        "v += 1\n",
        "del v\n",
        "v.defaults['x'] = 1\n",
        "def f():\n    return v.getVersion('a')\n",
        "def f():\n    return [v for _ in range(3)]\n",
        "def f():\n    global v\n    v = None\n",
        "def f(x=v): pass\n",
        "f = lambda: v\n",
        "names = [x.name for x in v]\n",
        "class C:\n    v = v\n",
        "class C:\n    versions = v\n",
        "@decorated(v)\ndef f(): pass\n",
        "for v in []: pass\n",
        "with open('x') as v: pass\n",
        "import v\n",
        "match x:\n    case {**v}: pass\n",
        "match x:\n    case [*v]: pass\n",
        "try: pass\nexcept OSError as v: pass\n",
        "other = Net(v)\n",
        "MODEL = Net(best(v))\n",
        "v.addV('b', **v.getVersion('a'))\n",
    ],
)
def test_versions_that_other_code_may_read_count(use: str) -> None:
    source = BUILD.format(use)

    assert ast.parse(source)
    assert shared(edited("lr=1", "lr=2", source)) != shared(source)
    assert shared(edited("0.1", "0.2", source)) != shared(source)


@pytest.mark.parametrize(
    "use",
    [
        "def f(v):\n    return v\n",
        "def f():\n    v = 1\n    return v\n",
        "f = lambda v: v\n",
        "with open('x') as f:\n    v.addV(f.read())\n",
        "model = Net(v)\nMODEL = model\n",
        "v = Versions(0.3)\n",
    ],
)
def test_names_inside_functions_and_further_building_do_not_make_versions_count(use: str) -> None:
    source = BUILD.format(use)

    assert shared(edited("lr=1", "lr=2", source)) == shared(source)


@pytest.mark.parametrize(
    "loop",
    [
        "for lr in [1, 2]:\n    name = str(lr)\n    v.addV(name, lr=lr)\n",
        "for lr in [1, 2]:\n    v.addV(str(lr))\nprint(lr)\n",
        "for lr in [1, 2]:\n    v.addV(str(lr))\ndef f(): return lr\n",
        "for x.lr in [1, 2]:\n    v.addV('b')\n",
        "for lr in (LRS := [1, 2]):\n    v.addV('b')\n",
        "if (LRS := [1, 2]):\n    v.addV('b')\n",
        "for lr in [1, 2]: pass\n",
        "while f([1, 2]):\n    v.addV('b')\n",
        "LRS = [1, 2]\nfor lr in LRS:\n    v.addV(str(lr))\n",
        "v.addV('b', lr=(LR := [1, 2]))\n",
    ],
)
def test_statements_that_do_more_than_build_count(loop: str) -> None:
    source = BUILD.format(loop)

    assert shared(edited("[1, 2]", "[1, 3]", source)) != shared(source)
    assert shared(edited("lr=1", "lr=2", source)) == shared(source), "the other statements still do not"


def test_an_alias_of_versions_does_not_hide_that_they_are_read() -> None:
    source = BUILD.format("").replace("v = V", "w = v = V").replace("v.addV", "w.addV").replace("MODEL", "x")

    assert shared(edited("lr=1", "lr=2", source)) != shared(source)


def test_two_loops_over_one_name_are_both_left_out() -> None:
    loops = (
        "for n in [1, 2]:\n    v.addV(str(n))\nfor n, m in [(3, 4)]:\n    v.addV(str(n), xs=[n for _ in range(m)])\n"
    )
    source = BUILD.format(loops)

    assert shared(source) == shared(BUILD.format(""))


# --- parameters that are not JSON


def test_without_opaque_parameters_nothing_in_builders_counts() -> None:
    assert code_identity(SCRIPT, {}) == code_identity(edited('Digits("large")', 'Digits("huge")'), {})


def of_a_and_b(source: str) -> tuple[str, str]:
    code = code_identity(source, {}, opaque={"dataloader", "hooks", "depth"})
    return code.of("a"), code.of("b")


def test_an_opaque_parameter_of_a_named_version_counts_for_it_alone() -> None:
    a, b = of_a_and_b(SCRIPT)

    new_a, new_b = of_a_and_b(edited('Digits("large")', 'Digits("huge")'))

    assert new_a == a
    assert new_b != b


def test_adding_moving_and_removing_named_versions_leaves_the_others() -> None:
    a, b = of_a_and_b(SCRIPT)

    assert of_a_and_b(edited("MODEL =", 'v.addV("c", dataloader=Digits("c"))\nMODEL =')) == (a, b)
    assert of_a_and_b(BUILDING["moving a version"](SCRIPT)) == (a, b)
    assert of_a_and_b(BUILDING["removing a version"](SCRIPT))[1] == b
    assert of_a_and_b(edited("learning_rate=0.2", "learning_rate=other()")) == (a, b)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('Digits("small")', 'Digits("tiny")'),
        ("depth=n", "depth=n + 1"),
        ("range(3)", "range(4)"),
        ('f"deep_{n}"', 'f"deep_{2 - n}"'),
    ],
)
def test_opaque_defaults_and_loops_count_for_all(old: str, new: str) -> None:
    a, b = of_a_and_b(SCRIPT)

    new_a, new_b = of_a_and_b(edited(old, new))

    assert new_a != a
    assert new_b != b


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('v.addV("b", L(1))', 'v.addV("b", L(2))'),
        ('v.addV("b", dataloader=L(1))', 'v.addV("b", dataloader=L(2))'),
        ('v.addV(name="b", dataloader=L(1))', 'v.addV(name="b", dataloader=L(2))'),
        ('v.addV("b", None, 1, 2, 3, "s", 4, {"depth": L(1)})', 'v.addV("b", None, 1, 2, 3, "s", 4, {"depth": L(2)})'),
        ('v.addV("b", custom_paramters={"depth": L(1)})', 'v.addV("b", custom_paramters={"depth": L(2)})'),
        ('v.addV("b", custom_parameters={vp.HOOKS: L(1)})', 'v.addV("b", custom_parameters={vp.HOOKS: L(2)})'),
        ('v.addV("b", custom_parameters={KEY: L(1)})', 'v.addV("b", custom_parameters={KEY: L(2)})'),
        ('v.addV("b", custom_parameters={KEY: L()})', 'v.addV("b", custom_parameters={OTHER: L()})'),
        ('v.addV("b", custom_parameters=dict(x=1))', 'v.addV("b", custom_parameters=dict(x=2))'),
        ('v.addV("b", custom_parameters={**{"depth": L(1)}})', 'v.addV("b", custom_parameters={**{"depth": L(2)}})'),
        ('v.addV("b", custom_parameters={**f(1)})', 'v.addV("b", custom_parameters={**f(2)})'),
        ('v.addV("b", hooks={1})', 'v.addV("b", hooks={2})'),
        ('v.addV("b", hooks=(1,))', 'v.addV("b", hooks=(2,))'),
        ('v.addV("b", hooks=[len])', 'v.addV("b", hooks=[max])'),
        ('v.addV("b", **f(1))', 'v.addV("b", **f(2))'),
        ('v.add_version("b", **{"depth": L(1)})', 'v.add_version("b", **{"depth": L(2)})'),
        ('v.addV("b", *f(1))', 'v.addV("b", *f(2))'),
        ('v.addV("b", *NAMES, f(1))', 'v.addV("b", *NAMES, f(2))'),
        ('v.addV("b", dataloader=L(1))', 'v.addV("b", dataloader=L(1), hooks=L(1))'),
        ('for x in [1]: v.addV("b", hooks=f(x))', 'for x in [2]: v.addV("b", hooks=f(x))'),
        ('if X: v.addV("b", hooks=f)', 'if X: pass\nelse: v.addV("b", hooks=f)'),
        ('if X: v.addV("b", hooks=f)', 'if Y: v.addV("b", hooks=f)'),
        (
            'if X: v.addV("b", hooks=f)\nelse: v.addV("b", hooks=g)',
            'if X: v.addV("b", hooks=g)\nelse: v.addV("b", hooks=f)',
        ),
    ],
)
def test_whatever_may_set_an_opaque_parameter_counts_for_its_version(before: str, after: str) -> None:
    imports = "from mlpipeline.utils import Versions, version_parameters as vp\n"
    old_a, old_b = of_a_and_b(f"{imports}v = Versions()\n{before}\n")

    new_a, new_b = of_a_and_b(f"{imports}v = Versions()\n{after}\n")

    assert new_a == old_a
    assert new_b != old_b


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("v.addV('b', hooks=None)", "v.addV('b', hooks=[1, -2.5, {'x': 'y'}])"),
        ("v.addV('b', None, 32)", "v.addV('b', None, f(64))"),
        ("v.addV('b', custom_parameters={'x': f(1)})", "v.addV('b', custom_parameters={'x': f(2)})"),
        ("v.addV('b', custom_parameters={vp.LEARNING_RATE: f(1)})", "v.addV('b')"),
        ("v.addV('b', custom_parameters={KEY: 1})", "v.addV('b', custom_parameters={KEY: 2})"),
        ("v.addV('b', **{'x': f(1)})", "v.addV('b', **{'x': f(2)})"),
        ("v.addV(f(1), lr=0.1)", "v.addV(f(2), lr=0.1)"),
        ("v.rangeOnParameters(f(1), [vp.ORDER], {'x': f(1)})", "v.rangeOnParameters(f(2), [], {'x': f(2)})"),
        ("v.addV('b', hooks=f(1))", "v.addV('b',\n   hooks = f(1)) # same"),
    ],
)
def test_what_the_parameters_show_in_full_does_not_count(before: str, after: str) -> None:
    imports = "from mlpipeline.utils import Versions, version_parameters as vp\n"

    assert of_a_and_b(f"{imports}v = Versions()\n{before}\n") == of_a_and_b(f"{imports}v = Versions()\n{after}\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Versions(0.1, L(1))", "Versions(0.1, L(2))"),
        ("Versions(hooks=L(1))", "Versions(hooks=L(2))"),
        ("Versions(**f(1))", "Versions(**f(2))"),
    ],
)
def test_opaque_defaults_count_however_they_are_given(before: str, after: str) -> None:
    source = "from mlpipeline.utils import Versions\nv = {}\nv.addV('a')\n"

    assert of_a_and_b(source.format(before)) != of_a_and_b(source.format(after))


def test_a_grid_with_an_opaque_parameter_counts_whole_and_for_all() -> None:
    source = (
        "from mlpipeline.utils import Versions\nv = Versions()\n"
        "v.rangeOnParameters(names=['a', 'b'], combining_parameters=['depth'], parameters={'depth': [L(1), L(2)]})\n"
    )
    a, b = of_a_and_b(source)

    for old, new in [("'a', 'b'", "'b', 'a'"), ("['depth']", "[]"), ("L(2)", "L(3)")]:
        new_a, new_b = of_a_and_b(edited(old, new, source))
        assert new_a != a
        assert new_b != b


def test_both_spellings_of_the_epoch_count_mean_one_parameter() -> None:
    source = "from mlpipeline.utils import Versions, version_parameters\nv = Versions()\nv.addV('a', {})\n"
    for opaque in ("epoc_count", "epoch_count"):
        for spelling in (
            "epoc_count={}",
            "epoch_count={}",
            "custom_paramters={{version_parameters.EPOC_COUNT: {}}}",
            "custom_paramters={{version_parameters.EPOCH_COUNT: {}}}",
        ):
            codes = {
                code_identity(source.format(spelling.format(f"f({n})")), {}, opaque={opaque}).of("a") for n in (1, 2)
            }
            assert len(codes) == 2, (opaque, spelling)


# --- the whole


def test_identity_is_parameters_and_code() -> None:
    before = identity({"learning_rate": 0.1, "layers": [1, {"x": None}]}, "code")

    assert identity({"layers": [1, {"x": None}], "learning_rate": 0.1}, "code") == before
    assert identity({"learning_rate": 0.1, "layers": [1, {"x": None}]}, "other code") != before
    assert identity({"learning_rate": 0.2, "layers": [1, {"x": None}]}, "code") != before
    assert len(before) == 64


def test_values_of_different_type_differ() -> None:
    values = [1, 1.0, "1", True, None, [1], float("nan"), float("inf"), {}]

    assert len({identity({"x": value}, "") for value in values}) == len(values)
    assert identity({"x": float("nan")}, "") == identity({"x": float("nan")}, "")

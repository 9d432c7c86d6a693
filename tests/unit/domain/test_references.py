"""What a piece of code refers to, and when two are the same but for the names of local variables."""

from __future__ import annotations

import ast

import pytest

from mlpipeline.domain.references import references
from mlpipeline.domain.syntax_walk import Imported


def found(source, *, evaluates_annotations=True):
    return references(ast.parse(source).body[0], evaluates_annotations=evaluates_annotations)


def test_names_that_are_bound_nowhere_inside_are_read_outside():
    source = """
@decorated(LEVEL)
def f(a, *rest, b=DEFAULT, **more) -> Result:
    global counter
    counter = one.two.three(a, b)
    own = [each + FACTOR for each in rest]
    def inner(x): return x + own + closed
    closed = inner(TOP)
    with opened() as handle: handle.read
    try: raise Wrong
    except Wrong as error: str(error)
    return lambda y: (y, more, f)
"""
    names = {".".join(chain) for chain in found(source).names}
    assert names == {
        *("decorated", "LEVEL", "DEFAULT", "Result", "one.two.three", "FACTOR", "TOP", "opened", "Wrong", "str", "f")
    }
    without = found(source, evaluates_annotations=False)
    assert names - {".".join(chain) for chain in without.names} == {"Result"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a):\n    x = a\n    return x", "def f(a):\n    y = a\n    return y"),
        ("def f(a): return [x for x in a if x]", "def f(a): return [y for y in a if y]"),
        ("def f(a):\n    for i, j in a: print(i, j)", "def f(a):\n    for j, i in a: print(j, i)"),
        ("def f():\n    try: g()\n    except E as e: print(e)", "def f():\n    try: g()\n    except E as x: print(x)"),
        (
            "def f(a):\n  match a:\n    case [x, *y]: return x, y",
            "def f(a):\n  match a:\n    case [p, *q]: return p, q",
        ),
    ],
)
def test_local_variables_may_have_any_name(one, other):
    assert found(one) == found(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a): return a", "def f(b): return b"),
        ("def f(a):\n    x = a\n    return x", "def f(a):\n    x = a\n    return y"),
        ("def f(a):\n    x, y = a\n    return x - y", "def f(a):\n    x, y = a\n    return y - x"),
        ("def f(a):\n    x = a\n    return locals()", "def f(a):\n    y = a\n    return locals()"),
        ("def f(a):\n    x = 1\n    return a.query('b > @x')", "def f(a):\n    y = 1\n    return a.query('b > @x')"),
        ("def f():\n    def g(): return 1\n    return g", "def f():\n    def h(): return 1\n    return h"),
        ("def f():\n    global x\n    x = 1", "def f():\n    global y\n    y = 1"),
    ],
)
def test_what_may_be_seen_of_a_name_counts(one, other):
    assert found(one).text != found(other).text


def test_imports_inside_and_by_a_text_are_told():
    source = "def f(n):\n    from .a import b\n    import c.d\n    import_module('e.f')\n    __import__(n)"
    assert found(source).imports == (
        Imported(level=1, module="a", names=("b",)),
        Imported(level=0, module="c.d"),
        Imported(level=0, module="e.f"),
        Imported(level=0, module=None),
    )


def test_what_is_only_added_to_is_not_read():
    only = found("def f(x):\n    calls.append(g(x))\n    own = []\n    own.append(x)")
    assert (only.names, only.added_to) == ((("g",),), ("calls",))
    assert found("def f(x):\n    calls.append(x)\n    return calls").names == (("calls",),)
    assert found("def f(x): return calls.append(x)").added_to == ()


def test_a_sum_of_a_thousand_terms_is_no_matter():
    assert found(f"x = {' + '.join(['a'] * 1500)}").names == (("a",),)

"""What edits do to the lines of a queue file."""

from __future__ import annotations

import pytest

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.listed import Edit, Listed, Way, add, hold, move, remove
from mlpipeline.errors import NotListed

SET = {"lr": 0.1}


def lines(*told):
    """Return lines from scripts, or from pairs of a script and its keys."""
    pairs = [(one, {}) if isinstance(one, str) else one for one in told]
    return tuple(
        Listed(script=script, keys=keys, changes=Changes(values=keys["set"]) if "set" in keys else None, origin=origin)
        for origin, (script, keys) in enumerate(pairs)
    )


def ask(_script):
    return ("v", "w", "x")


def nobody(_script):
    raise AssertionError("the script is asked though it need not be")


def told(edit: Edit):
    """Return the lines as `lines` takes them, and what was said."""
    return [line.script if not line.keys else (line.script, dict(line.keys)) for line in edit.lines], *edit.said


def of(*versions, **keys):
    return {"versions": list(versions), **keys}


@pytest.mark.parametrize(
    ("before", "added", "after"),
    [
        ([], ("a.py", None, {}, None), (["a.py"], "added a.py, 1 of 1")),
        (["a.py"], ("b.py", None, {}, None), (["a.py", "b.py"], "added b.py, 2 of 2")),
        (["a.py"], ("b.py", None, {}, 0), (["b.py", "a.py"], "added b.py, 1 of 2")),
        (["a.py"], ("b.py", ["v"], {}, None), (["a.py", ("b.py", of("v"))], "added b:v, 2 of 2")),
        (
            [("b.py", of("v", resources={"gpus": 1})), "a.py"],
            ("b.py", ["v", "w"], {}, None),
            (
                [("b.py", of("v", "w", resources={"gpus": 1})), "a.py"],
                "b:v is listed already, 1 of 2",
                "added b:w beside b:v, 1 of 2",
            ),
        ),
        # What is held would hold it, too; and what is to be first is no part of a line further down.
        (
            [("b.py", of("v", hold=True))],
            ("b.py", ["w"], {}, None),
            ([("b.py", of("v", hold=True)), ("b.py", of("w"))], "added b:w, 2 of 2"),
        ),
        (
            ["a.py", ("b.py", of("v"))],
            ("b.py", ["w"], {}, 0),
            ([("b.py", of("w")), "a.py", ("b.py", of("v"))], "added b:w, 1 of 3"),
        ),
        (["a.py"], ("a.py", None, {}, None), (["a.py"], "a.py is listed already, 1 of 1: a.py with every version")),
        (["a.py"], ("a.py", ["v"], {}, 0), (["a.py"], "a:v is listed already, 1 of 1: a.py with every version")),
        (
            [("a.py", of("v", hold=["v"], after=["t"]))],
            ("a.py", None, {}, None),
            ([("a.py", {"hold": ["v"], "after": ["t"]})], "added every other version of a.py, 1 of 1"),
        ),
        # What `set` makes are versions of their own.
        (
            ["a.py"],
            ("a.py", ["v"], SET, None),
            (["a.py", ("a.py", of("v", set=SET))], "added a:v@lr=0.1, 2 of 2"),
        ),
        (
            [("a.py", of("v", set=SET)), ("a.py", of("v", set={"lr": 1}))],
            ("a.py", ["w"], SET, None),
            (
                [("a.py", of("v", "w", set=SET)), ("a.py", of("v", set={"lr": 1}))],
                "added a:w@lr=0.1 beside a:v@lr=0.1, 1 of 2",
            ),
        ),
        (
            [("a.py", {"set": SET})],
            ("a.py", None, SET, None),
            ([("a.py", {"set": SET})], "a.py (@lr=0.1) is listed already, 1 of 1: a.py with every version"),
        ),
    ],
)
def test_what_is_added_is_listed_once_and_where_a_person_would_write_it(before, added, after):
    script, versions, values, at = added
    assert told(add(lines(*before), script, versions, values, at)) == after


def test_a_script_in_several_lines_cannot_be_added_whole():
    with pytest.raises(NotListed, match=r"a.py is listed 2 times.*\(1, 3\).*queue rm a"):
        add(lines(("a.py", of("v")), "b.py", ("a.py", of("w"))), "a.py", None, {}, None)


@pytest.mark.parametrize(
    ("before", "removed", "after"),
    [
        (["a.py", ("b.py", of("v")), ("b.py", {"set": SET})], ("b.py", None), (["a.py"], "took b.py off: 1 is left")),
        (["a.py", ("b.py", of("v"))], ("b.py", "v"), (["a.py"], "took b:v off: 1 is left")),
        ([("b.py", of("v", "w", hold=["v"]))], ("b.py", "v"), ([("b.py", of("w"))], "took b:v off: 1 is left")),
        (
            [("b.py", of("v", "w", hold=["w"]))],
            ("b.py", "v"),
            ([("b.py", of("w", hold=True))], "took b:v off: 1 is left"),
        ),
        (["a.py"], ("a.py", "w"), ([("a.py", of("v", "x"))], "took a:w off: 1 is left")),
        (
            ["a.py", ("a.py", {"set": SET})],
            ("a.py", "w@lr=0.1"),
            (["a.py", ("a.py", of("v", "x", set=SET))], "took a:w@lr=0.1 off: 2 are left"),
        ),
    ],
)
def test_what_is_taken_off_leaves_the_others(before, removed, after):
    edit = remove(lines(*before), *removed, ask)
    expected, said = after
    written = [(one, {}) if isinstance(one, str) else one for one in told(edit)[0]]
    assert written == [(one, {}) if isinstance(one, str) else one for one in expected]
    assert edit.said == (said,)


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        (("aa.py", None), 'aa.py is not listed. Did you mean "a.py"?'),
        (("a.py", "vv"), 'a.py has no version "vv". Did you mean "v"?'),
        (("b.py", "smal"), 'b:smal is not listed. Listed: b:small. Did you mean "small"?'),
        (("c.py", "v"), "c:v is not listed. Listed: c.py (@lr=0.1)."),
    ],
)
def test_what_is_not_listed_is_told_with_what_is(named, complaint):
    listed = lines("a.py", ("b.py", of("small")), ("c.py", {"set": SET}))
    with pytest.raises(NotListed) as caught:
        remove(listed, *named, ask)
    assert str(caught.value) == complaint


def order(edit: Edit):
    """Return the scripts, or their versions, in order."""
    return [":".join([line.script[0], *(line.versions or ())]) for line in edit.lines]


@pytest.mark.parametrize(
    ("moved", "way", "after"),
    [
        (("c.py", None), Way.UP, ["a", "c", "b:v:w", "a:v", "d"]),
        (("c.py", None), Way.DOWN, ["a", "b:v:w", "a:v", "c", "d"]),
        (("c.py", None), Way.FIRST, ["c", "a", "b:v:w", "a:v", "d"]),
        (("c.py", None), Way.LAST, ["a", "b:v:w", "a:v", "d", "c"]),
        # All lines of a script keep their order.
        (("a.py", None), Way.UP, ["a", "b:v:w", "a:v", "c", "d"]),
        (("a.py", None), Way.DOWN, ["b:v:w", "a", "c", "d", "a:v"]),
        (("a.py", None), Way.LAST, ["b:v:w", "c", "d", "a", "a:v"]),
        # A version leaves its line; where that alone changes nothing, it passes the next line, too.
        (("b.py", "w"), Way.UP, ["a", "b:w", "b:v", "c", "a:v", "d"]),
        (("b.py", "v"), Way.UP, ["b:v", "a", "b:w", "c", "a:v", "d"]),
        (("b.py", "v"), Way.DOWN, ["a", "b:w", "b:v", "c", "a:v", "d"]),
        (("b.py", "w"), Way.DOWN, ["a", "b:v", "c", "b:w", "a:v", "d"]),
        (("b.py", "w"), Way.FIRST, ["b:w", "a", "b:v", "c", "a:v", "d"]),
        (("b.py", "v"), Way.LAST, ["a", "b:w", "c", "a:v", "d", "b:v"]),
    ],
)
def test_moves(moved, way, after):
    # The fourth is another version of a.py: it has values of its own.
    listed = lines("a.py", ("b.py", of("v", "w")), "c.py", ("a.py", of("v", set=SET)), "d.py")
    assert order(move(listed, *moved, way, nobody)) == after


def test_a_version_of_a_script_that_is_listed_whole_leaves_it_with_what_the_line_says():
    listed = lines("b.py", ("a.py", {"after": ["t"], "hold": ["w"]}))
    edit = move(listed, "a.py", "w", Way.FIRST, ask)
    assert told(edit) == (
        [
            ("a.py", {"after": ["t"], "hold": True, "versions": ["w"]}),
            "b.py",
            ("a.py", {"after": ["t"], "versions": ["v", "x"]}),
        ],
        "moved a:w: it is 1 of 3",
    )


@pytest.mark.parametrize(
    ("moved", "way"),
    [(("a.py", None), Way.UP), (("a.py", "v"), Way.UP), (("a.py", "v"), Way.FIRST), (("b.py", "v"), Way.LAST)],
)
def test_what_is_at_the_end_already_stays(moved, way):
    listed = lines("a.py", ("b.py", of("v")))
    edit = move(listed, *moved, way, ask)
    assert edit.lines == listed
    assert edit.said[0].endswith(("is first already", "is last already"))


@pytest.mark.parametrize(
    ("before", "held", "is_off", "after"),
    [
        ({}, None, False, {"hold": True}),
        (of("v", "w", hold=["v"]), None, False, of("v", "w", hold=True)),
        (of("v", "w", hold=["v"]), None, True, of("v", "w")),
        ({}, "w", False, {"hold": ["w"]}),
        (of("v", "w"), "w", False, of("v", "w", hold=["w"])),
        (of("v", "w", hold=["v"]), "w", False, of("v", "w", hold=True)),
        (of("v"), "v", False, of("v", hold=True)),
        ({"hold": ["v", "w"]}, "w", True, {"hold": ["v"]}),
        (of("v", hold=["v"]), "v", True, of("v")),
        (of("v", "w", hold=True), "w", True, of("v", "w", hold=["v"])),
        ({"hold": True}, "w", True, {"hold": ["v", "x"]}),
        ({"set": SET, "hold": ["v@lr=0.1"]}, "w@lr=0.1", False, {"set": SET, "hold": ["v", "w"]}),
    ],
)
def test_what_is_held_and_let_go(before, held, is_off, after):
    edit = hold(lines(("a.py", before)), "a.py", held, ask, is_off=is_off)
    assert dict(edit.lines[0].keys) == after
    again = hold(edit.lines, "a.py", held, ask, is_off=is_off)
    assert again.lines == edit.lines


def test_holding_a_version_of_a_whole_script_asks_nobody():
    assert hold(lines("a.py"), "a.py", "w", nobody, is_off=False).said == (
        "a:w is held until `mlpipeline queue hold --off a:w`",
    )

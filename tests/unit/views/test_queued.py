from mlpipeline.domain.changes import Changes
from mlpipeline.domain.queue import Entry
from mlpipeline.views.queued import held_names, queued_names


def entry(script, *versions, hold=False, **values):
    return Entry(
        script=f"{script}.py", versions=versions or None, hold=hold, changes=Changes(values=values) if values else None
    )


def test_entries_are_named_by_what_tells_them_from_one_another():
    assert queued_names([entry("a"), entry("b", "x", "y")]) == ["a.py", "b.py"]
    entries = [
        entry("a", "x"),
        entry("a", "y", "z"),
        entry("a", lr=1),
        entry("a", "x", lr=2),
        entry("a", "x", "y", lr=3),
    ]
    assert queued_names(entries) == ["a:x", "a.py (y, z)", "a.py@lr=1", "a:x@lr=2", "a.py@lr=3 (x, y)"]


def test_what_is_held_is_not_among_what_starts():
    held = [entry("a", hold=True), entry("b", "x", "y", hold=("x", "y")), entry("c", "x", hold=True, lr=1)]
    assert queued_names(held) == []
    partly = [entry("a", hold=("x",)), entry("b", "x", "y", hold=("x",)), entry("b", "z")]
    assert queued_names(partly) == ["a.py", "b:y", "b:z"]
    assert queued_names(partly, {"a.py", "b:z"}) == ["b.py"]


def test_an_entry_names_what_it_holds():
    assert list(held_names(entry("a"))) == []
    assert list(held_names(entry("a", hold=True))) == ["a.py"]
    assert list(held_names(entry("b", "x", "y", hold=True))) == ["b:x", "b:y"]
    assert list(held_names(entry("b", "x", "y", hold=("y",)))) == ["b:y"]
    assert list(held_names(entry("c", "x", "y", hold=("x", "y@lr=1"), lr=1))) == ["c:x@lr=1", "c:y@lr=1"]

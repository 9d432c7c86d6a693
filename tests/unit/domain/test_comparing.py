from mlpipeline.domain.comparing import MISSING, code_diff, file_changes, rows


def values(things):
    return {row.name: list(row.values) for row in things}


def test_what_runs_have_stands_side_by_side_and_what_is_nested_by_a_dotted_name():
    found = rows([{"lr": 0.1, "opt": {"name": "adam"}}, {"opt": {"name": "adam"}, "extra": None}])
    assert values(found) == {"lr": [0.1, MISSING], "opt.name": ["adam", "adam"], "extra": [MISSING, None]}
    assert [row.name for row in found if row.is_same] == ["opt.name"]


def test_values_are_the_same_as_they_are_written():
    nan = float("nan")
    same = {
        row.name: row.is_same for row in rows([{"a": nan, "b": 1, "c": True}, {"a": float("nan"), "b": 1.0, "c": 1}])
    }
    assert same == {"a": True, "b": False, "c": False}


def test_the_best_is_the_lowest_or_the_highest_as_the_name_says_and_nothing_where_it_does_not():
    nan = float("nan")
    results = {
        "loss": [0.2, nan, 0.1, 0.1],
        "accuracy": [0.2, "none", True, 0.1],
        "purpose": [1, 2, 3, 4],
        "error": [1, 1, 1, 1],
        "f1": [1, nan, nan, nan],
    }
    found = rows([{name: told[index] for name, told in results.items()} for index in range(4)])
    assert {row.name: row.best() for row in found} == {
        "loss": [2, 3], "accuracy": [0], "purpose": [], "error": [], "f1": [],
    }  # fmt: skip


def test_files_that_differ_are_told_with_which_runs_have_the_same():
    codes = [{"net.py": "a", "same.py": "s"}, {"net.py": "b", "same.py": "s", "new.py": ""}, {"net.py": "a"}]
    changes = {change.path: change.contents for change in file_changes(codes)}
    assert changes == {"net.py": [0, 1, 0], "new.py": [None, 0, None], "same.py": [0, 0, None]}


def test_the_diff_of_two_is_unified():
    before, after = {"net.py": "x = 1\ny = 2\n", "gone.py": "z\n"}, {"net.py": "x = 1\ny = 3\n", "/lib/new.py": "n\n"}
    assert code_diff(before, after, ("a1", "b2")) == [
        "--- a1/lib/new.py", "+++ b2/lib/new.py", "@@ -0,0 +1 @@", "+n",
        "--- a1/gone.py", "+++ b2/gone.py", "@@ -1 +0,0 @@", "-z",
        "--- a1/net.py", "+++ b2/net.py", "@@ -1,2 +1,2 @@", " x = 1", "-y = 2", "+y = 3",
    ]  # fmt: skip
    assert code_diff(before, before, ("a1", "b2")) == []

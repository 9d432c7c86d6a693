import pytest

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.queue import Entry, Only, model_name, queue_changes
from mlpipeline.errors import MlpipelineError, NotListed


def nowhere(_script):
    return False


def entries(*scripts):
    return [Entry(script=f"{script}.py") for script in scripts]


@pytest.mark.parametrize(
    ("script", "model"), [("net.py", "net"), ("cnn/net.py", "cnn/net"), ("a.py.py", "a.py"), ("data", "data")]
)
def test_a_model_is_named_by_its_script_without_the_ending(script, model):
    assert model_name(script) == model


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("abc", "abc", None),
        ("", "", None),
        ("abc", "abcde", "queue re-read: +2"),
        ("abc", "b", "queue re-read: −2"),
        ("abc", "cab", "queue re-read: 1 reordered"),
        ("abc", "cba", "queue re-read: 2 reordered"),
        ("abcde", "deabc", "queue re-read: 2 reordered"),
        ("abc", "dbea", "queue re-read: +2 −1, 1 reordered"),
        ("abc", "xyz", "queue re-read: +3 −3"),
    ],
)
def test_the_line_counts_what_came_what_went_and_what_moved(before, after, line):
    assert queue_changes(entries(*before), entries(*after)) == line


def test_other_versions_of_a_script_that_stays_are_a_change():
    before = [Entry(script="a.py"), Entry(script="b.py", versions=("x",))]
    after = [Entry(script="a.py", versions=("x",)), Entry(script="b.py", versions=("x",))]
    assert queue_changes(before, after) == "queue re-read: 1 changed"
    assert queue_changes(before, after[::-1]) == "queue re-read: 1 changed, 1 reordered"


def test_a_script_listed_twice_may_swap_its_versions():
    small, large = Entry(script="a.py", versions=("small",)), Entry(script="a.py", versions=("large",))
    assert queue_changes([small, large], [large, small]) == "queue re-read: 1 reordered"
    assert queue_changes([small, large], [small]) == "queue re-read: −1"


def test_another_value_in_set_is_a_change_though_python_takes_it_for_the_same():
    before = [Entry(script="a.py", changes=Changes(values={"x": 1}))]
    assert queue_changes(before, [Entry(script="a.py", changes=Changes(values={"x": True}))]) == (
        "queue re-read: 1 changed"
    )
    assert queue_changes(before, [Entry(script="a.py", changes=Changes(values={"x": 1}))]) is None


def test_versions_are_held_by_their_own_name_or_by_that_of_what_set_makes():
    assert Entry(script="a.py", hold=True).holds("s")
    assert not Entry(script="a.py").holds("s")
    entry = Entry(script="a.py", hold=("s", "t@x=1"), changes=Changes(values={"x": 1}))
    assert [entry.holds(version) for version in ("s", "t", "u")] == [True, True, False]


def test_without_only_everything_is_asked_for():
    only = Only()
    assert only.matches("digits", "deep")
    assert only.may_match("digits")
    only.refuse_unmatched({}, nowhere)


@pytest.mark.parametrize("value", ["digits", "digits.py", "./digits.py", " digits "])
def test_a_model_asks_for_all_its_versions(value):
    only = Only.parse([value])
    assert only.matches("digits", "deep")
    assert only.matches("digits", "flat")
    assert not only.matches("digits2", "deep")
    assert only.may_match("digits")
    assert not only.may_match("digit")


@pytest.mark.parametrize("value", ["cnn/net:deep", "cnn/net.py:deep", "cnn\\net:deep"])
def test_a_version_asks_for_itself_alone(value):
    only = Only.parse([value])
    assert only.matches("cnn/net", "deep")
    assert not only.matches("cnn/net", "flat")
    assert not only.matches("net", "deep")
    assert only.may_match("cnn/net")
    assert not only.may_match("cnn/net2")


def test_colons_inside_names_do_no_harm():
    assert Only.parse(["digits:lr:0.1"]).matches("digits", "lr:0.1")
    assert Only.parse(["a:b:c"]).matches("a:b", "c")


def test_several_values_ask_for_each():
    only = Only.parse(["a:x", "b"])
    assert [only.matches(*pair) for pair in [("a", "x"), ("a", "y"), ("b", "y")]] == [True, False, True]


@pytest.mark.parametrize("value", ["", "  ", ":deep", "digits:"])
def test_a_value_that_names_nothing_is_refused(value):
    with pytest.raises(MlpipelineError, match="names no version"):
        Only.parse([value])


def test_a_name_that_is_not_in_the_queue_is_refused_with_the_nearest():
    known = {"digits": ["deep"], "net": ["small"]}
    Only.parse(["digits:deep", "net.py"]).refuse_unmatched(known, nowhere)
    with pytest.raises(MlpipelineError) as caught:
        Only.parse(["digits", "digits:dep"]).refuse_unmatched(known, nowhere)
    assert str(caught.value) == (
        '--only "digits:dep" matches nothing that the queue lists. Did you mean "digits:deep"?'
    )
    with pytest.raises(MlpipelineError, match='Did you mean "digits"'):
        Only.parse(["digit"]).refuse_unmatched({"digits": None}, nowhere)
    with pytest.raises(NotListed, match=r'"sub/first:slow" matches .*\. sub/first\.py is there, but not listed\.$'):
        Only.parse(["sub/first:slow"]).refuse_unmatched({"firsts": None}, {"sub/first.py"}.__contains__)


def test_any_version_of_a_script_that_cannot_be_used_may_be_asked_for():
    Only.parse(["broken:deep"]).refuse_unmatched({"broken": None, "net": ["small"]}, nowhere)

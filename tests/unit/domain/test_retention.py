from __future__ import annotations

import random
from dataclasses import replace

import pytest
from runs import RUN

from mlpipeline.domain.measures import Measure
from mlpipeline.domain.retention import Best, Choice, Need, Rules, choose, newest_first
from mlpipeline.domain.runs import Run
from mlpipeline.domain.states import Outcome, State

DAY_S = 86_400.0
ACCURACY = Measure(name="accuracy", is_lower_better=False)


def run(name: str, version: str = "v", outcome: Outcome | None = Outcome.SUCCEEDED, **changed) -> Run:
    """A run whose id tells how many days ago it ended: `3a`."""
    state = State.RUNNING if outcome is None else State.ENDED
    given = {"model": "net", "model_dir": f"net-{version}", **changed}
    return replace(RUN, id=name, name=f"net-{version}-{name}", version=version, state=state, outcome=outcome, **given)


def chosen(*runs: Run, busy: tuple[str, ...] = (), **rules) -> Choice:
    """What may go of runs, given newest first."""
    pasts: dict[str, list[Run]] = {}
    for one in runs:
        pasts.setdefault(one.model_dir, []).append(one)
    return choose(pasts, Rules(**rules), busy=busy, age_s=lambda run: int(run.id[:-1]) * DAY_S)


def test_without_a_rule_nothing_goes():
    choice = chosen(run("90a"), run("91a"), is_unfinished_too=True)
    assert choice == Choice(model_dirs={}, runs={}, replaced={}, needed={})


def test_what_ended_longer_ago_goes_and_the_model_dir_only_with_the_last_of_its_version():
    choice = chosen(run("1a"), run("40a"), run("50b", "old"), run("60b", "old"), older_than_s=30 * DAY_S)
    assert choice.runs == {"40a": "ended 40 d 0 h ago", "60b": "ended 60 d 0 h ago"}
    assert choice.model_dirs == {"net-old": "ended 50 d 0 h ago"}
    assert choice.needed == {}
    assert chosen(run("30a"), older_than_s=30 * DAY_S).model_dirs == {}


def test_the_latest_of_each_version_are_kept_and_with_them_its_model_dir():
    choice = chosen(*(run(f"{age}{v}", v) for v in "ab" for age in (1, 2, 3, 4)), keep=2)
    assert set(choice.runs) == {"3a", "4a", "3b", "4b"}
    assert choice.runs["3a"] == "not among the latest 2"
    assert choice.model_dirs == {}
    assert chosen(run("1a"), run("2a"), keep=1).runs == {"2a": "not the latest"}


@pytest.mark.parametrize(("is_lower_better", "kept"), [(False, {"net-c", "net-b"}), (True, {"net-a", "net-b"})])
def test_the_best_versions_of_each_model_are_kept(is_lower_better, kept):
    runs = [run(f"{n}a", v, results={"x": n}) for n, v in enumerate("abc", start=1)]
    other = run("9a", "z", model="other", model_dir="other-z", results={"x": 2})
    choice = chosen(*runs, other, best=Best(count=2, by=Measure(name="x", is_lower_better=is_lower_better)))
    assert {"net-a", "net-b", "net-c"} - choice.model_dirs.keys() == kept
    assert set(choice.model_dirs.values()) == {"not among the best 2"}
    assert "other-z" not in choice.model_dirs


@pytest.mark.parametrize(
    "odd", [{}, {"accuracy": None}, {"accuracy": "0.1"}, {"accuracy": True}, {"accuracy": float("nan")}]
)
def test_what_has_no_such_number_is_never_deleted_for_not_being_the_best(odd):
    good, bad, none = (
        run("1a", "good", results={"accuracy": 0.9}),
        run("2a", "bad", results={"accuracy": 0.1}),
        run("3a", "none", results=odd),
    )
    for order in ([good, bad, none], [none, bad, good]):
        assert set(chosen(*order, best=Best(count=1, by=ACCURACY)).model_dirs) == {"net-bad"}


def test_a_result_counts_that_tells_how_good_what_lies_in_the_model_dir_is():
    best = Best(count=1, by=ACCURACY)
    other = run("5a", "other", results={"accuracy": 0.5})
    # Its last run failed when it was called again; what it had achieved still lies there.
    failed_again = [run("1a", outcome=Outcome.FAILED, results={"accuracy": 0.1}), run("2a", results={"accuracy": 0.9})]
    assert set(chosen(*failed_again, other, best=best).model_dirs) == {"net-other"}
    # The good one was of other code.
    edited = [run("1a", identity="new", results={"accuracy": 0.1}), run("2a", results={"accuracy": 0.9})]
    assert set(chosen(*edited, other, best=best).model_dirs) == {"net-v"}


def test_of_equally_good_ones_the_newest_is_kept_and_a_huge_whole_number_is_one():
    best = Best(count=1, by=ACCURACY)
    equal = [run(f"{n}a", v, selected_at=at, results={"accuracy": 1}) for n, v, at in ((2, "a", "01"), (1, "b", "02"))]
    assert set(chosen(*equal, best=best).model_dirs) == {"net-a"}
    huge = run("1a", "huge", results={"accuracy": 10**400})
    assert set(chosen(huge, *equal, best=best).model_dirs) == {"net-a", "net-b"}


def test_of_several_rules_each_keeps_something_and_only_what_none_keeps_goes():
    runs = [run("40a", results={"accuracy": 0.9}), run("50a"), run("60a"), run("45b", "b", results={"accuracy": 0.1})]
    choice = chosen(*runs, older_than_s=30 * DAY_S, best=Best(count=1, by=ACCURACY))
    assert (set(choice.runs), set(choice.model_dirs)) == (set(), {"net-b"})
    choice = chosen(*runs, older_than_s=55 * DAY_S, keep=1)
    assert choice.runs == {"60a": "not the latest, ended 60 d 0 h ago"}
    assert choice.model_dirs == {}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED, Outcome.LOST])
def test_what_a_version_needs_to_go_on_is_kept_unless_that_is_asked_for(outcome):
    runs = [run("40a", outcome=outcome), run("50a")]
    choice = chosen(*runs, older_than_s=30 * DAY_S)
    assert (set(choice.runs), choice.model_dirs, choice.replaced) == ({"50a"}, {}, {})
    assert choice.needed == {"net-v": Need.UNFINISHED}
    choice = chosen(*runs, older_than_s=30 * DAY_S, is_unfinished_too=True)
    assert (set(choice.runs), set(choice.model_dirs), choice.needed) == ({"50a"}, {"net-v"}, {})
    # What failed has no result to be compared by.
    runs.append(run("45b", "b", results={"accuracy": 0.1}))
    assert chosen(*runs, best=Best(count=1, by=ACCURACY)).model_dirs == {}
    assert set(chosen(*runs, best=Best(count=1, by=ACCURACY), is_unfinished_too=True).model_dirs) == {"net-v"}


def test_a_live_run_and_what_it_resumes_stay_and_so_does_its_model_dir():
    runs = [run("0a", outcome=None, previous="40a"), run("40a", outcome=Outcome.LOST), run("50a")]
    choice = chosen(*runs, older_than_s=30 * DAY_S, is_unfinished_too=True)
    assert (set(choice.runs), choice.model_dirs, choice.replaced) == ({"50a"}, {}, {})
    assert choice.needed == {"net-v": Need.IN_USE}


def test_where_somebody_holds_the_model_dir_nothing_of_its_runs_goes():
    choice = chosen(run("40a"), run("50a"), run("50b", "b"), busy=("net-v",), older_than_s=30 * DAY_S)
    assert (choice.runs, set(choice.model_dirs), set(choice.replaced)) == ({}, {"net-b"}, {"50b"})
    assert choice.needed == {"net-v": Need.IN_USE}


def test_what_a_run_set_aside_goes_when_that_run_may():
    choice = chosen(run("10a"), run("40a"), run("50a"), older_than_s=30 * DAY_S)
    assert set(choice.replaced) == {"40a", "50a"}


def test_a_model_dir_in_which_another_one_lies_that_stays_does_not_go():
    outer = run("40a", model_dir="cnn-a")
    inner = run("1b", model="cnn-a/b", model_dir="cnn-a/b-x")
    choice = chosen(outer, inner, older_than_s=30 * DAY_S)
    assert (choice.model_dirs, choice.needed) == ({}, {"cnn-a": Need.HOLDS_OTHERS})
    both = chosen(outer, replace(inner, id="40b"), older_than_s=30 * DAY_S)
    assert set(both.model_dirs) == {"cnn-a", "cnn-a/b-x"}
    held = chosen(outer, busy=("cnn-a/unknown",), older_than_s=30 * DAY_S)
    assert held.needed == {"cnn-a": Need.HOLDS_OTHERS}


def test_runs_are_ordered_by_what_each_found_whatever_the_clocks_of_their_hosts_said():
    a, b, c = (run(name, previous=before) for name, before in (("1a", None), ("1b", "1a"), ("1c", "1b")))
    for given in ([a, b, c], [c, b, a], [b, c, a]):
        assert newest_first(given) == [c, b, a]
    stray = run("1z", previous=None)
    assert newest_first([stray, a, b, c]) == [c, b, a, stray]
    # A history that somebody edited; any order does, and none is lost.
    in_a_circle = [run("1a", previous="1b"), run("1b", previous="1a")]
    assert sorted(one.id for one in newest_first(in_a_circle)) == ["1a", "1b"]


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happened_and_whatever_is_asked_for_nothing_goes_that_is_needed(seed):
    dice = random.Random(seed)
    pasts: dict[str, list[Run]] = {}
    ages: dict[str, float] = {}
    for version in range(dice.randrange(1, 8)):
        runs: list[Run] = []
        for number in range(dice.randrange(1, 6)):
            made = run(
                f"{version}{number}",
                f"{version}",
                outcome=dice.choice(list(Outcome)),
                previous=runs[0].id if runs else None,
                results={"accuracy": dice.choice([0.1, 0.2, 0.3, float("nan")])} if dice.random() < 0.7 else {},
            )
            ages[made.id] = dice.uniform(0, 100)
            runs.insert(0, made)
        if dice.random() < 0.2:
            runs[0] = replace(runs[0], state=State.RUNNING, outcome=None)
        pasts[runs[0].model_dir] = runs
    given = {
        "older_than_s": dice.choice([None, 0.0, 30.0, 90.0]),
        "keep": dice.choice([None, 1, 2, 4]),
        "best": dice.choice([None, Best(count=dice.randrange(1, 4), by=ACCURACY)]),
    }
    busy = {name for name in pasts if dice.random() < 0.1}
    rules = Rules(**given, is_unfinished_too=dice.random() < 0.5)
    choice = choose(pasts, rules, busy=busy, age_s=lambda run: ages[run.id])

    for name, runs in pasts.items():
        gone = {one.id for one in runs if one.id in choice.runs}
        latest = runs[0]
        assert latest.id not in gone
        assert not any(one.is_open for one in runs if one.id in gone)
        for place, one in enumerate(runs):
            if one.id in gone or (one is latest and name in choice.model_dirs):
                assert rules.older_than_s is None or ages[one.id] > rules.older_than_s
                assert rules.keep is None or place >= rules.keep
        if latest.is_open:
            assert latest.previous not in gone
        if name in choice.model_dirs:
            assert gone == {one.id for one in runs[1:]}
            assert not latest.is_open
            assert name not in busy
            assert latest.outcome is Outcome.SUCCEEDED or rules.is_unfinished_too
    if rules.best is not None:
        finished = {n for n, runs in pasts.items() if runs[0].outcome is Outcome.SUCCEEDED}
        assert len(finished - choice.model_dirs.keys()) >= min(rules.best.count, len(finished))
    # To keep more never lets more go.
    if rules.are_any:
        more = choose(pasts, replace(rules, keep=3, older_than_s=95.0), busy=busy, age_s=lambda run: ages[run.id])
        if rules.keep in (None, 1, 2) and rules.older_than_s != 95.0:
            assert more.model_dirs.keys() <= choice.model_dirs.keys()
            assert more.runs.keys() <= choice.runs.keys()


def test_a_nested_result_has_a_dotted_name():
    runs = [run(f"{n}a", v, results={"val": {"x": n}}) for n, v in enumerate("abc", start=1)]
    choice = chosen(*runs, best=Best(count=1, by=Measure(name="val.x", is_lower_better=True)))
    assert set(choice.model_dirs) == {"net-b", "net-c"}

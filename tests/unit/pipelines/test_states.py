"""What a stage has learned, taken from one object and given to another."""

from __future__ import annotations

from dataclasses import dataclass

from mlpipeline import Stage
from mlpipeline.pipelines.states import restored, state_in


class Plain(Stage):
    def __init__(self, start=1):
        self.start = start

    def run(self): ...


class Slotted:
    __slots__ = ("means", "unset")

    def run(self): ...


class Both(Slotted):
    pass


class OwnWay(Stage):
    def run(self): ...

    def __getstate__(self):
        return [self.means]

    def __setstate__(self, state):
        self.means = state[0] + 1


@dataclass(frozen=True)
class Frozen:
    start: int

    def run(self): ...


def moved(made, parameters):
    return restored(type(made), parameters, state_in(made))


def test_attributes_are_the_state_in_slots_too():
    made = Plain(start=2)
    made.means = 3
    assert state_in(made) == {"start": 2, "means": 3}
    again = moved(made, {"start": 2})
    assert (vars(again), again._given) == ({"start": 2, "means": 3}, ((), {"start": 2}))

    both = Both()
    both.means, both.extra = 1, 2
    again = moved(both, {})
    assert (again.means, again.extra, vars(again), hasattr(again, "unset")) == (1, 2, {"extra": 2}, False)
    slotted = Slotted()
    assert state_in(slotted) == {}
    slotted.means = 4
    assert moved(slotted, {}).means == 4
    assert moved(Frozen(5), {}) == Frozen(5)


def test_a_stage_may_say_itself_what_its_state_is():
    made = OwnWay()
    made.means = 1
    assert state_in(made) == [1]
    assert moved(made, {}).means == 2


def test_the_constructor_does_not_run_again():
    class Costly(Stage):
        def __init__(self, fails=False):
            assert not fails

        def run(self): ...

    assert type(restored(Costly, {"fails": True}, {"means": 1})) is Costly

import pytest

from mlpipeline.domain.leasing import Kind, Round, asked, beyond
from mlpipeline.domain.resources import Resources
from mlpipeline.domain.waits import Wait

GB = 10**9


def amounts(gpus=4, cpus=8, memory=32 * GB):
    return {Kind.GPUS: gpus, Kind.CPUS: cpus, Kind.MEMORY: memory}


def started(free, *wanted):
    """Which of the candidates may start, asked in order, where each that may starts as soon as it is asked."""
    free, found = dict(free), []
    for number, resources in enumerate(wanted):
        # As the daemon does: after each start, all that are left are asked again.
        round = Round(free, amounts(), {})
        for earlier, other in enumerate(wanted[:number]):
            if earlier not in found:
                round.wait(str(earlier), other)
        if round.wait(str(number), resources) is None:
            found.append(number)
            free = {kind: free[kind] - asked(resources).get(kind, 0) for kind in free}
    return found


def why(free, *wanted, notes=None, total=None):
    round = Round(free, total or amounts(), notes or {})
    waits = [round.wait(f"net:{number}", resources) for number, resources in enumerate(wanted)]
    assert waits[-1] is not None and not waits[-1].is_held
    return waits[-1].why


def test_what_asks_for_nothing_always_starts():
    assert started(amounts(0, 0, 0), Resources(), Resources(gpus=0, cpus=0, memory_bytes=0)) == [0, 1]


def test_all_that_is_asked_for_must_be_free():
    assert started(amounts(), Resources(gpus=4, cpus=8, memory_bytes=32 * GB)) == [0]
    assert started(amounts(gpus=3), Resources(gpus=4, cpus=1)) == []
    assert started(amounts(cpus=7.5), Resources(gpus=1, cpus=8)) == []
    assert started(amounts(memory=GB), Resources(memory_bytes=GB + 1)) == []


def test_fractions_of_cpus_add_up():
    tenth = Resources(cpus=0.1)
    assert started(amounts(cpus=1), *[tenth] * 11) == list(range(10))


def test_small_ones_do_not_starve_a_large_one_before_them():
    one, four = Resources(gpus=1), Resources(gpus=4)
    assert started(amounts(gpus=3), four, one, one, one) == []
    assert started(amounts(gpus=4), four, one) == [0]


def test_small_ones_pass_with_what_the_first_that_waits_does_not_need():
    large = Resources(gpus=4, cpus=6)
    assert started(amounts(gpus=2, cpus=8), large, Resources(cpus=2)) == [1]
    assert started(amounts(gpus=2, cpus=8), large, Resources(cpus=3)) == []
    assert started(amounts(gpus=2, cpus=8), large, Resources(memory_bytes=32 * GB), Resources()) == [1, 2]
    # It waits for CPUs, and leaves two GPUs to others.
    assert started(amounts(gpus=4, cpus=1), Resources(gpus=2, cpus=2), *[Resources(gpus=1)] * 3) == [1, 2]


def test_only_the_first_that_waits_keeps_something():
    four, six = Resources(gpus=4), Resources(cpus=6)
    assert started(amounts(gpus=1, cpus=5), four, six, Resources(cpus=5)) == [2]


def test_of_what_nobody_counts_there_is_no_end():
    round = Round({Kind.CPUS: 1}, {Kind.CPUS: 1}, {})
    assert round.wait("net:v", Resources(gpus=8, cpus=1)) is None


@pytest.mark.parametrize(
    ("free", "resources", "text"),
    [
        (amounts(gpus=1), Resources(gpus=2), "waits for 2 GPUs: 1 of 4 is free"),
        (amounts(gpus=0), Resources(gpus=1), "waits for 1 GPU: 0 of 4 are free"),
        (amounts(cpus=0.5), Resources(cpus=2), "waits for 2 CPUs: 0.5 of 8 are free"),
        (amounts(memory=GB), Resources(memory_bytes=8 * GB), "waits for 8 GB of memory: 1 GB of 32 GB are free"),
        (
            amounts(gpus=1, cpus=1),
            Resources(gpus=2, cpus=4),
            "waits for 2 GPUs: 1 of 4 is free, and for 4 CPUs: 1 of 8 is free",
        ),
    ],
)
def test_it_says_what_is_waited_for(free, resources, text):
    assert why(free, resources) == text


def test_it_says_for_whom_something_is_kept():
    assert why(amounts(gpus=1), Resources(gpus=2), Resources(gpus=1)) == (
        "waits for 1 GPU: what is free is kept for net:0"
    )


def test_it_says_what_is_known_of_the_rest():
    notes = {Kind.GPUS: "GPU 3 is broken"}
    assert why(amounts(gpus=1), Resources(gpus=2), notes=notes) == (
        "waits for 2 GPUs: 1 of 4 is free (GPU 3 is broken)"
    )
    assert why({Kind.GPUS: 0}, Resources(gpus=2), notes=notes, total={Kind.CPUS: 1}) == (
        "waits for 2 GPUs: GPU 3 is broken"
    )


def test_more_than_there_is_at_all_is_held():
    assert beyond(Resources(gpus=5), amounts(), "box1") == Wait(why="asks for 5 GPUs; box1 has 4", is_held=True)
    assert beyond(Resources(cpus=9.5), amounts(), "box1") == Wait(why="asks for 9.5 CPUs; box1 has 8", is_held=True)
    assert beyond(Resources(memory_bytes=64 * GB), amounts(), "box1") == Wait(
        why="asks for 64 GB of memory; box1 has 32 GB", is_held=True
    )
    assert beyond(Resources(gpus=4, cpus=8, memory_bytes=32 * GB), amounts(), "box1") is None
    assert beyond(Resources(gpus=4), {}, "box1") is None

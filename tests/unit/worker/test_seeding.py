import random
import sys

import numpy as np
import pytest

from mlpipeline.worker.seeding import Seeding, _NumpyWatch


@pytest.fixture(autouse=True)
def _as_before():
    state, numpy_state, finders = random.getstate(), np.random.get_state(), list(sys.meta_path)
    yield
    random.setstate(state)
    np.random.set_state(numpy_state)
    sys.meta_path[:] = finders


def _drawn():
    return random.random(), np.random.rand(2).tolist()


def test_the_same_seed_draws_the_same_numbers_as_often_as_it_is_applied():
    seeding = Seeding(42)
    seeding.apply()
    first = _drawn()
    assert _drawn() != first
    seeding.apply()
    assert _drawn() == first
    assert first[1][0] == pytest.approx(0.3745401188473625)  # NumPy's first number for 42
    Seeding(43).apply()
    assert _drawn() != first


def test_numpy_that_is_there_already_needs_no_watch():
    Seeding(1).apply()
    assert not any(isinstance(finder, _NumpyWatch) for finder in sys.meta_path)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, 2**70, -1])
def test_any_whole_number_is_a_seed(seed):
    Seeding(seed).apply()
    first = _drawn()
    Seeding(seed).apply()
    assert _drawn() == first


def test_the_watch_leaves_other_imports_alone_and_a_missing_numpy_missing():
    watch = _NumpyWatch(1)
    sys.meta_path.insert(0, watch)
    assert watch.find_spec("json", None) is None
    assert watch.find_spec("numpy", None) is None
    assert watch in sys.meta_path
    assert watch.find_spec("numpy.random", ["/nowhere"]) is None
    assert watch not in sys.meta_path

import random
import sys
from importlib import import_module

import numpy as np
import pytest

from mlpipeline.project import seeding
from mlpipeline.project.seeding import Seeding, drawing_apart


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
    of_42 = Seeding(42)
    of_42.apply()
    first = _drawn()
    assert _drawn() != first
    of_42.apply()
    assert _drawn() == first
    assert first[1][0] == pytest.approx(0.3745401188473625)  # NumPy's first number for 42
    Seeding(43).apply()
    assert _drawn() != first


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, 2**70, -1])
def test_any_whole_number_is_a_seed(seed):
    Seeding(seed).apply()
    first = _drawn()
    Seeding(seed).apply()
    assert _drawn() == first


def test_what_is_known_to_draw_when_it_is_imported_changes_nothing_of_what_is_drawn_later(tmp_path, monkeypatch):
    for name in ("drawing", "unknown"):
        (tmp_path / f"{name}.py").write_text("import random; ID = random.getrandbits(24)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(seeding, "_DRAWING", ("drawing",))
    Seeding(1).apply()
    expected = random.random()

    Seeding(1).apply()
    import_module("drawing")
    assert random.random() == expected

    Seeding(1).apply()
    import_module("unknown")
    assert random.random() != expected


def test_the_watch_leaves_other_imports_alone_and_a_missing_numpy_missing():
    Seeding(1).apply()
    (watch,) = (finder for finder in sys.meta_path if type(finder).__module__ == seeding.__name__)
    assert watch.find_spec("json", None) is None
    assert watch.find_spec("numpy", None) is None
    assert watch.find_spec("numpy.random", ["/nowhere"]) is None
    Seeding(1).apply()
    assert [finder for finder in sys.meta_path if type(finder) is type(watch)] == [watch]


def test_what_is_drawn_apart_follows_from_its_seed_alone_and_nobody_else_sees_it():
    random.seed(1)
    np.random.seed(1)
    expected = _drawn()
    random.seed(1)
    np.random.seed(1)
    finders = list(sys.meta_path)
    first = drawing_apart(5, _drawn)
    assert _drawn() == expected
    with pytest.raises(ValueError, match="no good"):
        drawing_apart(6, lambda: int("no good"))
    assert drawing_apart(5, _drawn) == first
    assert drawing_apart(6, _drawn) != first
    assert sys.meta_path == finders

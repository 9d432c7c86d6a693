import pytest

from mlpipeline.domain.moments import epoch_s


def test_a_time_is_the_same_whatever_its_offset():
    assert epoch_s("2026-11-21T12:00:00+01:00") == epoch_s("2026-11-21T11:00:00Z") == 1795258800.0


@pytest.mark.parametrize("at", [None, "", "yesterday", 12, "0001-01-01T00:00:00"])
def test_what_is_none_or_cannot_be_counted_is_unknown(at):
    assert epoch_s(at) is None

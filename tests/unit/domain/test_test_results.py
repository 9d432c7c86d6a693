import pytest

from mlpipeline.domain.test_results import TestResult as Outcome  # under its own name, it would be collected
from mlpipeline.domain.test_results import result_from_event

FAILED = Outcome(
    model="net",
    version="small",
    identity="i",
    host="box1",
    model_dir="net-small",
    is_passed=False,
    seconds=1.5,
    error="ValueError: no",
    traceback="Traceback …",
)


def test_its_event_tells_all_of_it():
    assert result_from_event(FAILED.to_event()) == FAILED
    assert FAILED.to_event()["event"] == "tested"


def test_an_event_that_lacks_something_is_refused():
    with pytest.raises(KeyError, match="identity"):
        result_from_event({name: value for name, value in FAILED.to_event().items() if name != "identity"})


@pytest.mark.parametrize("name", sorted(FAILED.to_event().keys() - {"event"}))
def test_an_event_with_something_of_another_type_is_refused(name):
    with pytest.raises(TypeError, match=f"^{name} = .* is a table; expected "):
        result_from_event({**FAILED.to_event(), name: {"what": "this is"}})

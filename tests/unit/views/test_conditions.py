import pytest

from mlpipeline.domain.conditions import UNLIMITED, Conditions
from mlpipeline.domain.resources import Resources
from mlpipeline.views.conditions import conditions_in_words


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        (Conditions(), ""),
        (UNLIMITED, ""),
        (Conditions(resources=Resources(gpus=0, cpus=0.5)), "gpus=0 cpus=0.5"),
        (
            Conditions(
                resources=Resources(memory_bytes=1_500_000_000),
                timeout_s=7200,
                silence_s=60,
                retries={"lost": 2, "exit": 0},
                stop_if_diverged=True,
            ),
            "memory=1.5 GB; timeout 2 h 0 min; silence 1 min 0 s; retries lost=2 exit=0; stop_if_diverged",
        ),
    ],
)
def test_what_was_said_is_told_in_one_line(conditions, told):
    assert conditions_in_words(conditions) == told

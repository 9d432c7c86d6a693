import pytest

from mlpipeline.domain.measures import Measure


@pytest.mark.parametrize("name", ["accuracy", "test.accuracy", "f1_score", "valAUC", "R2", "mean_reward"])
def test_of_what_is_called_so_more_is_better(name):
    assert Measure.parse(name).is_lower_better is False


@pytest.mark.parametrize("name", ["loss", "test.loss", "valLoss", "RMSE", "word-error", "seconds"])
def test_of_what_is_called_so_less_is_better(name):
    assert Measure.parse(name).is_lower_better is True


@pytest.mark.parametrize("name", ["energy", "a", "closs", "loss_reward", "größe", "12"])
def test_a_name_that_does_not_say_it_leaves_it_open(name):
    assert Measure.parse(name).is_lower_better is None


def test_what_its_user_says_counts():
    assert Measure.parse("accuracy:min") == Measure(name="accuracy", is_lower_better=True)
    assert Measure.parse("energy:max") == Measure(name="energy", is_lower_better=False)
    assert Measure.parse("a:b") == Measure(name="a:b", is_lower_better=None)


@pytest.mark.parametrize("text", ["accuracy", "accuracy:min", "energy", "energy:max", "loss"])
def test_it_is_written_as_it_is_read(text):
    assert str(Measure.parse(text)) == text

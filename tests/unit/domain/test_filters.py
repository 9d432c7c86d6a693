import pytest

from mlpipeline.domain.filters import Names, Sign, columns, comparison, order
from mlpipeline.errors import FilterError

KNOWN = ["parameters.lr", "parameters.loss", "parameters.seed", "results.loss", "results.test.accuracy", "results.x"]
NAMES = Names(KNOWN.__contains__, lambda: KNOWN)


def moment(text):
    if text != "yesterday":
        raise FilterError("no time")
    return 1000.0


def compared(text):
    found = comparison(text, NAMES, moment)
    return found.name, found.sign, found.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr<0.1", ("parameters.lr", Sign.LESS, 0.1)),
        (" lr <= 1e-3 ", ("parameters.lr", Sign.AT_MOST, 0.001)),
        ("lr==3", ("parameters.lr", Sign.IS, 3)),
        ("lr!=adam", ("parameters.lr", Sign.IS_NOT, "adam")),
        ("lr=true", ("parameters.lr", Sign.IS, "true")),
        ("lr=False", ("parameters.lr", Sign.IS, "false")),
        ("lr=null", ("parameters.lr", Sign.IS, None)),
        ("lr='null'", ("parameters.lr", Sign.IS, "null")),
        ("lr=[64,64]", ("parameters.lr", Sign.IS, "[64, 64]")),
        ("lr=nan", ("parameters.lr", Sign.IS, "nan")),
        ("lr=1_0", ("parameters.lr", Sign.IS, "1_0")),
        ("lr=inf", ("parameters.lr", Sign.IS, float("inf"))),
        ("test.accuracy>=.9", ("results.test.accuracy", Sign.AT_LEAST, 0.9)),
        ("parameters.loss=mse", ("parameters.loss", Sign.IS, "mse")),
        ("results.loss<1", ("results.loss", Sign.LESS, 1)),
        # What a script calls so itself comes before what every run has.
        ("seed=1", ("parameters.seed", Sign.IS, 1)),
        ("run.seed=1", ("seed", Sign.IS, 1)),
        ("version=3", ("version", Sign.IS, "3")),
        ("version=lr=0.1,layers=2", ("version", Sign.IS, "lr=0.1,layers=2")),
        ("version~WIDE", ("version", Sign.HOLDS, "WIDE")),
        ("seconds>1h 30min", ("seconds", Sign.MORE, 5400.0)),
        ("time>90s", ("seconds", Sign.MORE, 90.0)),
        ("run.time<2h", ("seconds", Sign.LESS, 7200.0)),
        ("lr='<3'", ("parameters.lr", Sign.IS, "<3")),
        ("started>yesterday", ("started", Sign.MORE, 1000.0)),
        ("failure=null", ("failure", Sign.IS, None)),
    ],
)
def test_a_comparison_is_a_name_a_sign_and_a_value(text, expected):
    found = compared(text)
    assert found == expected
    assert type(found[2]) is type(expected[2])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lr", "look like 'lr<0.1'"),
        ("<0.1", "look like"),
        ("lr<", "look like"),
        ("lr<<", "look like"),
        ("lr=>3", "look like"),
        ("", "look like"),
        ("lr<0.1 and x>2", "give --where once for each"),
        ("lr<0.1, x>2", "give --where once for each"),
        ("lr=0.1 AND x=2", "give --where once for each"),
        ("attempt>many", "attempt cannot be compared with many"),
        ("lr<null", "cannot be compared"),
        ("seconds>soon", "a duration"),
        ("started>soon", "no time"),
        ("los=1", 'no run has a parameter, a result or a field "los". Did you mean "loss"?'),
        ("loss<1", '"loss" may be any of parameters.loss, results.loss: say which'),
        ("parameters.x=1", "no run has"),
    ],
)
def test_what_cannot_be_read_or_is_called_otherwise_is_an_error_that_says_so(text, told):
    with pytest.raises(FilterError) as raised:
        compared(text)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "name", "is_lowest_first"),
    [
        ("test.accuracy", "results.test.accuracy", False),
        ("results.loss", "results.loss", True),
        ("x", "results.x", False),
        ("x:min", "results.x", True),
        ("results.loss:max", "results.loss", False),
        ("lr", "parameters.lr", True),
        ("lr:max", "parameters.lr", False),
        ("version", "version", True),
        ("started", "started", False),
        ("seconds:min", "seconds", True),
        ("time", "seconds", False),
    ],
)
def test_results_are_sorted_best_first_and_the_rest_as_one_looks_for_it(text, name, is_lowest_first):
    found = order(text, NAMES)
    assert (found.name, found.is_lowest_first) == (name, is_lowest_first)


def test_columns_take_the_place_of_the_usual_ones_or_stand_among_them():
    assert columns(["run,lr", " x "], NAMES) == [("run", "run"), ("lr", "parameters.lr"), ("x", "results.x")]
    shown = [name for name, _ in columns(["+lr,version"], NAMES)]
    assert shown == ["run", "outcome", "started", "time", "lr", "version", "results"]
    assert len(columns([","], NAMES)) == 6
    with pytest.raises(FilterError, match="Did you mean"):
        columns(["test.acuracy"], NAMES)

import math

import pytest

from mlpipeline.domain.quantities import LONG_AGO_S, seconds, size_bytes, size_in_words
from mlpipeline.errors import SettingsError


def complain(message):
    return SettingsError(f"some.toml: {message}")


def error_of(call, *arguments, **keywords):
    with pytest.raises(SettingsError) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [
        ("8GB", 8_000_000_000),
        ("500MB", 500_000_000),
        ("1.5 GiB", 1_610_612_736),
        (" 2 tb ", 2_000_000_000_000),
        ("3kib", 3072),
        ("7B", 7),
        (0, 0),
        (4096, 4096),
    ],
)
def test_a_size_is_a_text_with_a_unit_or_a_number_of_bytes(written, bytes_):
    assert size_bytes(written, "memory", complain) == bytes_


@pytest.mark.parametrize(
    "written", ["8", "8G", "GB", "", "-1GB", "1e3GB", "8GB!", "٨GB", -1, True, 1.5, None, [], 10**19]
)
def test_what_is_no_size_is_refused_with_its_key_and_an_example(written):
    message = error_of(size_bytes, written, "[queue] min_free_disk", complain)
    assert message.startswith("some.toml: [queue] min_free_disk = ")
    assert 'expected a size, such as "8GB", "500MB" or "1.5GiB", or a number of bytes.' in message


@pytest.mark.parametrize(
    ("written", "s"),
    [
        ("8h", 28800),
        ("30min", 1800),
        ("30 m", 1800),
        ("90s", 90),
        ("1h30min", 5400),
        ("1 d 2 h", 93600),
        ("1.5H", 5400),
        (90, 90),
        (0.5, 0.5),
        ("2w", 1209600),
        ("1w 1d", 691200),
        ("365d", 31536000),
    ],
)
def test_a_duration_is_a_text_with_units_or_a_number_of_seconds(written, s):
    assert seconds(written, "timeout", complain) == s


@pytest.mark.parametrize(
    "written", ["8", "h", "", "8 hours", "-1h", "1h!", "366d", -1, True, math.nan, math.inf, None, {}, 10**400]
)
def test_what_is_no_duration_is_refused_with_its_key_and_an_example(written):
    message = error_of(seconds, written, "timeout", complain)
    assert message.startswith("some.toml: timeout = ")
    assert 'expected a duration of at most a year, such as "8h", "30min" or "90s", or a number of seconds.' in message


def test_a_duration_that_is_too_long_or_short_is_told_so_and_how_long_it_may_be():
    assert 'timeout = "366d" is longer than that may be' in error_of(seconds, "366d", "timeout", complain)
    assert 'timeout = "1s" is shorter' in error_of(seconds, "1s", "timeout", complain, least=2)
    assert seconds("400d", "--older-than", complain, most=LONG_AGO_S) == 400 * 86_400
    message = error_of(seconds, "36501d", "--older-than", complain, most=LONG_AGO_S)
    assert "is longer than that may be; expected a duration of at most 100 years, such as" in message


def test_a_duration_may_have_a_least_one():
    assert seconds("1s", "timeout", complain, least=1) == 1
    assert "expected a duration from 1 s to a year" in error_of(seconds, 0.5, "timeout", complain, least=1)


@pytest.mark.parametrize(
    ("bytes_", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_500, "1.5 kB"),
        (312_400_000, "312 MB"),
        (8_000_000_000, "8 GB"),
        (1_610_612_736, "1.61 GB"),
        (2_500_000_000_000, "2.5 TB"),
    ],
)
def test_sizes_are_said_to_about_three_digits(bytes_, text):
    assert size_in_words(bytes_) == text

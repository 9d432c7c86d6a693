import pytest

from mlpipeline.domain.words import counted, did_you_mean, is_fit, named, nearest


def test_the_nearest_word_is_found_in_any_case():
    assert nearest("slrum", ["local", "ray", "slurm"]) == "slurm"
    assert nearest("DIGITS.py", ["net.py", "Digits.py"]) == "Digits.py"


def test_a_word_like_no_other_has_no_nearest():
    assert nearest("xyz", ["local", "ray"]) is None
    assert nearest("xyz", []) is None


def test_the_question_is_ready_to_end_a_message():
    assert did_you_mean("slrum", ["slurm"]) == ' Did you mean "slurm"?'
    assert did_you_mean("xyz", ["slurm"]) == ""


@pytest.mark.parametrize("character", ["\x00", "\n", "\x7f", "\x85", "\u2028", "\udcff"])
def test_control_characters_and_half_characters_are_unfit(character):
    assert not is_fit(character)


@pytest.mark.parametrize("character", ["a", " ", "é", "/", "\N{ROCKET}", "\u200d"])
def test_spaces_emoji_and_their_joiner_are_fit(character):
    assert is_fit(character)


@pytest.mark.parametrize(
    ("names", "most", "text"),
    [
        ([], 2, ""),
        (["a", "b"], 2, "a, b"),
        (["a", "b", "c", "d"], 2, "a, b and 2 more"),
        (["a", "b", "c"], None, "a, b, c"),
    ],
)
def test_the_first_of_many_are_named_and_the_rest_counted(names, most, text):
    assert named(names, most) == text


def test_of_one_thing_there_is_one_and_else_there_are_several():
    assert [counted(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]

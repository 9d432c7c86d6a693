import pytest

from mlpipeline.domain.words import did_you_mean, is_fit, nearest


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

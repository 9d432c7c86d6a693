import random

import pytest

from mlpipeline.domain import names
from mlpipeline.errors import InvalidName


def test_run_id_is_six_characters_that_cannot_be_misread() -> None:
    ids = {names.run_id(random.Random(seed)) for seed in range(500)}

    assert {len(id) for id in ids} == {6}
    assert not set("".join(ids)) & set("0o1liOIL")
    assert len(ids) == 500


def test_run_id_comes_from_the_given_randomness() -> None:
    assert names.run_id(random.Random(3)) == names.run_id(random.Random(3))


def test_a_version_is_written_with_its_model() -> None:
    assert names.version_key("cnn/net", "small") == "cnn/net:small"


@pytest.mark.parametrize(
    "name",
    ["small", "two words", "🚀", "👩‍🔬 lab", "naïve", "learning_rate=0.1,layers=2", "...", ".x", "a" * 200],
)
def test_spaces_emoji_and_signs_are_fine(name: str) -> None:
    names.check_name(name, "version name")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a version name is empty"),
        (".", 'version name "."'),
        ("..", 'version name ".."'),
        ("a/b", 'character 2, the path separator "/"'),
        ("a\\b", r'character 2, the path separator "\\"'),
        ("ab\n", r"character 3, the control character U\+000A"),
        ("a\0", r"character 2, the control character U\+0000"),
        ("a\u2028b", r"character 2, the line separator U\+2028"),
        ("a\ud800", r"character 2, the lone surrogate U\+D800"),
        (" a", "begins with a space"),
        ("a ", "ends with a space"),
        ("a\u00a0", r"ends with the white space U\+00A0"),
        ("é" * 101, "202 bytes long in UTF-8; at most 200"),
    ],
)
def test_what_cannot_be_part_of_a_path_is_refused_naming_the_character(name: str, says: str) -> None:
    with pytest.raises(InvalidName, match=says) as raised:
        names.check_name(name, "version name")

    str(raised.value).encode()
    assert len(str(raised.value).splitlines()) == 1


def test_model_dirs_and_run_names_keep_the_sub_folder() -> None:
    assert names.model_dir_name("cnn/net", "small") == "cnn/net-small"
    assert names.run_name("cnn/net", "small", "7k2m9q") == "cnn/net-small-7k2m9q"


@pytest.mark.parametrize("model", ["../net", "/net", "cnn//net", "a\tb", "net:2"])
def test_a_model_name_that_leaves_its_folder_or_hides_the_version_is_refused(model: str) -> None:
    with pytest.raises(InvalidName, match="model name"):
        names.model_dir_name(model, "small")
    with pytest.raises(InvalidName, match="model name"):
        names.run_name(model, "small", "7k2m9q")


def test_a_folder_name_is_at_most_240_bytes() -> None:
    assert names.model_dir_name("folder/" + "m" * 139, "s" * 100).endswith("s")
    with pytest.raises(InvalidName, match="241 bytes"):
        names.model_dir_name("folder/" + "m" * 140, "s" * 100)
    with pytest.raises(InvalidName, match="241 bytes"):
        names.run_name("m" * 133, "s" * 100, "7k2m9q")


def test_a_version_whose_run_dirs_would_have_too_long_a_name_is_refused_with_its_model_dir() -> None:
    assert names.checked_model_dir("m" * 100, "v" * 132, "s") == "m" * 100 + "-s"
    with pytest.raises(InvalidName, match="241 bytes"):
        names.checked_model_dir("m" * 100, "v" * 133, "s")


@pytest.mark.parametrize(
    ("version", "suffix", "says"), [("a/b", "s", "version name"), ("v", "a/b", "model_dir_suffix")]
)
def test_a_version_is_refused_for_either_of_its_names(version: str, suffix: str, says: str) -> None:
    with pytest.raises(InvalidName, match=says):
        names.checked_model_dir("net", version, suffix)


def test_versions_that_share_a_model_dir_are_found_across_models() -> None:
    pairs = [("net:x-a", "net-x-a"), ("net:b", "net-b"), ("net-x:a", "net-x-a"), ("other:b", "other-b")]

    assert names.shared_model_dirs(pairs) == {"net-x-a": ("net:x-a", "net-x:a")}


def test_a_model_dir_inside_another_is_shared_with_it() -> None:
    pairs = [("net-a/deep:b", "net-a/deep-b"), ("net:a", "net-a"), ("net-ab:c", "net-ab-c")]

    assert names.shared_model_dirs(pairs) == {"net-a": ("net-a/deep:b", "net:a")}


def test_one_version_listed_twice_shares_with_nobody() -> None:
    assert names.shared_model_dirs([("net:a", "net-a"), ("net:a", "net-a")]) == {}

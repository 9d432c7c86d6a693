import os
import tomllib

import pytest

from mlpipeline.domain.changes import Changes
from mlpipeline.domain.queue import Awaited, Entry, Queue
from mlpipeline.errors import QueueError
from mlpipeline.project.queue_file import QueueFile, read_queue


@pytest.fixture
def path(tmp_path):
    (tmp_path / "models").mkdir()
    return tmp_path / "models.toml"


def read(path, text):
    path.write_text(text)
    return read_queue(path, path.parent / "models")


def scripts(path, items):
    return [entry.script for entry in read(path, f"whitelisted_models = {items}").entries]


def error_of(call, *arguments):
    with pytest.raises(QueueError) as caught:
        call(*arguments)
    return str(caught.value)


def test_the_whitelist_is_read_in_its_order(path):
    text = """
        use_blacklist = false
        whitelisted_models = ["digits.py", { script = "net.py", versions = ["small", "large"] }, "cnn/a.py"]
        blacklisted_models = ["old.py"]
    """
    assert read(path, text) == Queue(
        entries=(
            Entry(script="digits.py"),
            Entry(script="net.py", versions=("small", "large")),
            Entry(script="cnn/a.py"),
        ),
        use_blacklist=False,
    )


def test_what_an_entry_comes_after_is_brought_into_one_form(path):
    models = path.parent / "models"
    names = f"'teacher', 'cnn\\net.py', './b.py:small', 'c:lr=0.1, n=2', '{models}/d.py:x:y', 'e.py.py'"
    queue = read(path, f"whitelisted_models = [{{ script = 'a.py', versions = ['s'], after = [{names}] }}]")
    awaited = [("teacher.py", None), ("cnn/net.py", None), ("b.py", "small"), ("c.py", "lr=0.1, n=2")]
    awaited += [("d.py", "x:y"), ("e.py.py", None)]
    after = tuple(Awaited(script=script, version=version) for script, version in awaited)
    assert queue.entries == (Entry(script="a.py", versions=("s",), after=after),)
    assert [str(one) for one in after[1:3]] == ["cnn/net.py", "b:small"]


def test_with_use_blacklist_the_blacklist_is_in_force(path):
    queue = read(path, 'use_blacklist = true\nwhitelisted_models = ["a.py"]\nblacklisted_models = ["old.py"]')
    assert queue == Queue(entries=(Entry(script="old.py"),), use_blacklist=True)
    assert read(path, "use_blacklist = true") == Queue(entries=(), use_blacklist=True)


def test_an_empty_list_is_an_empty_queue(path):
    assert read(path, "whitelisted_models = []") == Queue(entries=())


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "use_blacklist = false\n"])
def test_a_file_without_its_list_is_an_error_as_it_may_be_half_saved(path, text):
    assert "whitelisted_models is missing" in error_of(read, path, text)


def test_paths_are_brought_into_one_form(path):
    models = path.parent / "models"
    items = f"['cnn\\net.py', './a.py', 'x/../b.py', '{models}/c.py', ' d.py ', 'e e\N{ROCKET}.py']"
    assert scripts(path, items) == ["cnn/net.py", "a.py", "b.py", "c.py", "d.py", "e e\N{ROCKET}.py"]


def test_an_absolute_path_that_reaches_models_dir_by_a_link_is_inside(path):
    (path.parent / "link").symlink_to("models")
    assert scripts(path, f"['{path.parent}/link/a.py']") == ["a.py"]


def test_scripts_outside_are_left_for_the_check_of_scripts(path):
    assert scripts(path, '["../a.py", "/elsewhere/b.py"]') == ["../a.py", "/elsewhere/b.py"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'whitelisted_models = "digits.py"',
            'models.toml: whitelisted_models = "digits.py" is a text; expected a list, such as ["digits.py"].',
        ),
        (
            'whitelisted_models = ["a.py", 3]',
            'models.toml: whitelisted_models[1] = 3 is a number; expected a script, such as "digits.py", or a '
            'table, such as { script = "digits.py", versions = ["deep"] }.',
        ),
        (
            'use_blacklist = "false"\nwhitelisted_models = []',
            'models.toml: use_blacklist = "false" is a text; expected true or false, without quotes.',
        ),
        (
            'whitelisted_models = ["a.py", { script = "b.py", versions = "small" }]',
            'models.toml: whitelisted_models[1].versions = "small" is a text; '
            'expected a list, such as ["small", "large"].',
        ),
        (
            'whitelisted_models = [{ script = "b.py", versions = ["small", 2] }]',
            "models.toml: whitelisted_models[0].versions[1] = 2 is a number; "
            "expected a text in quotes that is not empty.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", versions = [] }]',
            "models.toml: whitelisted_models[0].versions = [] names none. To run every version, leave the key out.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", versions = ["s", "s"] }]',
            'models.toml: whitelisted_models[0].versions lists "s" twice. Keep one of them.',
        ),
        (
            'whitelisted_models = [{ script = "b.py", version = ["s"] }]',
            "models.toml: whitelisted_models[0].version is unknown. Known: script, versions, hold, set, after, "
            'resources, retries, timeout, silence, stop_if_diverged. Did you mean "versions"?',
        ),
        (
            'whitelisted_models = [{ script = "b.py", after = "a.py" }]',
            'models.toml: whitelisted_models[0].after = "a.py" is a text; '
            'expected a list, such as ["teacher.py"] or ["teacher:large"].',
        ),
        (
            'whitelisted_models = [{ script = "b.py", after = ["a.py", " "] }]',
            'models.toml: whitelisted_models[0].after[1] = " " is a text; expected a text in quotes that is not empty.',
        ),
        (
            'whitelisted_models = [{ script = "b.py", after = ["a:"] }]',
            'models.toml: whitelisted_models[0].after[0] = "a:" names no version; expected a script, such as '
            '"teacher.py", or one of its versions, such as "teacher:large".',
        ),
        (
            'whitelisted_models = [{ script = "b.py", after = ["a:\\tx"] }]',
            'models.toml: whitelisted_models[0].after[0] = "a:\\tx" holds a control character; '
            "expected the path of a script.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", after = ["a", "./a.py"] }]',
            'models.toml: whitelisted_models[0].after lists "a.py" twice. Keep one of them.',
        ),
        (
            'whitelisted_models = ["a.py", { script = "b.py", after = ["c"] }, { script = "c.py", after = ["b"] }]',
            "models.toml: b.py waits for c.py, which waits for b.py: none of them could ever start. "
            "Take one of these out of its `after`.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", hold = "s" }]',
            'models.toml: whitelisted_models[0].hold = "s" is a text; '
            'expected true, or the versions to hold, such as ["small"].',
        ),
        (
            'whitelisted_models = [{ script = "b.py", hold = [] }]',
            "models.toml: whitelisted_models[0].hold = [] names none. To hold nothing, leave the key out.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", hold = ["s", "s"] }]',
            'models.toml: whitelisted_models[0].hold lists "s" twice. Keep one of them.',
        ),
        (
            'whitelisted_models = [{ script = "b.py", set = "lr=0.1" }]',
            'models.toml: whitelisted_models[0].set = "lr=0.1" is a text; '
            "expected a table of parameters, such as { lr = 0.1 }.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", set = {} }]',
            "models.toml: whitelisted_models[0].set = {} changes nothing. Name a parameter, or leave the key out.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", set = { a = { b = [1, 2026-11-21] } } }]',
            'models.toml: whitelisted_models[0].set.a.b[1] = "2026-11-21" is a date or time; '
            "expected a number, true or false, a text, a list, or a table of these.",
        ),
        (
            'whitelisted_models = [{ script = "b.py", set = { epoc_count = 1, epoch_count = 2 } }]',
            "models.toml: whitelisted_models[0].set: epoc_count and epoch_count are the same parameter. "
            "Keep one of them.",
        ),
        (
            'whitelisted_models = [{ versions = ["s"] }]',
            'models.toml: whitelisted_models[0].script is missing; expected a script, such as "digits.py".',
        ),
        (
            'whitelisted_models = [""]',
            'models.toml: whitelisted_models[0] = "" is a text; expected a script, such as "digits.py", or a '
            'table, such as { script = "digits.py", versions = ["deep"] }.',
        ),
        (
            'whitelisted_models = ["a\\nb.py"]',
            'models.toml: whitelisted_models[0] = "a\\nb.py" holds a control character; expected the path of a script.',
        ),
        (
            'whitelist = ["a.py"]',
            "models.toml: whitelist is unknown. Known: use_blacklist, whitelisted_models, blacklisted_models. "
            'Did you mean "whitelisted_models"?',
        ),
        (
            'whitelisted_models = ["a.py", "b.py", "./a.py"]',
            'models.toml: whitelisted_models[2] lists "a.py" again, after whitelisted_models[0]. Keep one of them.',
        ),
        (
            'whitelisted_models = ["a.py", { script = "a.py", versions = ["s"] }]',
            'models.toml: whitelisted_models[1] lists "a.py" again, after whitelisted_models[0]. Keep one of them.',
        ),
        (
            'use_blacklist = true\nblacklisted_models = [{ script = "a.py", versions = ["s"] }]',
            'models.toml: blacklisted_models[0] = {"script": "a.py", "versions": ["s"]} is a table; '
            'expected a script, such as "digits.py".',
        ),
        (
            'whitelisted_models = ["a.py"\nuse_blacklist = true',
            'models.toml: line 2, column 1: not valid TOML: Unclosed array. The line reads "use_blacklist = true".',
        ),
    ],
)
def test_a_wrong_file_names_the_key_or_the_line(path, text, message):
    assert error_of(read, path, text) == message


def test_the_list_that_is_not_in_force_is_checked_too(path):
    text = "use_blacklist = false\nwhitelisted_models = []\nblacklisted_models = 3"
    assert "blacklisted_models = 3 is a number" in error_of(read, path, text)


def test_a_script_may_be_listed_again_for_other_versions(path):
    both = '[{ script = "a.py", versions = ["s"] }, "b.py", { script = "a.py", versions = ["t", "u"] }]'
    assert scripts(path, both) == ["a.py", "b.py", "a.py"]
    overlapping = both.replace('"t"', '"s"')
    message = error_of(read, path, f"whitelisted_models = {overlapping}")
    assert message == (
        'models.toml: whitelisted_models[2].versions lists "s" of "a.py" again, after whitelisted_models[0]. '
        "Keep one of them."
    )


def test_what_is_held_and_what_is_changed_is_read_as_it_is_written(path):
    items = """[
        { script = "a.py", hold = true },
        { script = "b.py", hold = ["s", "t"] },
        { script = "c.py", hold = false, set = { epoc_count = 3, net = { layers = [1, 2], on = true } } },
    ]"""
    a, b, c = read(path, f"whitelisted_models = {items}").entries
    assert (a.hold, b.hold, c.hold) == (True, ("s", "t"), False)
    assert (a.changes, b.changes) == (None, None)
    assert c.changes == Changes(values={"epoch_count": 3, "net": {"layers": [1, 2], "on": True}})


def test_what_set_makes_may_be_listed_beside_what_it_is_made_of(path):
    plain, changed = "'a.py'", "{ script = 'a.py', set = { lr = 0.1 } }"
    other = "{ script = 'a.py', versions = ['s'], set = { lr = 0.2 } }"
    assert scripts(path, f"[{plain}, {changed}, {other}]") == ["a.py"] * 3
    again = error_of(read, path, f"whitelisted_models = [{changed}, {changed}]")
    assert again == (
        'models.toml: whitelisted_models[1] lists "a.py" with the same `set` again, after whitelisted_models[0]. '
        "Keep one of them."
    )
    overlapping = error_of(read, path, f"whitelisted_models = [{other}, {plain}, {other}]")
    assert overlapping == (
        'models.toml: whitelisted_models[2].versions lists "s@lr=0.2" of "a.py" again, after whitelisted_models[0]. '
        "Keep one of them."
    )


def test_a_missing_file_says_what_to_write(path):
    message = error_of(read_queue, path, path.parent)
    assert message.startswith(f"models.toml: there is none in {path.parent}. Write one")
    example = tomllib.loads(message.partition("\n")[2])
    path.write_text(message.partition("\n")[2])
    assert [entry.script for entry in read_queue(path, path.parent).entries] == example["whitelisted_models"]


def test_a_leftover_of_v1_is_shown_as_toml_only_where_it_was_that_file(path):
    (path.parent / "mlp.toml").touch()
    (path.parent / "models.config").write_text("[MLP]\nuse_blacklist=False\n[WHITELISTED_MODELS]\nold.py\n")
    message = error_of(read_queue, path, path.parent)
    assert 'whitelisted_models = ["old.py"]' in message
    assert "not read" in message
    test_queue = path.with_name("models_test.toml")
    assert "old.py" not in error_of(read_queue, test_queue, path.parent)


def test_a_folder_or_a_broken_link_in_its_place_is_an_error(path):
    path.mkdir()
    assert error_of(read_queue, path, path.parent) == "models.toml: this is a folder; expected a TOML file."
    path.rmdir()
    path.symlink_to("gone")
    assert "cannot be read" in error_of(read_queue, path, path.parent)


def test_the_last_good_list_survives_a_typo_and_a_missing_file(path):
    file = QueueFile(path, path.parent / "models")
    assert file.last_good is None
    path.write_text('whitelisted_models = ["a.py"]')
    good = file.read()
    path.write_text('whitelisted_models = ["a.py"')
    first = error_of(file.read)
    assert error_of(file.read) == first
    assert file.last_good == good
    path.unlink()
    assert "there is none" in error_of(file.read)
    assert file.last_good == good
    path.write_text('whitelisted_models = ["b.py"]')
    assert [entry.script for entry in file.read().entries] == ["b.py"]
    assert file.last_good != good


def test_a_file_that_was_missing_comes_back_as_it_was(path):
    file = QueueFile(path, path.parent / "models")
    path.write_text('whitelisted_models = ["a.py"]')
    good = file.read()
    path.unlink()
    error_of(file.read)
    path.write_text('whitelisted_models = ["a.py"]')
    assert file.read() == good


def test_a_file_that_did_not_change_is_not_parsed_again(path):
    file = QueueFile(path, path.parent / "models")
    path.write_text('whitelisted_models = ["a.py"]')
    first = file.read()
    os.utime(path)
    assert file.read() is first


def test_a_swap_that_changes_neither_size_nor_time_is_seen(path):
    file = QueueFile(path, path.parent / "models")
    path.write_text('whitelisted_models = ["a.py", "b.py"]')
    os.utime(path, ns=(10**18, 10**18))
    file.read()
    path.write_text('whitelisted_models = ["b.py", "a.py"]')
    os.utime(path, ns=(10**18, 10**18))
    assert [entry.script for entry in file.read().entries] == ["b.py", "a.py"]

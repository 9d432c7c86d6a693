"""Edits of a queue file: what they do not mean stays as it is written."""

from __future__ import annotations

import stat
from difflib import ndiff

import pytest

from mlpipeline.domain.listed import Edit, Way, add, hold, move, remove
from mlpipeline.errors import NotListed, QueueError
from mlpipeline.project.queue_edits import edit_queue
from mlpipeline.project.queue_file import read_queue

TEXT = """\
# What trains tonight.
use_blacklist = false   # no
whitelisted_models = [  # in order

    # the baseline
    "a.py",  # quick
    # "old.py",
    {script='b.py', versions=[ 'x',"y" ], resources.gpus = 1},   # slow

    { script = "c.py", timeout = "8h" },
    # the end
]  # that is all
blacklisted_models = []  # unused
"""


def ask(_script):
    return ("v", "w")


def added(script, *versions, at=None, **values):
    return lambda lines: add(lines, script, versions or None, values, at)


def removed(script, version=None):
    return lambda lines: remove(lines, script, version, ask)


def moved(script, way, version=None):
    return lambda lines: move(lines, script, version, way, ask)


def held(script, version=None, *, is_off=False):
    return lambda lines: hold(lines, script, version, ask, is_off=is_off)


class File:
    """A queue file, and edits of it."""

    def __init__(self, folder):
        self.models_dir = folder / "models"
        self.models_dir.mkdir()
        self.path = folder / "models.toml"

    def edit(self, change, text=None):
        """Return the lines that an edit takes from the file, with -, and puts into it, with +."""
        before = self.path.read_text() if text is None else text
        if text is not None:
            self.path.write_text(text)
        edit_queue(self.path, self.models_dir, self.models_dir / "locks" / "queue.lock", change)
        read_queue(self.path, self.models_dir)
        after = self.path.read_text()
        lines = ndiff(before.splitlines(), after.splitlines())
        return [f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-"]


@pytest.fixture
def file(tmp_path):
    return File(tmp_path)


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (added("n.py"), ['+ "n.py",']),
        (added("n.py", "s", at=0, lr=1e-05), ['+ { script = "n.py", versions = ["s"], set = { lr = 1e-05 } },']),
        (added("n.py", **{"a b": [1, "é\n", {"c": True}]}),
         ['+ { script = "n.py", set = { "a b" = [1, "é\\n", { c = true }] } },']),
        (
            added("b.py", "z"),
            [
                """- {script='b.py', versions=[ 'x',"y" ], resources.gpus = 1},   # slow""",
                """+ {script = 'b.py', versions = [ 'x',"y", "z" ], resources = { gpus = 1 }},   # slow""",
            ],
        ),
        (removed("a.py"), ['- "a.py",  # quick']),
        (
            removed("a.py", "v"),
            ['- "a.py",  # quick', '+ { script = "a.py", versions = ["w"] },  # quick'],
        ),
        (removed("c.py"), ['- { script = "c.py", timeout = "8h" },']),
        (
            held("c.py"),
            ['- { script = "c.py", timeout = "8h" },', '+ { script = "c.py", hold = true, timeout = "8h" },'],
        ),
        (
            lambda lines: held("a.py", "v")(lines).then(held("a.py", "w")).then(held("a.py", is_off=True)),
            [],
        ),
    ],
)  # fmt: skip
def test_only_the_line_that_is_meant_changes(file, change, lines):
    assert file.edit(change, TEXT) == lines


def test_entries_move_with_the_comment_behind_them_and_comments_of_their_own_stay(file):
    file.edit(moved("b.py", Way.UP), TEXT)
    assert file.path.read_text() == TEXT.replace(
        """\
    "a.py",  # quick
    # "old.py",
    {script='b.py', versions=[ 'x',"y" ], resources.gpus = 1},   # slow
""",
        """\
    {script='b.py', versions=[ 'x',"y" ], resources.gpus = 1},   # slow
    # "old.py",
    "a.py",  # quick
""",
    )
    file.edit(moved("b.py", Way.DOWN))
    assert file.path.read_text() == TEXT


def test_an_entry_is_a_text_again_when_nothing_is_said_of_its_script_any_more(file):
    text = "whitelisted_models = [\n    { script = 'a.py', versions = ['v'], hold = true },\n]\n"
    file.edit(lambda lines: held("a.py", is_off=True)(lines).then(added("a.py")), text)
    assert file.path.read_text() == "whitelisted_models = [\n    'a.py',\n]\n"


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ('["a.py", "b.py"]', added("n.py"), '["a.py", "b.py", "n.py"]'),
        ('["a.py", "b.py"]', added("n.py", at=0), '["n.py", "a.py", "b.py"]'),
        ('["a.py", "b.py"]', removed("a.py"), '["b.py"]'),
        ('["a.py", "b.py"]', removed("b.py"), '["a.py"]'),
        ('[ "a.py", "b.py", ]', moved("b.py", Way.UP), '[ "b.py", "a.py", ]'),
        ('[ "a.py", "b.py" ]', removed("a.py"), '[ "b.py" ]'),
        ("[]", added("n.py"), '["n.py"]'),
        (
            '[{ hold = true, script = "a.py", stop_if_diverged = true }]',
            removed("a.py", "v"),
            '[{ script = "a.py", versions = ["w"], hold = true, stop_if_diverged = true }]',
        ),
        ('[\n  "a.py",\n  # b\n  "b.py"]', removed("b.py"), '[\n  "a.py"\n  # b\n]'),
        ('[\n  "a.py",  # a\n  "b.py"]', removed("b.py"), '[\n  "a.py"  # a\n]'),
        ('[{script = "a.py"}]', added("n.py"), '[{script = "a.py"}, "n.py"]'),
        ("[  # none\n]", added("n.py"), '[  # none\n    "n.py",\n]'),
        ('[  # some\n  "a.py"]', added("n.py", at=0), '[  # some\n  "n.py",\n  "a.py"]'),
        ('[\n  "a.py"  # a\n]', added("n.py"), '[\n  "a.py",  # a\n  "n.py"\n]'),
        ('[\n  "a.py",\n  "b.py"  # b\n]', removed("b.py"), '[\n  "a.py"\n]'),
        ('[\n\t"a.py",\n\n\t# "b.py",\n]', added("n.py"), '[\n\t"a.py",\n\n\t# "b.py",\n\t"n.py",\n]'),
        # Several on a line: a comment may be about all of them.
        ('[\n  "a.py", "b.py",  # both\n]', removed("a.py"), '[\n  "b.py",  # both\n]'),
        ('[\n  "a.py", "b.py",  # both\n]', removed("b.py"), '[\n  "a.py",  # both\n]'),
        ('[\n  "a.py", "b.py",  # both\n]', moved("b.py", Way.UP), '[\n  "b.py", "a.py",  # both\n]'),
        # With commas in front.
        ('[\n  "a.py"\n  , "b.py"\n]', removed("a.py"), '[\n  "b.py"\n]'),
        ('[\n  "a.py"  # a\n  , "b.py"\n]', moved("b.py", Way.UP), '[\n  "b.py"  # a\n  , "a.py"\n]'),
    ],
)
def test_the_way_a_list_is_written_is_kept(file, before, change, after):
    file.edit(change, f"whitelisted_models = {before}  # end\nblacklisted_models = []\n")
    assert file.path.read_text() == f"whitelisted_models = {after}  # end\nblacklisted_models = []\n"


def test_a_script_in_a_text_that_a_comment_quotes_is_not_mistaken_for_its_entry(file):
    text = 'whitelisted_models = [\n  # "b.py",\n  "a.py", # not "b.py"\n  "b.py",\n]\n'
    assert file.edit(removed("b.py"), text) == ['- "b.py",']


def test_line_ends_and_a_byte_order_mark_are_kept(file):
    file.path.write_bytes(b'\xef\xbb\xbfwhitelisted_models = [\r\n    "a.py",  # a\r\n]\r\n')
    edit_queue(file.path, file.models_dir, file.models_dir / "lock", added("b.py"))
    assert file.path.read_bytes() == b'\xef\xbb\xbfwhitelisted_models = [\r\n    "a.py",  # a\r\n    "b.py",\r\n]\r\n'


def test_a_link_is_followed_and_the_mode_is_kept(file):
    real = file.models_dir / "queue.toml"
    real.write_text('whitelisted_models = ["a.py"]\n')
    real.chmod(0o640)
    file.path.symlink_to(real)
    file.edit(added("b.py"))
    assert file.path.is_symlink()
    assert real.read_text() == 'whitelisted_models = ["a.py", "b.py"]\n'
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in file.models_dir.iterdir()) == ["locks", "queue.toml"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('whitelisted_models = ["a.py"\n', "line 1, the last: not valid TOML"),
        ('whitelisted_models = ["a.py", "a.py"]\n', 'lists "a.py" again'),
        ('[[whitelisted_models]]\nscript = "a.py"\n', "is edited"),
    ],
)
def test_a_file_that_is_wrong_or_written_in_another_way_stays_as_it_is(file, text, complaint):
    with pytest.raises(QueueError, match=r"models.toml: ") as caught:
        file.edit(added("b.py"), text)
    assert complaint in str(caught.value)
    assert file.path.read_text() == text


def test_an_edit_that_would_make_the_file_wrong_is_not_made(file):
    text = 'whitelisted_models = [{ script = "a.py", versions = ["v"] }]\n'
    with pytest.raises(QueueError, match="names none"):
        file.edit(lambda lines: Edit(lines=(lines[0].with_keys(versions=[]),), said=()), text)
    assert file.path.read_text() == text
    with pytest.raises(NotListed):
        file.edit(removed("b.py"))
    assert file.path.read_text() == text


def test_what_somebody_saves_meanwhile_is_edited_instead(file):
    calls = []

    def change(lines):
        calls.append([line.script for line in lines])
        if len(calls) in (2, 3):  # once the file was read, and again
            with file.path.open("a") as open_file:
                open_file.write(f"# saved {len(calls)}\n")
        if len(calls) == 4:
            _copy(file.path, '"a.py"', '"z.py", "a.py"').replace(file.path)
        return add(lines, "b.py", None, {}, None)

    file.edit(change, 'whitelisted_models = ["a.py"]\n')

    assert file.path.read_text() == 'whitelisted_models = ["z.py", "a.py", "b.py"]\n# saved 2\n# saved 3\n'
    assert calls == [["a.py"]] * 4 + [["z.py", "a.py"]]


def _copy(path, before, after):
    aside = path.with_name("aside")
    aside.write_text(path.read_text().replace(before, after))
    return aside


def test_a_file_that_changes_all_the_time_is_left_to_whoever_changes_it(file):
    def change(lines):
        with file.path.open("a") as open_file:
            open_file.write("# again\n")
        return add(lines, "b.py", None, {}, None)

    with pytest.raises(QueueError, match="again and again"):
        file.edit(change, 'whitelisted_models = ["a.py"]\n')
    assert '"b.py"' not in file.path.read_text()

import os

import pytest

from mlpipeline.domain.queue import Entry, Queue
from mlpipeline.errors import QueueError, ScriptError
from mlpipeline.project.scripts import PassedOver, check_script, listed_scripts, sets_model


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def write(models, *names, text="MODEL = 1\n"):
    for name in names:
        path = models / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def everything_but(models, *scripts):
    queue = Queue(entries=tuple(Entry(script=script) for script in scripts), use_blacklist=True)
    listing = listed_scripts(queue, models)
    assert all(entry.versions is None for entry in listing.entries)
    return [entry.script for entry in listing.entries], {one.script: one.why for one in listing.passed_over}


def error_of(script, models):
    with pytest.raises(ScriptError) as caught:
        check_script(script, models)
    assert caught.value.script == script
    return str(caught.value)


def test_a_whitelist_is_taken_as_it_stands(models):
    entries = (Entry(script="gone.py"), Entry(script="a.py", versions=("s",)))
    listing = listed_scripts(Queue(entries=entries), models)
    assert (listing.entries, listing.passed_over) == (entries, ())


def test_a_blacklist_means_all_others_in_name_order_with_sub_folders(models):
    write(models, "b.py", "a.py", "cnn/net.py", "cnn/deep/net.py", "old.py", "c c\N{ROCKET}.py", "readme.md")
    scripts, passed_over = everything_but(models, "old.py")
    assert scripts == ["a.py", "b.py", "c c\N{ROCKET}.py", "cnn/deep/net.py", "cnn/net.py"]
    assert passed_over == {}


def test_what_is_no_script_is_passed_over_with_the_reason(models):
    write(models, "a.py", "__init__.py", "cnn/_layers.py", ".hidden.py", ".git/x.py", "__pycache__/x.py")
    write(models, "outputs/code/x.py", "venv/pyvenv.cfg", "venv/lib/x.py")
    write(models, "helpers.py", text="def load(): MODEL = 1\n")
    os.mkfifo(models / "pipe.py")
    (models / "broken.py").symlink_to("gone")
    scripts, passed_over = everything_but(models)
    assert scripts == ["a.py"]
    assert passed_over == {
        "__init__.py": "its name begins with _",
        "cnn/_layers.py": "its name begins with _",
        ".hidden.py": "hidden",
        ".git/": "hidden",
        "venv/": "a virtual environment",
        "helpers.py": "sets no MODEL",
        "pipe.py": "not a file that can be read",
        "broken.py": "not a file that can be read",
    }


def test_what_was_passed_over_is_in_name_order(models):
    write(models, "_b.py", "c/_a.py", "_a.py")
    passed_over = listed_scripts(Queue(entries=(), use_blacklist=True), models).passed_over
    assert [one.script for one in passed_over] == ["_a.py", "_b.py", "c/_a.py"]
    assert isinstance(passed_over[0], PassedOver)


def test_only_the_outputs_of_models_dir_are_ours(models):
    write(models, "cnn/outputs/net.py")
    assert everything_but(models)[0] == ["cnn/outputs/net.py"]


def test_outputs_on_another_disk_are_passed_over_too(models):
    write(models.parent, "disk/code/x.py")
    (models / "outputs").symlink_to(models.parent / "disk")
    (models / "again").symlink_to(models.parent / "disk")
    scripts, passed_over = everything_but(models)
    assert scripts == []
    assert set(passed_over) == {"again/"}


def test_links_in_a_circle_end_and_list_nothing_twice(models):
    write(models, "a.py", "cnn/net.py")
    for name, target in {"self": ".", "cnn/up": "..", "zoo": "cnn", "all": "/", "project": ".."}.items():
        (models / name).symlink_to(target)
    (models / "x").symlink_to("y")
    (models / "y").symlink_to("x")
    scripts, passed_over = everything_but(models)
    assert scripts == ["a.py", "cnn/net.py"]
    assert set(passed_over) == {"self/", "cnn/up/", "zoo/", "all/", "project/"}


def test_links_that_lead_outside_are_followed_once(models):
    write(models.parent, "shared/net.py", "shared/loop/deep.py", "single.py")
    (models.parent / "shared" / "loop" / "back").symlink_to(models.parent / "shared")
    (models / "one").symlink_to(models.parent / "shared")
    (models / "two").symlink_to(models.parent / "shared")
    (models / "three.py").symlink_to(models.parent / "single.py")
    scripts, passed_over = everything_but(models)
    assert scripts == ["one/loop/deep.py", "one/net.py", "three.py"]
    assert set(passed_over) == {"two/", "one/loop/back/"}


def test_broken_scripts_are_kept_so_that_describing_them_tells(models):
    write(models, "syntax.py", text="def (:\n")
    (models / "latin.py").write_bytes(b"# \xe9\nx = 1\n\n# caf\xe9\n")
    (models / "null.py").write_bytes(b"x = 1\x00")
    (models / "codec.py").write_bytes(b"# coding: hex\nx = 1\n")
    assert everything_but(models)[0] == ["codec.py", "latin.py", "null.py", "syntax.py"]


def test_names_that_cannot_be_written_are_passed_over(models):
    (models / os.fsdecode(b"caf\xe9.py")).write_text("MODEL = 1")
    (models / "two\nlines.py").write_text("MODEL = 1")
    scripts, passed_over = everything_but(models)
    assert scripts == []
    assert set(passed_over) == {"caf\\udce9.py", "two\\nlines.py"}


def test_a_blacklisted_script_that_is_not_there_is_told_of(models):
    write(models, "digits.py", "_a.py", "cnn/net.py")
    scripts, passed_over = everything_but(models, "digit.py", "_a.py", "cnn")
    assert scripts == ["cnn/net.py", "digits.py"]
    assert passed_over == {
        "_a.py": "its name begins with _",
        "digit.py": 'is on the blacklist but is no script here. Did you mean "digits.py"?',
        "cnn": "is on the blacklist but is no script here.",
    }


def test_a_models_dir_that_went_away_is_an_error_of_the_queue(models):
    models.rmdir()
    with pytest.raises(QueueError, match="models: the scripts cannot be listed: No such file"):
        everything_but(models)


@pytest.mark.parametrize(
    "source",
    [
        "MODEL = 1",
        "a = MODEL = 1",
        "a, (*MODEL, b) = 1, (2, 3)",
        "MODEL: int = 1",
        "if x:\n    pass\nelse:\n    MODEL = 1",
        "try:\n    import a\nexcept ImportError:\n    MODEL = 1",
        "with a as MODEL:\n    pass",
        "for MODEL in a:\n    pass",
        "while (MODEL := 1):\n    pass",
        "match a:\n    case MODEL:\n        pass",
        "import a as MODEL",
        "from a import MODEL",
        "from a import b as MODEL",
        "def MODEL():\n    pass",
        "class MODEL:\n    pass",
        "def (:",
        "x = 1\x00",
        "(" * 10000,
        "-" * 100000 + "1",
    ],
)
def test_every_way_to_bind_model_counts_and_so_does_what_cannot_be_told(source):
    assert sets_model(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# MODEL = 1",
        "'MODEL = 1'",
        "MODELS = 1",
        "print(MODEL)",
        "a.MODEL = 1",
        "def f():\n    MODEL = 1",
        "class A:\n    MODEL = 1",
        "from a import *",
        "from MODEL import a",
        "x = [MODEL for MODEL in a]",
    ],
)
def test_other_mentions_of_model_do_not_count(source):
    assert not sets_model(source)


@pytest.mark.filterwarnings("error")
def test_the_compiler_does_not_warn_on_our_terminal(models):
    write(models, "a.py", text='MODEL = "\\d" is 1\n')
    assert everything_but(models)[0] == ["a.py"]
    check_script("a.py", models)


def test_a_good_script_gives_its_path(models):
    write(models, "cnn/net.py")
    assert check_script("cnn/net.py", models) == models / "cnn/net.py"


def test_a_link_that_leads_outside_is_a_script(models):
    write(models.parent, "real.py")
    (models / "link.py").symlink_to(models.parent / "real.py")
    assert check_script("link.py", models) == models / "link.py"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfMODEL = 1\n",
        b"# -*- coding: latin-1 -*-\nMODEL = 'caf\xe9'\n",
        "# café\r\nMODEL = 1\r\n".encode(),
    ],
)
def test_encodings_are_read_as_python_reads_them(models, content):
    (models / "a.py").write_bytes(content)
    check_script("a.py", models)


def test_a_script_is_not_run_by_checking_it(models):
    write(models, "a.py", text="raise SystemExit(3)\n")
    check_script("a.py", models)
    assert not (models / "__pycache__").exists()


@pytest.mark.parametrize("script", ["digit.py", "digits", "Digits.py", "cnn/digits.py", "models/digits.py"])
def test_a_missing_script_names_the_nearest(models, script):
    write(models, "digits.py", "net.py")
    assert error_of(script, models) == (f'{script}: does not exist in models_dir ({models}). Did you mean "digits.py"?')


def test_a_script_without_its_ending_is_found_however_short(models):
    write(models, "a.py")
    assert error_of("a", models).endswith('Did you mean "a.py"?')


def test_a_missing_script_in_a_missing_models_dir_is_missing(models):
    models.rmdir()
    assert "does not exist" in error_of("a.py", models)


@pytest.mark.parametrize("script", ["../a.py", "..", "/etc/passwd.py"])
def test_a_script_outside_models_dir_is_refused(models, script):
    write(models.parent, "a.py")
    assert error_of(script, models).startswith(f"{script}: is outside models_dir ({models}).")


def test_a_script_below_a_script_does_not_exist(models):
    write(models, "a.py")
    assert "does not exist" in error_of("a.py/b.py", models)


def test_folders_pipes_links_and_other_files_are_refused(models):
    write(models, "folder.py/x.py", "notes.txt")
    os.mkfifo(models / "pipe.py")
    (models / "broken.py").symlink_to("gone")
    (models / "circle.py").symlink_to("circle.py")
    assert error_of("folder.py", models) == "folder.py: is a folder; expected a Python file."
    assert "a name that ends in" in error_of("notes.txt", models)
    assert "a device or a pipe" in error_of("pipe.py", models)
    assert "is a link that leads nowhere" in error_of("broken.py", models)
    assert "cannot be read: Too many levels" in error_of("circle.py", models)
    assert "cannot be read: File name too long" in error_of("x" * 300 + ".py", models)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a script that sets MODEL."),
        (b"\xef\xbb\xbf \n\n", "is empty; expected a script that sets MODEL."),
        (
            b"x = 1\n\n\ny = '\xe9'\n",
            "line 4 is not UTF-8 (byte 0xe9). Save the file as UTF-8, or name its encoding in the first line: "
            "# coding: latin-1",
        ),
        (b"# coding: klingon\n", "its encoding is not known: unknown encoding: klingon. Save the file as UTF-8."),
        (
            b"MODEL = 1\ndef f(:\n    pass\n",
            'line 2: syntax error: invalid syntax. The line reads "def f(:".',
        ),
        (
            b"MODEL = 1\nreturn 2\n",
            "line 2: syntax error: 'return' outside function. The line reads \"return 2\".",
        ),
    ],
)
def test_what_python_cannot_read_is_refused(models, content, message):
    (models / "a.py").write_bytes(content)
    assert error_of("a.py", models) == f"a.py: {message}"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfeM\x00",
        b"# caf\xe9\n",
        b"# coding: hex\nx = 1\n",
        b"MODEL = 1\x00",
        b"(" * 10000,
        b"-" * 100000 + b"1",
        b"\x7fELF\x02\x01",
    ],
)
def test_no_content_escapes_as_another_error(models, content):
    (models / "a.py").write_bytes(content)
    message = error_of("a.py", models)
    assert message.startswith("a.py: ")
    assert len(message) < 300

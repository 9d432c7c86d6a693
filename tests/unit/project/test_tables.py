import os

import pytest

from mlpipeline.errors import SettingsError
from mlpipeline.project.tables import parse, read_text


def complain(message):
    return SettingsError(f"some.toml: {message}")


def error_of(call, *arguments, **keywords):
    with pytest.raises(SettingsError) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


def table(text):
    return parse(text, complain)


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    file = tmp_path / "some.toml"
    file.write_bytes(b'\xef\xbb\xbfname = "\xc3\xa9"\r\nflag = true\r\n')
    assert table(read_text(file, complain)).values == {"name": "é", "flag": True}


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    file = tmp_path / "some.toml"
    file.write_bytes(b'a = 1\nname = "caf\xe9"\n')
    assert error_of(read_text, file, complain) == (
        "some.toml: line 2 is not UTF-8 (byte 0xe9). Save the file as UTF-8."
    )


def test_utf16_is_refused(tmp_path):
    file = tmp_path / "some.toml"
    file.write_bytes("a = 1".encode("utf-16"))
    assert "line 1 is not UTF-8" in error_of(read_text, file, complain)


def test_a_folder_a_pipe_a_circle_of_links_and_a_missing_file_are_errors(tmp_path):
    assert error_of(read_text, tmp_path, complain) == "some.toml: this is a folder; expected a TOML file."
    os.mkfifo(tmp_path / "pipe")
    assert "a device or a pipe" in error_of(read_text, tmp_path / "pipe", complain)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert "cannot be read: Too many levels" in error_of(read_text, tmp_path / "circle", complain)
    assert "cannot be read: No such file" in error_of(read_text, tmp_path / "gone", complain)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path):
    file = tmp_path / "some.toml"
    file.write_text("a = 1")
    file.chmod(0)
    assert "cannot be read: Permission denied" in error_of(read_text, file, complain)


def test_a_syntax_error_names_its_line_and_shows_it():
    assert error_of(table, "a = 1\nb = True\n") == (
        'some.toml: line 2, column 5: not valid TOML: Invalid value. The line reads "b = True".'
    )


def test_a_syntax_error_at_the_end_names_the_last_line():
    message = error_of(table, "a = 1\nb = [1,\n\n")
    assert message.startswith("some.toml: line 2, the last: not valid TOML: ")


@pytest.mark.parametrize("text", ["a = 1\na = 2", "a = 1\n[a]\nb = 1", "a = \x00", '"\n', "a = '''"])
def test_every_kind_of_broken_text_names_a_line(text):
    assert "not valid TOML" in error_of(table, text)
    assert "some.toml: line " in error_of(table, text)


@pytest.mark.parametrize("text", ["a = " + "9" * 5000, "a = " + "[" * 5000])
def test_what_overwhelms_the_parser_is_an_error_too(text):
    assert "TOML" in error_of(table, text)


def test_an_unknown_key_is_refused_with_the_known_ones_and_the_nearest():
    worker = table("[worker]\nimport_timuot = 1").table("worker")
    assert error_of(worker.refuse_unknown, ("import_timeout", "stop_grace")) == (
        "some.toml: [worker] import_timuot is unknown. Known: import_timeout, stop_grace. "
        'Did you mean "import_timeout"?'
    )


def test_an_unknown_table_is_shown_as_one_and_a_strange_key_in_quotes():
    assert "some.toml: [workers] is unknown" in error_of(table("[workers]\n").refuse_unknown, ("worker",))
    assert r'some.toml: "a\nb" is unknown' in error_of(table('"a\\nb" = 1').refuse_unknown, ("worker",))


def test_a_key_that_belongs_elsewhere_is_sent_there():
    message = error_of(table("b = 1").refuse_unknown, ("a",), {"b": "below the line [c]"})
    assert message == "some.toml: b is in the wrong place. It belongs below the line [c]."


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1", "a = 1 is a number"),
        ("true", "a = true is a truth value"),
        ("1979-05-27", 'a = "1979-05-27" is a date or time'),
        ("[]", "a = [] is a list"),
        ("{b = 1}", 'a = {"b": 1} is a table'),
        ('""', 'a = "" is a text'),
        ('"  "', 'a = "  " is a text'),
    ],
)
def test_a_text_is_a_text(value, found):
    message = error_of(table(f"a = {value}").text, "a", "x")
    assert message == f"some.toml: {found}; expected a text in quotes that is not empty."


@pytest.mark.parametrize("value", ['"true"', "1", "0", "[]"])
def test_a_flag_is_true_or_false(value):
    assert "expected true or false, without quotes" in error_of(table(f"a = {value}").flag, "a", True)


@pytest.mark.parametrize("value", ['"soon"', "true", "-1", "nan", "inf", "-inf", "1e400", "1" + "0" * 400, "31536001"])
def test_seconds_are_a_duration_within_bounds(value):
    message = error_of(table(f"a = {value}").seconds, "a", 30.0, least=0)
    assert 'expected a duration of at most a year, such as "8h", "30min" or "90s", or a number of seconds.' in message
    assert len(message) < 200


def test_seconds_may_be_whole_or_not_have_units_and_touch_the_bounds():
    written = ("2", "0.5", "31536000", '"10min"', '"1h 30min"')
    found = [table(f"a = {value}").seconds("a", 1, least=0.5) for value in written]
    assert found == [2.0, 0.5, 31536000.0, 600.0, 5400.0]


def test_lists_hold_texts_and_errors_number_their_items():
    assert table('a = ["x", "y"]').texts("a", '["x"]') == ("x", "y")
    assert "a[1] = 3 is a number; expected a text" in error_of(table('a = ["x", 3]').texts, "a", '["x"]')
    assert error_of(table('a = "x"').texts, "a", '["x"]') == (
        'some.toml: a = "x" is a text; expected a list, such as ["x"].'
    )


@pytest.mark.parametrize("text", ["worker = 3", "[[worker]]\na = 1"])
def test_a_table_is_a_table(text):
    assert "expected a table: a line [worker]" in error_of(table(text).table, "worker")


def test_keys_that_are_not_there_have_their_defaults():
    empty = table("")
    assert (empty.text("a", "x"), empty.flag("a", True), empty.seconds("a", 3.0, least=0)) == ("x", True, 3.0)
    assert (empty.texts("a", ""), empty.table("a").values) == ((), {})

import pytest

from mlpipeline.domain.findings import bad, look, ok
from mlpipeline.views.checkup import closing_text, finding_text
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.tables import display_width

FULL = bad("disk", "12 MB free; min_free_disk is 1 GB: nothing new starts", "df -h /p; mlpipeline gc --dry-run")


def test_in_a_pipe_a_finding_is_a_line_and_what_to_do_another():
    assert finding_text(FULL, PLAIN) == (
        "bad   disk             12 MB free; min_free_disk is 1 GB: nothing new starts\n"
        "                       → df -h /p; mlpipeline gc --dry-run"
    )


@pytest.mark.parametrize("width", [40, 60, 80])
def test_it_fits_the_screen(width):
    *lines, advice = finding_text(FULL, Screen(width=width)).splitlines()
    assert max(map(display_width, lines)) <= width
    assert " ".join(" ".join(lines).split()) == f"bad disk {FULL.told}"
    assert advice.lstrip() == "→ df -h /p; mlpipeline gc --dry-run", "it can be copied, and typed"


def test_how_it_is_has_a_colour():
    assert finding_text(ok("lock", "is free"), Screen(width=80, is_colored=True)).startswith(
        "\x1b[32mok\x1b[0m    lock "
    )


def test_no_escape_sequence_of_a_file_name_reaches_the_terminal():
    assert "\x1b" not in finding_text(look("files", "not ours: \x1b[31mred", "rm \x1b[2J"), PLAIN)


def test_the_last_line_counts():
    assert closing_text([ok("a", "b")]) == "all is well"
    assert closing_text([FULL, look("a", "b", None), ok("a", "b")]) == "1 bad, 1 to look at, 1 ok"

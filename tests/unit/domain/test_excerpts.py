from __future__ import annotations

from mlpipeline.domain.excerpts import excerpt


def test_a_text_that_fits_stays_as_it_is():
    text = "\n".join(map(str, range(51)))
    assert excerpt(text) == text


def test_the_middle_of_a_long_text_is_left_out():
    lines = excerpt("\n".join(map(str, range(1000)))).split("\n")
    assert lines == [*map(str, range(15)), "… 950 lines left out …", *map(str, range(965, 1000))]


def test_long_lines_are_cut():
    assert excerpt("x" * 1000 + "\n" + "y" * 1001) == "x" * 1000 + "\n" + "y" * 1000 + "…"

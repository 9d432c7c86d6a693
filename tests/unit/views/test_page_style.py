import re
from itertools import product

import pytest

from mlpipeline.views.page_style import STYLE


def palette(text):
    return dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]+)", text))


LIGHT = palette(STYLE.partition("@media")[0])
DARK = palette(STYLE.partition("@media (prefers-color-scheme: dark)")[2].partition("} }")[0])


def luminance(color):
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """The contrast of two colours. Source: WCAG 2.2, relative luminance."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_curves_stand_out_from_the_paper(colors):
    # WCAG 2.2, level AA: 4.5 for text, 3 for what is drawn.
    texts = product(("ink", "soft", "good", "bad", "notice"), ("paper", "box"))
    assert [pair for pair in texts if contrast(*map(colors.__getitem__, pair)) < 4.5] == []
    assert [name for name in ("c1", "c2", "c3", "c4", "c5") if contrast(colors[name], colors["paper"]) < 3] == []


def test_there_are_as_many_colors_in_the_dark():
    assert sorted(LIGHT) == sorted(DARK)


def test_words_in_tables_stay_whole_as_tables_scroll():
    rules = re.findall(r"([^{}]*)\{([^{}]*)\}", STYLE)
    cells = [rule for selector, rule in rules if re.search(r"\b(td|th)\b", selector)]
    assert cells and not any("anywhere" in rule for rule in cells)

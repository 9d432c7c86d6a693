import math
import re
from xml.etree import ElementTree

from mlpipeline.domain.curves import Curve, Point
from mlpipeline.views.charts import Line, chart
from mlpipeline.views.sparklines import sparkline


def line(ys, label="deep", number=1, *, is_by_step=True):
    points = [Point(x, y) for x, y in enumerate(ys)]
    return Line(label=label, number=number, curve=Curve(name="loss", points=points, is_by_step=is_by_step))


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


def paths(svg):
    figure = ElementTree.fromstring(svg).find("svg")
    return [path.get("d") for path in figure.iter("path") if (path.get("class") or "").startswith("line")]


def test_a_chart_has_axes_with_round_numbers_curves_and_where_they_end():
    svg = chart("loss", [line([0.9, 0.6, 0.13]), line([0.5, 0.4], "wide", 2)])
    assert texts(svg) == ["0.2", "0.4", "0.6", "0.8", "0", "1", "2", "step"]
    assert len(paths(svg)) == 2
    assert "loss by step: deep ends at 0.13 at 2; wide ends at 0.4 at 1" in svg
    assert [end.group(1) for end in re.finditer(r'class="end">([^<]*)<', svg)] == ["0.13", "0.4"]


def test_a_loss_over_decades_has_a_logarithmic_scale():
    svg = chart("loss", [line([1000.0, 10.0, 0.1], is_by_step=False)])
    assert texts(svg)[:5] == ["0.1", "1", "10", "100", "1000"]
    assert "(logarithmic)" in svg
    assert texts(svg)[-1] == "seconds"


def test_a_curve_has_gaps_where_it_is_nan_and_says_how_it_ended():
    svg = chart("loss", [line([1.0, 2.0, math.nan, 3.0, 1.0, math.nan])])
    assert paths(svg)[0].count("M") == 2
    assert '<span class="end">nan</span>' in svg


def test_numbers_that_are_all_the_same_are_a_line_in_the_middle():
    for number in (0.0, 5.0, -3.0, 1e99, 1e-310):
        (path,) = paths(chart("loss", [line([number, number])]))
        assert [float(y) for y in re.findall(r" ([0-9.]+)", path)] == [88.0, 88.0]


def test_where_nothing_can_be_drawn_there_is_no_chart():
    assert chart("loss", [line([math.nan, math.inf])]) == ""


def test_names_are_text_and_nothing_else():
    svg = chart("<b>&\x1b", [line([1, 2], '"><script>alert(1)</script>')])
    assert "<script" not in svg and "<b>" not in svg and "\x1b" not in svg
    ElementTree.fromstring(svg)


def test_many_points_make_a_small_chart():
    assert len(chart("loss", [line([math.sin(x / 50) for x in range(100_000)])])) < 8_000


def sparkle(ys, width=8, name="loss"):
    return sparkline(name, [Point(x, y) for x, y in enumerate(ys)], width)


def test_a_sparkline_goes_from_the_lowest_bar_to_the_highest():
    assert sparkle(range(8)) == "▁▂▃▄▅▆▇█"
    assert sparkle(range(1000)) == "▁▂▃▄▅▆▇█"
    assert sparkle([2, 1]) == "█▁"
    assert sparkle([3, 3, 3]) == "▁▁▁"
    assert sparkle([3]) == "▁"
    assert sparkle([1, math.nan, 2]) == "▁ █"
    assert sparkle([math.nan]) == ""


def test_a_sparkline_of_a_loss_shows_its_order_of_magnitude():
    assert sparkle([1000, 100, 10, 1, 0.1]) == "█▇▅▃▁"
    assert sparkle([1000, 100, 10, 1], name="reward") == "█▁▁▁"

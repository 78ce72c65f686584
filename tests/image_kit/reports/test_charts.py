"""Charts: everything lies inside, gaps stay gaps, and the table holds the numbers."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from image_kit.reports import Chart, Series, history_charts, reliability_chart
from image_kit.reports.charts import HEIGHT, ROWS, WIDTH, draw, nice_ticks

FLOATS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


def chart_of(points, **options):
    return Chart("title", "text", "x", "y", [Series("series", points)], **options)


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=20))
def test_all_points_lie_inside_at_whatever_scale(points):
    drawn = draw(chart_of(sorted(points)))
    for x, y in drawn.series[0].dots:
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert len(drawn.series[0].dots) == len(points)
    assert 2 <= len(drawn.y_ticks) <= 8


@given(FLOATS, st.floats(1e-3, 1e6))
def test_ticks_are_few_and_within_the_range(low, width):
    ticks = nice_ticks(low, low + width)
    slack = 1e-6 * (abs(low) + width)
    assert 1 <= len(ticks) <= 7
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[:1], rtol=1e-3)


def test_epochs_are_whole_numbers():
    assert nice_ticks(1, 3, is_whole=True) == [1, 2, 3]


def test_a_gap_stays_a_gap():
    drawn = draw(chart_of([(1, 0.5), (2, math.nan), (3, 0.7), (4, 0.6)], is_percent=True))
    assert re.findall("[ML]", drawn.series[0].line) == ["M", "M", "L"]
    assert len(drawn.series[0].dots) == 3
    assert drawn.rows[0] == ["1", "50.0 %"]


def test_a_training_without_a_finite_loss_has_a_chart():
    (chart,) = history_charts({"loss": [math.nan]})
    assert draw(chart).series[0].dots == []


def test_a_long_table_is_thinned_and_keeps_its_end():
    rows = draw(chart_of([(epoch, 1 / epoch) for epoch in range(1, 1001)])).rows
    assert len(rows) <= ROWS + 1
    assert (rows[0][0], rows[-1][0]) == ("1", "1,000")


def test_history_gives_a_chart_for_what_there_is():
    charts = history_charts({"accuracy": [0.1, 0.2], "val_accuracy": [0.3, 0.4], "loss": []})
    assert [chart.title for chart in charts] == ["Accuracy"]
    assert charts[0].text == "Accuracy by epoch. After the last epoch: train 20.0 %, validation 40.0 %."
    assert history_charts({}) == []


def test_honest_probabilities_lie_on_the_diagonal():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 20_000)
    labels = (random.random(20_000) > confidence).astype(int)  # class 0 as often as it is claimed
    chart = reliability_chart(np.stack([confidence, 1 - confidence], axis=1), labels)
    # 4,000 images in each of 5 bins: a standard error of .008 at most, four of them.
    assert [y for _, y in chart.series[0].points] == pytest.approx([x for x, _ in chart.series[0].points], abs=0.032)
    assert all(low <= y <= high for (_, y), (_, low, high) in zip(*series_of(chart), strict=True))


def series_of(chart):
    return chart.series[0].points, chart.series[0].band

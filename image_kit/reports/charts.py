"""Charts as plain numbers: what is drawn, and where. The templates write them as SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from image_kit.answering import wilson_interval

# Units of the SVG. Drawn 330 pixels wide, as on a phone, its 13-unit letters are 11 pixels high.
WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 12, 44  # RIGHT holds half of the last "100 %"
TICKS = 5
MOST_DOTS = 30  # more would cover the line
BINS = 10  # of a reliability chart
ROWS = 40  # of the table below a chart; of more points every second, third, ... is listed

Look = Literal["first", "second", "faint"]
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: in the legend.
        points: (x, y), by ascending x; a y that is not finite leaves a gap.
        look: its colour; lines of the second look are dashed too.
        band: (x, low, high): an interval around the line, drawn as a band.
        has_line: whether the points are joined.
    """

    name: str
    points: Sequence[Point]
    look: Look = "first"
    band: Sequence[tuple[float, float, float]] = ()
    has_line: bool = True


@dataclass(frozen=True)
class Chart:
    """A chart of lines.

    Attributes:
        title: above it.
        text: what the chart shows, in a sentence, for somebody who cannot see it.
        x_label, y_label: of the axes.
        series: at least one.
        is_percent: whether y is a fraction, 0..1, to be written in percent.
        x_is_percent: the same of x; its axis goes from 0 to 100 %.
        y_range: (low, high) of the axis; None: from the values.
        diagonal: whether to draw the line y = x.
    """

    title: str
    text: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    is_percent: bool = False
    x_is_percent: bool = False
    y_range: tuple[float, float] | None = None
    diagonal: bool = False


@dataclass(frozen=True)
class DrawnSeries:
    """A series in units of the SVG: paths of the line and of the band, and centres of the dots."""

    name: str
    look: Look
    line: str
    band: str
    dots: list[Point]


@dataclass(frozen=True)
class Drawing:
    """A chart in units of the SVG.

    Attributes:
        x_ticks, y_ticks: (place, text).
        series: in the order of the chart.
        diagonal: a path, or empty.
        rows: the table of the values: x, then a text for each series.
    """

    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    series: list[DrawnSeries]
    diagonal: str
    rows: list[list[str]]


def draw(chart: Chart) -> Drawing:
    """Place a chart's lines, ticks and texts."""
    xs = [x for each in chart.series for x, *_ in [*each.points, *each.band]]
    x_low, x_high = (0.0, 1.0) if chart.x_is_percent else _spread(xs, False)
    y_low, y_high = chart.y_range or _spread(_heights(chart.series), chart.is_percent, round_up=True)

    def across(x: float) -> float:
        return round(LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def down(y: float) -> float:
        return round(HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    drawn = []
    for each in chart.series:
        placed = [(across(x), down(y)) if math.isfinite(y) else None for x, y in each.points]
        dots = [point for point in placed if point] if len(placed) <= MOST_DOTS or not each.has_line else []
        edge = [(across(x), down(y)) for x, _, y in each.band] + [(across(x), down(y)) for x, y, _ in each.band[::-1]]
        line = _path(placed) if each.has_line else ""
        drawn.append(DrawnSeries(each.name, each.look, line, _path(edge) + "Z" if edge else "", dots))
    is_whole = all(float(x).is_integer() for x in xs) and not chart.x_is_percent
    diagonal = _path([(across(x_low), down(x_low)), (across(x_high), down(x_high))]) if chart.diagonal else ""
    return Drawing(
        [(across(x), _text(x, chart.x_is_percent)) for x in nice_ticks(x_low, x_high, is_whole)],
        [(down(y), _text(y, chart.is_percent)) for y in nice_ticks(y_low, y_high)],
        drawn,
        diagonal,
        _rows(chart),
    )


def nice_ticks(low: float, high: float, is_whole: bool = False) -> list[float]:
    """About TICKS multiples of 1, 2 or 5 times a power of ten, from low to high; whole numbers if asked."""
    step = (high - low) / TICKS
    power = 10 ** math.floor(math.log10(step))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
    step = max(step, 1) if is_whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _heights(series: Iterable[Series]) -> list[float]:
    values = [y for each in series for _, y in each.points] + [y for each in series for _, *b in each.band for y in b]
    return [value for value in values if math.isfinite(value)]


def _spread(values: Sequence[float], is_fraction: bool, round_up: bool = False) -> tuple[float, float]:
    """The range of an axis, never empty; with `round_up` to whole ticks, and within 0..1 for fractions."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    least = 0.1 if is_fraction else 0.1 * abs(high) or 1.0  # a constant value would be magnified without end
    if high - low < least:
        low, high = low - least / 2, high + least / 2
    if round_up:
        ticks = nice_ticks(low, high)
        step = ticks[1] - ticks[0]
        low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    return (max(low, 0.0), min(high, 1.0)) if is_fraction else (low, high)


def _path(points: Sequence[Point | None]) -> str:
    """An SVG path through the points; None lifts the pen."""
    parts, is_down = [], False
    for point in points:
        if point is not None:
            parts.append(f"{'L' if is_down else 'M'}{point[0]:g} {point[1]:g}")
        is_down = point is not None
    return "".join(parts)


def _text(value: float, is_percent: bool) -> str:
    return f"{100 * value:.4g} %" if is_percent else f"{value:,.6g}"


def _precise(value: float, is_percent: bool) -> str:
    return f"{100 * value:.1f} %" if is_percent else f"{value:.4g}"


def _rows(chart: Chart) -> list[list[str]]:
    places = sorted({x for each in chart.series for x, _ in each.points})
    if len(places) > ROWS:
        places = places[:: -(-len(places) // ROWS)] + places[-1:]
    columns = [dict(each.points) for each in chart.series]

    def cell(values: dict[float, float], x: float) -> str:
        return _precise(values[x], chart.is_percent) if x in values else ""

    return [[_text(x, chart.x_is_percent), *(cell(values, x) for values in columns)] for x in dict.fromkeys(places)]


def history_charts(history: Mapping[str, Sequence[float]]) -> list[Chart]:
    """Accuracy and loss against the epochs.

    Args:
        history: as in Keras's `History.history`: "accuracy", "val_accuracy", "loss", "val_loss"; any may be missing.

    Returns:
        A chart for each quantity that there is; [] without an epoch.
    """
    charts = []
    for quantity in ("accuracy", "loss"):
        lines: list[tuple[str, str, Look]] = [("train", quantity, "first"), ("validation", f"val_{quantity}", "second")]
        series = [
            Series(name, list(enumerate(map(float, history[key]), 1)), look)
            for name, key, look in lines
            if len(history.get(key, ()))
        ]
        if not series:
            continue
        is_percent = quantity == "accuracy"
        ends = ", ".join(f"{each.name} {_precise(each.points[-1][1], is_percent)}" for each in series)
        text = f"{quantity.capitalize()} by epoch. After the last epoch: {ends}."
        charts.append(Chart(quantity.capitalize(), text, "epoch", quantity, series, is_percent))
    return charts


def reliability_chart(probabilities: np.ndarray, labels: np.ndarray) -> Chart:
    """How often answers of a given probability are right; on the diagonal, probabilities can be taken at their word.

    Args:
        probabilities: float (n, classes).
        labels: int (n,), at least one.
    """
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    points, band = [], []
    for number in np.unique(bins):
        right, total = int(is_right[bins == number].sum()), int((bins == number).sum())
        x = float(confidence[bins == number].mean())
        points.append((x, right / total))
        band.append((x, *wilson_interval(right, total)))
    mean, accuracy = float(confidence.mean()), float(is_right.mean())
    text = f"The answers claim {100 * mean:.1f} % on average, and {100 * accuracy:.1f} % of them are right."
    series = [Series("right answers, with the interval that their number leaves", points, "first", band)]
    labels_of_axes = ("probability of the answer", "right answers")
    return Chart("Calibration", text, *labels_of_axes, series, True, True, (0.0, 1.0), diagonal=True)

"""The confusion matrix as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from image_kit.pictures.figure import FAINT, MARGIN, in_own_style, new_figure, percent, save_figure
from image_kit.pictures.lettering import (
    INK,
    PAPER,
    SMALL_SIZE,
    TEXT_SIZE,
    TITLE_SIZE,
    shortened,
    text_height,
    text_style,
    text_width,
    wrapped,
)

COUNTED_CLASSES = 30  # a larger matrix has no room for numbers
NAMED_CLASSES = 120  # a larger matrix names every second, third, ... class only


@in_own_style
def plot_confusion_matrix(confusion: np.ndarray, class_names: Sequence[str], path: Path | str, title: str) -> None:
    """Draw which class was taken for which. A cell is the darker, the larger its fraction of the row's images is.

    Args:
        confusion: int (classes, classes), images by true label (row) and predicted class (column).
        class_names: in the order of the labels.
        path: the PNG to write.
        title: above the matrix.

    Raises:
        ValueError: the matrix is empty, not square, or has another number of names.
    """
    confusion, classes = np.asarray(confusion), len(class_names)
    if not classes or confusion.shape != (classes, classes):
        raise ValueError(f"the matrix must be ({classes}, {classes}) for as many names, got {confusion.shape}")
    # Inches: large cells for few classes, with room for their names; at least 0.11, just enough for 6 points.
    cell = max(0.11, min(11 / classes, 0.55 + 1.2 / classes))
    size = min(TEXT_SIZE, max(4.0, cell * 55))
    names = [shortened(name, 2.2, size) for name in class_names]  # 2.2 inches: about 30 letters
    figure, axes, bar = _matrix_axes(min(cell * classes, cell * NAMED_CLASSES), names, cell, size, title)
    totals = confusion.sum(axis=1, keepdims=True)
    undefined = np.full(confusion.shape, np.nan)
    fractions = np.ma.masked_invalid(np.divide(confusion, totals, out=undefined, where=totals > 0))
    blues = colormaps["Blues"].with_extremes(bad=FAINT)
    # The square root makes the few mistakes of a good network visible, which a linear scale would leave white.
    drawn = axes.imshow(fractions, cmap=blues, norm=PowerNorm(0.5, 0, 1), interpolation="nearest", aspect="auto")
    if classes <= COUNTED_CLASSES:
        _write_counts(axes, confusion, fractions, cell)
    figure.colorbar(drawn, cax=bar, ticks=[0, 0.05, 0.2, 0.5, 1], format=percent)
    bar.set_ylabel("fraction of the row", **text_style("", TEXT_SIZE))
    bar.tick_params(labelsize=SMALL_SIZE)
    save_figure(figure, path)


def _matrix_axes(side: float, names: list[str], cell: float, size: float, title: str) -> tuple[Figure, Axes, Axes]:
    """A figure with axes for a square of `side` inches and for its colour bar, with enough room for the names."""
    longest = max(text_width(name, size) for name in names)
    upright = longest > 0.9 * cell
    left, right = MARGIN + 0.4 + longest, 1.25  # 0.4: "true label" and gaps; 1.25: the bar and its numbers
    bottom = MARGIN + 0.4 + (longest if upright else text_height("", size))
    width = max(left + side + right, 4.0)  # 4 inches leave room for a title
    heading = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    height = bottom + side + 2 * MARGIN + text_height(heading, TITLE_SIZE)
    figure = new_figure(width, height, heading)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    tall = min(side, 4.0)
    middle = bottom + (side - tall) / 2
    bar = figure.add_axes(((left + side + 0.25) / width, middle / height, 0.18 / width, tall / height))
    places = range(0, len(names), -(-len(names) // NAMED_CLASSES))
    style = text_style("".join(names), size)
    axes.set_yticks(places, [names[place] for place in places], **style)
    axes.set_xticks(places, [names[place] for place in places], rotation=90 if upright else 0, **style)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.text(
        MARGIN / width,
        (bottom + side / 2) / height,
        "true label",
        rotation=90,
        va="center",
        **text_style("", TEXT_SIZE),
    )
    figure.text((left + side / 2) / width, MARGIN / height, "predicted class", ha="center", **text_style("", TEXT_SIZE))
    return figure, axes, bar


def _write_counts(axes: Axes, confusion: np.ndarray, fractions: np.ma.MaskedArray, cell: float) -> None:
    digits = len(str(confusion.max()))
    size = min(11.0, cell * 72 * 0.45, cell * 72 * 0.85 / (0.64 * digits))  # a digit is 0.64 of the font size wide
    for (row, column), count in np.ndenumerate(confusion):
        colour = PAPER if fractions.filled(0)[row, column] > 0.3 else INK  # at 0.3 Blues is half-way to dark
        axes.text(column, row, str(count), ha="center", va="center", **{**text_style("", size), "color": colour})

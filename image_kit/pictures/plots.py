"""Every picture that the kit draws, each saved as one PNG.

Matplotlib's figures are used without pyplot: it imports faster, needs no screen and keeps no
global list of open figures.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from image_kit.answering import wilson_interval
from image_kit.pictures.lettering import (
    DPI,
    HALO,
    INK,
    MONO,
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
from image_kit.pictures.picture_grid import MARGIN, Captioned, Grid, new_sheet, save_figure, save_grid

# Blue and vermillion of M. Okabe and K. Ito's palette ("Color Universal Design", 2008): told apart by
# people with any of the common colour deficiencies. Line styles differ as well.
TRAIN, VALIDATION, FAINT = "#0072B2", "#D55E00", "#D9D9D9"
MOSAIC_IMAGES = 64  # 8 x 8 is what a screen shows without scrolling
COUNTED_CLASSES = 30  # a larger confusion matrix has no room for numbers
NAMED_CLASSES = 120  # a still larger one names every second, third, ... class


def plot_curves(history: dict[str, list[float]], path: Path | str, title: str) -> None:
    """Accuracy and loss by epoch, with the best validation epoch of each ringed.

    Args:
        history: what Keras's `fit` returns: "accuracy", "val_accuracy", "loss", "val_loss" to one float
            per epoch; any may be missing. NaN and infinity leave a gap.
        path: the PNG to write.
        title: above the plot.

    Raises:
        ValueError: there is not one epoch of any of the four.
    """
    epochs = max(len(history.get(prefix + name, [])) for prefix in ("", "val_") for name in ("accuracy", "loss"))
    if not epochs:
        raise ValueError("the history holds no epoch of accuracy or loss")
    figure = _figure(11, 4.6, title)
    accuracy, loss = figure.subplots(1, 2)
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        _draw_curve(axes, history.get(name, []), "train", TRAIN, "-")
        _draw_curve(axes, history.get(f"val_{name}", []), "validation", VALIDATION, "--")
        _mark_best(axes, history.get(f"val_{name}", []), name)
        _finish_axes(axes, "epoch", name, range(1, epochs + 1))
    save_figure(figure, path)


def plot_test_scores(scores: list[tuple[int, float]], total: int, path: Path | str, title: str) -> None:
    """Test accuracy against the number of epochs trained, with Wilson's 95 % interval.

    Args:
        scores: (epochs, accuracy 0..1) of each training, in any order.
        total: test images behind each accuracy.
        path: the PNG to write.
        title: above the plot.

    Raises:
        ValueError: no scores, or an accuracy outside 0..1.
    """
    if not scores:
        raise ValueError("there are no test scores to plot")
    epochs, accuracies = (np.array(column) for column in zip(*sorted(scores), strict=True))
    low, high = np.transpose([wilson_interval(round(accuracy * total), total) for accuracy in accuracies])
    figure = _figure(7.5, 4.8, title)
    axes = figure.subplots()
    axes.fill_between(epochs, low, high, color=TRAIN, alpha=0.15, linewidth=0, label="95 % interval (Wilson)")
    axes.vlines(epochs, low, high, color=TRAIN, alpha=0.4, linewidth=1)  # one score alone has no band
    axes.plot(epochs, accuracies, color=TRAIN, marker="o", clip_on=False, label=f"accuracy on {total} test images")
    if len(epochs) <= 12:  # more values would run into each other
        for epoch, accuracy in zip(epochs, accuracies, strict=True):
            place = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center", "path_effects": [HALO]}
            axes.annotate(f"{100 * accuracy:.1f} %", (epoch, accuracy), **place, **text_style("", SMALL_SIZE))
    _finish_axes(axes, "epochs trained", "accuracy", epochs)
    save_figure(figure, path)


def plot_mosaic(images: np.ndarray, names: Sequence[str], path: Path | str, title: str) -> None:
    """The first images of a training batch, each with its class name underneath.

    Args:
        images: uint8 (n, height, width, 1 or 3), 0..255; those after the 64th are left out.
        names: n class names.
        path: the PNG to write.
        title: above the images.

    Raises:
        ValueError: no images, another number of names, or not such an array.
    """
    pictures = list(zip(images, names, strict=True))[:MOSAIC_IMAGES]
    if not pictures:
        raise ValueError("there are no images to draw")
    columns = int(np.ceil(np.sqrt(len(pictures))))
    save_grid([pictures], Grid(columns, side=1.3, size=SMALL_SIZE), path, title)


def plot_gallery(
    images: Sequence[np.ndarray], captions: Sequence[str], path: Path | str, title: str, empty: str = "No mistakes."
) -> None:
    """Images of any sizes with a caption each; none at all give a picture of the sentence `empty`.

    Args:
        images: uint8 (height, width, 1 or 3) each, 0..255.
        captions: one per image, such as "is cars, answered elephants 99 %".
        path: the PNG to write.
        title: above the images.
        empty: what to say when there is nothing to show.

    Raises:
        ValueError: another number of captions, or an array of another kind.
    """
    pictures = list(zip(images, captions, strict=True))
    if pictures:
        lines = -(-len(pictures) // 6)  # at most 6 in a line, and the lines about equally long
        return save_grid([pictures], Grid(-(-len(pictures) // lines), side=1.8, size=SMALL_SIZE), path, title)
    figure = _figure(6, 2, title)
    figure.text(0.5, 0.4, empty, ha="center", va="center", **text_style(empty, TITLE_SIZE))
    return save_figure(figure, path)


def plot_contact_sheet(rows: Sequence[Sequence[Captioned]], path: Path | str) -> None:
    """Variants of photos, one row per photo; a long row goes on in further lines of 7.

    Args:
        rows: per photo (image, caption) pairs, the original first (it gets a frame); images are uint8
            (height, width, 1 or 3), 0..255; captions may have several lines.
        path: the PNG to write.

    Raises:
        ValueError: no images, an array of another kind, or more rows than a picture of 65535 pixels
            in height holds (about 50 of 21 pictures).
    """
    if not any(rows):
        raise ValueError("there are no images to draw")
    # At 2 inches an image of the tutorial's 300 x 300 pixels is drawn pixel by pixel.
    save_grid(rows, Grid(7, side=2.0, size=SMALL_SIZE, family=MONO, align="left", frame=TRAIN), path)


def plot_confusion_matrix(confusion: np.ndarray, class_names: Sequence[str], path: Path | str, title: str) -> None:
    """Which class was taken for which; the darker, the larger the share of the row's label.

    Args:
        confusion: int (classes, classes), images by true label (row) and predicted class (column).
        class_names: one per class.
        path: the PNG to write.
        title: above the matrix.

    Raises:
        ValueError: the matrix is empty, not square, or has another number of names.
    """
    confusion, classes = np.asarray(confusion), len(class_names)
    if not classes or confusion.shape != (classes, classes):
        raise ValueError(f"the matrix must be ({classes}, {classes}) for as many names, got {confusion.shape}")
    # Inches: few classes get large cells for their names, many classes 0.11, which just holds 6 points.
    cell = max(0.11, min(11 / classes, 0.55 + 1.2 / classes))
    size = TEXT_SIZE if cell > 0.3 else max(4.0, cell * 55)
    names = [shortened(name, 2.2, size) for name in class_names]  # 2.2 inches: about 30 letters
    figure, axes, bar = _matrix_axes(min(cell * classes, cell * NAMED_CLASSES), names, cell, size, title)
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.ma.masked_invalid(np.divide(confusion, totals, out=np.full(confusion.shape, np.nan), where=totals > 0))
    blues = colormaps["Blues"].with_extremes(bad=FAINT)
    # The square root brings out the few mistakes of a good network, which a straight scale leaves white.
    drawn = axes.imshow(shares, cmap=blues, norm=PowerNorm(0.5, 0, 1), interpolation="nearest", aspect="auto")
    if classes <= COUNTED_CLASSES:
        _write_counts(axes, confusion, shares, cell)
    figure.colorbar(drawn, cax=bar, ticks=[0, 0.05, 0.2, 0.5, 1], format=_percent)
    bar.set_ylabel("share of the row", **text_style("", TEXT_SIZE))
    bar.tick_params(labelsize=SMALL_SIZE)
    save_figure(figure, path)


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure((width, height), dpi=DPI, layout="constrained", facecolor=PAPER)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # inches
    heading = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    figure.suptitle(heading, x=MARGIN / width, ha="left", **text_style(heading, TITLE_SIZE))
    return figure


def _percent(share: float, _position: int | None = None) -> str:
    return f"{100 * share:.4g} %"


def _finish_axes(axes: Axes, x_label: str, quantity: str, epochs: Sequence[int]) -> None:
    """Labels, whole epochs from 1, a sober y range, and a legend below the axes, where it hides nothing."""
    axes.set_xlabel(x_label, **text_style("", TEXT_SIZE))
    axes.set_ylabel(quantity, **text_style("", TEXT_SIZE))
    first, last = int(min(epochs)), int(max(epochs))
    room = (last - first) * 0.04 or 0.5
    axes.set_xlim(first - room, last + room)
    if len(epochs) > 12:  # more numbers would run into each other
        ticks = MaxNLocator(nbins=10, integer=True).tick_values(first, last)
        epochs = sorted({first, *(int(tick) for tick in ticks if first < tick <= last)})
    axes.set_xticks(epochs)
    low, high = axes.get_ylim()
    # One epoch, or an unchanging value, would else be magnified to ticks such as 50.120 %.
    widen = max(0.0, (0.1 if quantity == "accuracy" else 0.1 * abs(high)) - (high - low)) / 2
    low, high = low - widen, high + widen
    if quantity == "accuracy":
        low, high = max(low, 0), min(high, 1)
        axes.yaxis.set_major_formatter(_percent)
    axes.set_ylim(low, high)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL_SIZE)
    if axes.get_legend_handles_labels()[1]:
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 3, "frameon": False}
        axes.legend(**below, prop=text_style("", TEXT_SIZE)["fontproperties"])


def _draw_curve(axes: Axes, values: Sequence[float], label: str, colour: str, style: str) -> None:
    if not len(values):
        return
    marker = "o" if len(values) <= 30 else None  # beyond 30 epochs the dots would cover the line
    epochs = np.arange(1, len(values) + 1)
    axes.plot(epochs, _finite(values), style, color=colour, marker=marker, markersize=4, clip_on=False, label=label)


def _mark_best(axes: Axes, values: Sequence[float], quantity: str) -> None:
    values = _finite(values)
    if np.isnan(values).all():
        return
    best = int(np.nanargmax(values) if quantity == "accuracy" else np.nanargmin(values))
    value = f"{100 * values[best]:.1f} %" if quantity == "accuracy" else f"{values[best]:.3g}"
    ring = {"marker": "o", "markersize": 11, "fillstyle": "none", "markeredgewidth": 1.5, "linestyle": "none"}
    label = f"best: {value} (epoch {best + 1})"
    axes.plot([best + 1], [values[best]], **ring, color=INK, clip_on=False, label=label)


def _finite(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _matrix_axes(side: float, names: list[str], cell: float, size: float, title: str) -> tuple[Figure, Axes, Axes]:
    """Axes for a square of `side` inches and for its colour bar, with just the room that the names need."""
    longest = max(text_width(name, size) for name in names)
    upright = longest > 0.9 * cell
    left, right = MARGIN + 0.4 + longest, 1.25  # 0.4: "true label" and gaps; 1.25: the bar and its numbers
    bottom = MARGIN + 0.4 + (longest if upright else text_height("", size))
    width = max(left + side + right, 4.0)  # 4 inches leave room for a title
    heading = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    height = bottom + side + 2 * MARGIN + text_height(heading, TITLE_SIZE)
    figure = new_sheet(width, height, heading)
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


def _write_counts(axes: Axes, confusion: np.ndarray, shares: np.ma.MaskedArray, cell: float) -> None:
    digits = len(str(confusion.max()))
    size = min(11.0, cell * 72 * 0.45, cell * 72 * 0.85 / (0.64 * digits))  # a digit is 0.64 of the size wide
    for (row, column), count in np.ndenumerate(confusion):
        colour = PAPER if shares.filled(0)[row, column] > 0.3 else INK  # 0.3: where Blues is half-way to dark
        axes.text(column, row, str(count), ha="center", va="center", **{**text_style("", size), "color": colour})

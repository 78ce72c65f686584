"""Plots of accuracy and loss against the epochs of a training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from image_kit.answering import wilson_interval
from image_kit.pictures.figure import FAINT, TRAIN, VALIDATION, in_own_style, new_plot, percent, save_figure
from image_kit.pictures.lettering import HALO, INK, SMALL_SIZE, TEXT_SIZE, text_style


@in_own_style
def plot_curves(history: dict[str, list[float]], path: Path | str, title: str) -> None:
    """Plot accuracy and loss by epoch, with a ring around the best validation epoch of each.

    Args:
        history: as in Keras's `History.history`: "accuracy", "val_accuracy", "loss" and "val_loss", each a list of one
            float per epoch; any may be missing. NaN and infinite values leave a gap.
        path: the PNG to write.
        title: above the plot.

    Raises:
        ValueError: there is no epoch of any of the four.
    """
    epochs = max(len(history.get(prefix + name, [])) for prefix in ("", "val_") for name in ("accuracy", "loss"))
    if not epochs:
        raise ValueError("the history contains no epoch of accuracy or loss")
    figure = new_plot(11, 4.6, title)
    accuracy, loss = figure.subplots(1, 2)
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        _draw_curve(axes, history.get(name, []), "train", TRAIN, "-")
        _draw_curve(axes, history.get(f"val_{name}", []), "validation", VALIDATION, "--")
        _mark_best(axes, history.get(f"val_{name}", []), name)
        _finish_axes(axes, "epoch", name, range(1, epochs + 1))
    save_figure(figure, path)


@in_own_style
def plot_test_scores(scores: list[tuple[int, float]], total: int, path: Path | str, title: str) -> None:
    """Plot the test accuracy by the number of epochs trained, with Wilson's 95 % interval.

    Args:
        scores: (epochs, accuracy 0..1) of each training, in any order.
        total: the number of test images.
        path: the PNG to write.
        title: above the plot.

    Raises:
        ValueError: no scores, or an accuracy outside 0..1.
    """
    if not scores:
        raise ValueError("there are no test scores to plot")
    epochs, accuracies = (np.array(column) for column in zip(*sorted(scores), strict=True))
    low, high = np.transpose([wilson_interval(round(accuracy * total), total) for accuracy in accuracies])
    figure = new_plot(7.5, 4.8, title)
    axes = figure.subplots()
    axes.fill_between(epochs, low, high, color=TRAIN, alpha=0.15, linewidth=0, label="95 % interval (Wilson)")
    axes.vlines(epochs, low, high, color=TRAIN, alpha=0.4, linewidth=1)  # one score alone has no band
    axes.plot(epochs, accuracies, color=TRAIN, marker="o", clip_on=False, label=f"accuracy on {total} test images")
    if len(epochs) <= 12:  # more values would run into each other
        style = text_style("", SMALL_SIZE) | {"ha": "center", "path_effects": [HALO]}
        for epoch, accuracy in zip(epochs, accuracies, strict=True):
            axes.annotate(f"{100 * accuracy:.1f} %", (epoch, accuracy), (0, 7), textcoords="offset points", **style)
    _finish_axes(axes, "epochs trained", "accuracy", epochs.tolist())
    save_figure(figure, path)


def _draw_curve(axes: Axes, values: Sequence[float], label: str, colour: str, style: str) -> None:
    if not len(values):
        return
    marker = "o" if len(values) <= 30 else None  # beyond 30 epochs the dots would cover the line
    epochs = np.arange(1, len(values) + 1)
    axes.plot(epochs, _finite(values), style, color=colour, marker=marker, markersize=4, clip_on=False, label=label)


def _mark_best(axes: Axes, history: Sequence[float], quantity: str) -> None:
    values = _finite(history)
    if np.isnan(values).all():
        return
    best = int(np.nanargmax(values) if quantity == "accuracy" else np.nanargmin(values))
    value = f"{100 * values[best]:.1f} %" if quantity == "accuracy" else f"{values[best]:.3g}"
    ring: dict[str, Any] = {"marker": "o", "markersize": 11, "fillstyle": "none", "markeredgewidth": 1.5}
    label = f"best: {value} (epoch {best + 1})"
    axes.plot([best + 1], [values[best]], linestyle="none", **ring, color=INK, clip_on=False, label=label)


def _finite(values: Sequence[float]) -> np.ndarray:
    """The values with NaN instead of infinity, which matplotlib cannot place."""
    floats = np.asarray(values, np.float64)
    return np.where(np.isfinite(floats), floats, np.nan)


def _finish_axes(axes: Axes, x_label: str, quantity: str, epochs: Sequence[int]) -> None:
    """Set labels, whole epochs as ticks, a y range that is not too narrow, and a legend below the axes."""
    axes.set_xlabel(x_label, **text_style("", TEXT_SIZE))
    axes.set_ylabel(quantity, **text_style("", TEXT_SIZE))
    first, last = int(min(epochs)), int(max(epochs))
    room = (last - first) * 0.04 or 0.5
    axes.set_xlim(first - room, last + room)
    if len(epochs) > 12:  # more numbers would run into each other
        ticks = MaxNLocator(nbins=10, integer=True).tick_values(first, last)
        epochs = sorted({first, *(int(tick) for tick in ticks if first < tick <= last)})
    axes.set_xticks(epochs)
    _set_y_range(axes, quantity)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL_SIZE)
    if axes.get_legend_handles_labels()[1]:
        font = text_style("", TEXT_SIZE)["fontproperties"]
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, prop=font)


def _set_y_range(axes: Axes, quantity: str) -> None:
    low, high = axes.get_ylim()
    # For one epoch, or for a constant value, matplotlib's range is so narrow that ticks read 50.120 %.
    widen = max(0.0, (0.1 if quantity == "accuracy" else 0.1 * abs(high)) - (high - low)) / 2
    low, high = low - widen, high + widen
    if quantity == "accuracy":
        low, high = max(low, 0), min(high, 1)
        axes.yaxis.set_major_formatter(percent)
    axes.set_ylim(low, high)

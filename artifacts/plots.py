"""Every picture that the kit draws, each saved as one PNG.

Matplotlib's figures are used without pyplot: it imports faster, needs no screen and keeps no
global list of open figures.
"""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import IdentityTransform
from PIL import Image

from artifacts.atomic import replacing
from artifacts.scores import wilson_interval

DPI = 150  # pixels per inch of every picture
# Blue and vermillion of M. Okabe and K. Ito's palette ("Color Universal Design", 2008): told apart by
# people with any of the common colour deficiencies. Line styles differ as well.
TRAIN, VALIDATION, INK, FAINT, PAPER = "#0072B2", "#D55E00", "#222222", "#D9D9D9", "#FFFFFF"
HALO = withStroke(linewidth=2.5, foreground=PAPER)  # keeps a number legible on a line
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # both come with matplotlib
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 13, 9, 8  # points
LINE_HEIGHT = 1.35 / 72  # inches per point of size: the distance of two lines of text
MARGIN, GAP, CAPTION_GAP = 0.25, 0.12, 0.06  # inches: around all, between pictures, above a caption
MOSAIC_IMAGES = 64  # 8 x 8 is what a screen shows without scrolling
COUNTED_CLASSES = 30  # a larger confusion matrix has no room for numbers
NAMED_CLASSES = 120  # a still larger one names every second, third, ... class


_Captioned = tuple[np.ndarray, str]


@dataclass(frozen=True)
class _Grid:
    """How pictures stand in lines: lengths in inches, `size` of the captions in points."""

    columns: int
    side: float
    size: float
    family: str = SANS
    align: str = "center"
    framed: bool = False  # whether a row's first picture stands out


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
    _save(figure, path)


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
            axes.annotate(f"{100 * accuracy:.1f} %", (epoch, accuracy), **place, **_style("", SMALL_SIZE))
    _finish_axes(axes, "epochs trained", "accuracy", epochs)
    _save(figure, path)


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
    _save_grid([pictures], _Grid(columns, side=1.3, size=SMALL_SIZE), path, title)


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
        return _save_grid([pictures], _Grid(-(-len(pictures) // lines), side=1.8, size=SMALL_SIZE), path, title)
    figure = _figure(6, 2, title)
    figure.text(0.5, 0.4, empty, ha="center", va="center", **_style(empty, TITLE_SIZE))
    return _save(figure, path)


def plot_contact_sheet(rows: Sequence[Sequence[_Captioned]], path: Path | str) -> None:
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
    _save_grid(rows, _Grid(7, side=2.0, size=SMALL_SIZE, family=MONO, align="left", framed=True), path)


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
    names = [_shortened(name, 2.2, size) for name in class_names]  # 2.2 inches: about 30 letters
    figure, axes, bar = _matrix_axes(min(cell * classes, cell * NAMED_CLASSES), names, cell, size, title)
    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.ma.masked_invalid(np.divide(confusion, totals, out=np.full(confusion.shape, np.nan), where=totals > 0))
    blues = colormaps["Blues"].with_extremes(bad=FAINT)
    # The square root brings out the few mistakes of a good network, which a straight scale leaves white.
    drawn = axes.imshow(shares, cmap=blues, norm=PowerNorm(0.5, 0, 1), interpolation="nearest", aspect="auto")
    if classes <= COUNTED_CLASSES:
        _write_counts(axes, confusion, shares, cell)
    figure.colorbar(drawn, cax=bar, ticks=[0, 0.05, 0.2, 0.5, 1], format=_percent)
    bar.set_ylabel("share of the row", **_style("", TEXT_SIZE))
    bar.tick_params(labelsize=SMALL_SIZE)
    _save(figure, path)


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure((width, height), dpi=DPI, layout="constrained", facecolor=PAPER)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)  # inches
    heading = _wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    figure.suptitle(heading, x=MARGIN / width, ha="left", **_style(heading, TITLE_SIZE))
    return figure


def _sheet(width: float, height: float, heading: str) -> Figure:
    """A figure whose parts are placed by hand, in inches, with its heading."""
    figure = Figure((width, height), dpi=DPI, facecolor=PAPER)
    figure.text(MARGIN / width, 1 - MARGIN / height, heading, va="top", **_style(heading, TITLE_SIZE))
    return figure


def _save(figure: Figure, path: Path | str) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with replacing(path) as temporary:
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(temporary, "PNG", dpi=(DPI, DPI))
    figure.clear()


def _percent(share: float, _position: int | None = None) -> str:
    return f"{100 * share:.4g} %"


def _finish_axes(axes: Axes, x_label: str, quantity: str, epochs: Sequence[int]) -> None:
    """Labels, whole epochs from 1, a sober y range, and a legend below the axes, where it hides nothing."""
    axes.set_xlabel(x_label, **_style("", TEXT_SIZE))
    axes.set_ylabel(quantity, **_style("", TEXT_SIZE))
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
        axes.legend(**below, prop=_style("", TEXT_SIZE)["fontproperties"])


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
    longest = max(_width(name, size) for name in names)
    upright = longest > 0.9 * cell
    left, right = MARGIN + 0.4 + longest, 1.25  # 0.4: "true label" and gaps; 1.25: the bar and its numbers
    bottom = MARGIN + 0.4 + (longest if upright else _height("", size))
    width = max(left + side + right, 4.0)  # 4 inches leave room for a title
    heading = _wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    height = bottom + side + 2 * MARGIN + _height(heading, TITLE_SIZE)
    figure = _sheet(width, height, heading)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    tall = min(side, 4.0)
    middle = bottom + (side - tall) / 2
    bar = figure.add_axes(((left + side + 0.25) / width, middle / height, 0.18 / width, tall / height))
    places = range(0, len(names), -(-len(names) // NAMED_CLASSES))
    style = _style("".join(names), size)
    axes.set_yticks(places, [names[place] for place in places], **style)
    axes.set_xticks(places, [names[place] for place in places], rotation=90 if upright else 0, **style)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.text(
        MARGIN / width, (bottom + side / 2) / height, "true label", rotation=90, va="center", **_style("", TEXT_SIZE)
    )
    figure.text((left + side / 2) / width, MARGIN / height, "predicted class", ha="center", **_style("", TEXT_SIZE))
    return figure, axes, bar


def _write_counts(axes: Axes, confusion: np.ndarray, shares: np.ma.MaskedArray, cell: float) -> None:
    digits = len(str(confusion.max()))
    size = min(11.0, cell * 72 * 0.45, cell * 72 * 0.85 / (0.64 * digits))  # a digit is 0.64 of the size wide
    for (row, column), count in np.ndenumerate(confusion):
        colour = PAPER if shares.filled(0)[row, column] > 0.3 else INK  # 0.3: where Blues is half-way to dark
        axes.text(column, row, str(count), ha="center", va="center", **{**_style("", size), "color": colour})


def _save_grid(rows: Sequence[Sequence[_Captioned]], grid: _Grid, path: Path | str, title: str = "") -> None:
    """Draw rows of captioned images; every height follows from its captions, so that none is cut."""
    columns = min(grid.columns, max(map(len, rows)))
    width = max(2 * MARGIN + columns * (grid.side + GAP) - GAP, 5.0)  # 5 inches leave room for a title
    heading = _wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    y = MARGIN + (_height(heading, TITLE_SIZE) + GAP if title else 0)  # inches from the top
    cells = []
    for row in filter(len, rows):
        for start in range(0, len(row), columns):
            line = [(_fitted(image, grid.side), _caption(text, grid)) for image, text in row[start : start + columns]]
            y += max(picture.height for picture, _ in line) / DPI
            cells += [(picture, text, column, y, start + column) for column, (picture, text) in enumerate(line)]
            y += CAPTION_GAP + max(_height(text, grid.size) for _, text in line) + GAP
        y += GAP
    figure = _sheet(width, y, heading)
    for picture, text, column, bottom, place in cells:
        left = MARGIN + column * (grid.side + GAP)
        _draw_cell(figure, picture, text, left, bottom, grid, framed=grid.framed and place == 0)
    _save(figure, path)


def _draw_cell(
    figure: Figure, picture: Image.Image, text: str, left: float, bottom: float, grid: _Grid, framed: bool
) -> None:
    """A picture on the line `bottom`, its caption below; inches from the top left corner of the figure."""
    width, height = figure.get_size_inches()
    x = round((left + (grid.side - picture.width / DPI) / 2) * DPI)  # whole pixels, or it would be blurred
    y = round((height - bottom) * DPI)
    figure.figimage(np.asarray(picture), x, y)
    if framed:
        corner, size = (x - 4, y - 4), (picture.width + 8, picture.height + 8)  # pixels: clear of the picture
        place = {"transform": IdentityTransform(), "clip_on": False}
        figure.add_artist(Rectangle(corner, *size, fill=False, color=TRAIN, linewidth=2, **place))
    start = (left if grid.align == "left" else left + grid.side / 2) / width
    style = _style(text, grid.size, grid.family)
    # Line by line, by the base line: by its top a caption with an accent stands lower than its neighbours.
    for number, line in enumerate(text.split("\n")):
        base = bottom + CAPTION_GAP + grid.size / 72 + number * grid.size * LINE_HEIGHT
        figure.text(start, 1 - base / height, line, ha=grid.align, va="baseline", **style)


def _fitted(image: np.ndarray, side: float) -> Image.Image:
    """A uint8 array (height, width, 1 or 3) as RGB, as large as a square of `side` inches allows."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"an image must be uint8 (height, width, 1 or 3), got {image.dtype} {image.shape}")
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    scale = side * DPI / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    # A tiny image stays honest blocks; LANCZOS would make up smooth shapes.
    return picture.resize(size, Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS)


def _caption(text: str, grid: _Grid) -> str:
    return _wrapped(text, grid.side, grid.size, grid.family)


def _style(text: str, size: float, family: str = SANS) -> dict[str, Any]:
    """Text properties: fonts that have all its letters, and no formulas between dollar signs."""
    families = dict.fromkeys([family, SANS, *filter(None, (_family_of(letter) for letter in sorted(set(text))))])
    return {"fontproperties": FontProperties(family=list(families), size=size), "parse_math": False, "color": INK}


def _width(text: str, size: float, family: str = SANS) -> float:
    """Inches that one line of text takes."""
    font = _style(text, size, family)["fontproperties"]
    return _measuring().get_text_width_height_descent(text, font, False)[0] / DPI


def _height(text: str, size: float) -> float:
    return len(text.split("\n")) * size * LINE_HEIGHT


@lru_cache
def _measuring() -> RendererAgg:
    return RendererAgg(1, 1, DPI)


def _wrapped(text: str, inches: float, size: float, family: str = SANS) -> str:
    """The text in lines no wider than `inches`; of a paragraph of more than 6 lines the end and the start."""
    lines = []
    for paragraph in _legible(text).replace(" %", "\u00a0%").split("\n"):
        parts, letters = [paragraph], min(len(paragraph), int(inches * 72 / size * 4)) + 1
        while letters > 1 and max(_width(part, size, family) for part in parts) > inches:
            letters -= 1
            parts = textwrap.wrap(paragraph, letters)
        lines += parts if len(parts) <= 6 else [*parts[:3], "…", *parts[-2:]]
    return "\n".join(lines)


def _shortened(text: str, inches: float, size: float) -> str:
    """The text in one line no wider than `inches`: the middle gives way, since names differ at their ends."""
    text = " ".join(_legible(text).split())
    short, kept = text, len(text)
    while kept > 2 and _width(short, size) > inches:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return short


def _legible(text: str) -> str:
    """The text with every letter that no installed font has as its code, such as \\u732b: still told apart."""
    letters = []
    for letter in unicodedata.normalize("NFC", text):
        if letter == "\n" or _family_of(letter):
            letters.append(letter)
        elif unicodedata.category(letter) not in ("Cf", "Mn"):  # joiners and selectors show nothing anyway
            letters.append(letter.encode("unicode_escape").decode("ascii"))
    return "".join(letters)


@lru_cache(maxsize=4096)
def _family_of(letter: str) -> str | None:
    """The first font family that has a letter; None for control characters and if there is none."""
    if unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn"):
        return None
    return next((family for family in _families() if ord(letter) in _letters(family)), None)


@lru_cache
def _families() -> tuple[str, ...]:
    """All installed families, matplotlib's own first; without those that draw other signs or boxes for letters."""
    odd = ("cm", "STIXNonUnicode", "STIXSize", "Last Resort")
    return (SANS, *sorted(name for name in _font_files() if name != SANS and not name.startswith(odd)))


@lru_cache
def _font_files() -> dict[str, str]:
    """Of every family the upright font of normal weight (400), if it has one."""
    return {font.name: font.fname for font in fontManager.ttflist if font.weight == 400 and font.style == "normal"}


@lru_cache(maxsize=1024)
def _letters(family: str) -> frozenset[int]:
    try:
        font = get_font(_font_files()[family])
    except (OSError, RuntimeError):  # a font file that is gone or damaged
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()  # colour emoji are bitmaps

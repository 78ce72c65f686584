"""Captioned pictures in lines on one sheet, and how a sheet is made and saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import IdentityTransform
from PIL import Image

from image_kit.files import replacing
from image_kit.pictures.lettering import DPI, LINE_HEIGHT, PAPER, SANS, TITLE_SIZE, text_height, text_style, wrapped

MARGIN, GAP, CAPTION_GAP = 0.25, 0.12, 0.06  # inches: around all, between pictures, above a caption

Captioned = tuple[np.ndarray, str]  # uint8 (height, width, 1 or 3), 0..255, and what stands below it


@dataclass(frozen=True)
class Grid:
    """How pictures stand in lines: lengths in inches, `size` of the captions in points."""

    columns: int
    side: float
    size: float
    family: str = SANS
    align: str = "center"
    frame: str | None = None  # the colour around a row's first picture


def save_grid(rows: Sequence[Sequence[Captioned]], grid: Grid, path: Path | str, title: str = "") -> None:
    """Draw rows of captioned images; every height follows from its captions, so that none is cut.

    Args:
        rows: at least one image in all; a row goes on in further lines where it is longer than one.
        grid: how they stand.
        path: the PNG to write.
        title: above them.

    Raises:
        ValueError: an array of another kind, or a picture higher than 65535 pixels.
    """
    columns = min(grid.columns, max(map(len, rows)))
    width = max(2 * MARGIN + columns * (grid.side + GAP) - GAP, 5.0)  # 5 inches leave room for a title
    heading = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    y = MARGIN + (text_height(heading, TITLE_SIZE) + GAP if title else 0)  # inches from the top
    cells = []
    for row in filter(len, rows):
        for start in range(0, len(row), columns):
            line = [(_fitted(image, grid.side), _caption(text, grid)) for image, text in row[start : start + columns]]
            y += max(picture.height for picture, _ in line) / DPI
            cells += [(picture, text, column, y, start + column) for column, (picture, text) in enumerate(line)]
            y += CAPTION_GAP + max(text_height(text, grid.size) for _, text in line) + GAP
        y += GAP
    figure = new_sheet(width, y, heading)
    for picture, text, column, bottom, place in cells:
        left = MARGIN + column * (grid.side + GAP)
        _draw_cell(figure, picture, text, left, bottom, grid, grid.frame if place == 0 else None)
    save_figure(figure, path)


def new_sheet(width: float, height: float, heading: str) -> Figure:
    """A figure whose parts are placed by hand, in inches, with its heading, already wrapped."""
    figure = Figure((width, height), dpi=DPI, facecolor=PAPER)
    figure.text(MARGIN / width, 1 - MARGIN / height, heading, va="top", **text_style(heading, TITLE_SIZE))
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as an RGB PNG, whole or not at all, and clear it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    with replacing(path) as temporary:
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(temporary, "PNG", dpi=(DPI, DPI))
    figure.clear()


def _draw_cell(
    figure: Figure, picture: Image.Image, text: str, left: float, bottom: float, grid: Grid, frame: str | None
) -> None:
    """A picture on the line `bottom`, its caption below; inches from the top left corner of the figure."""
    width, height = figure.get_size_inches()
    x = round((left + (grid.side - picture.width / DPI) / 2) * DPI)  # whole pixels, or it would be blurred
    y = round((height - bottom) * DPI)
    figure.figimage(np.asarray(picture), x, y)
    if frame:
        corner, size = (x - 4, y - 4), (picture.width + 8, picture.height + 8)  # pixels: clear of the picture
        place = {"transform": IdentityTransform(), "clip_on": False}
        figure.add_artist(Rectangle(corner, *size, fill=False, color=frame, linewidth=2, **place))
    start = (left if grid.align == "left" else left + grid.side / 2) / width
    style = text_style(text, grid.size, grid.family)
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


def _caption(text: str, grid: Grid) -> str:
    return wrapped(text, grid.side, grid.size, grid.family)

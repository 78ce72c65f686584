"""A grid of images with captions as one PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import IdentityTransform
from PIL import Image

from image_kit.pictures.figure import MARGIN, in_own_style, new_figure, save_figure
from image_kit.pictures.lettering import DPI, LINE_HEIGHT, SANS, TITLE_SIZE, text_height, text_style, wrapped

GAP, CAPTION_GAP = 0.12, 0.06  # inches: between images, above a caption

Captioned = tuple[np.ndarray, str]  # uint8 (height, width, 1 or 3), 0..255, and the caption


@dataclass(frozen=True)
class Grid:
    """How images are laid out.

    Attributes:
        columns: the most images in a line.
        side: the longer side of an image, in inches.
        size: the font size of the captions, in points.
        family: the font family of the captions.
        align: of the captions, "left" or "center".
        frame: the colour of a frame around the first image of each row; None for no frame.
    """

    columns: int
    side: float
    size: float
    family: str = SANS
    align: Literal["left", "center"] = "center"
    frame: str | None = None


@dataclass(frozen=True)
class Cell:
    """One image in a grid: lengths in inches from the top left corner of the figure."""

    picture: Image.Image
    caption: str
    left: float
    bottom: float
    frame: str | None


@in_own_style
def save_grid(rows: Sequence[Sequence[Captioned]], grid: Grid, path: Path | str, title: str = "") -> None:
    """Draw rows of images with captions. Heights follow from the captions, so that none is cut off.

    Args:
        rows: at least one image in all; a row that is longer than one line continues in further lines.
        grid: the layout.
        path: the PNG to write.
        title: above the images.

    Raises:
        ValueError: an array of another kind, or a picture of more than 65535 pixels in height.
        OSError: the file cannot be written.
    """
    columns = min(grid.columns, max(map(len, rows)))
    width = max(2 * MARGIN + columns * (grid.side + GAP) - GAP, 5.0)  # 5 inches leave room for a title
    heading = wrapped(title, width - 2 * MARGIN, TITLE_SIZE)
    cells, height = _lay_out(rows, grid, columns, MARGIN + (text_height(heading, TITLE_SIZE) + GAP if title else 0))
    figure = new_figure(width, height, heading)
    for cell in cells:
        _draw_cell(figure, cell, grid)
    save_figure(figure, path)


def _lay_out(rows: Sequence[Sequence[Captioned]], grid: Grid, columns: int, top: float) -> tuple[list[Cell], float]:
    """All images in their places below `top`, and the height of the figure, in inches."""
    cells = []
    y = top
    for row in filter(len, rows):
        for start in range(0, len(row), columns):
            line = [
                (_resized(image, grid.side), wrapped(caption, grid.side, grid.size, grid.family))
                for image, caption in row[start : start + columns]
            ]
            y += max(picture.height for picture, _ in line) / DPI
            for column, (picture, caption) in enumerate(line):
                frame = grid.frame if start + column == 0 else None
                cells.append(Cell(picture, caption, MARGIN + column * (grid.side + GAP), y, frame))
            y += CAPTION_GAP + max(text_height(caption, grid.size) for _, caption in line) + GAP
        y += GAP
    return cells, y


def _draw_cell(figure: Figure, cell: Cell, grid: Grid) -> None:
    width, height = figure.get_size_inches()
    picture = cell.picture
    x = round((cell.left + (grid.side - picture.width / DPI) / 2) * DPI)  # whole pixels, or it would be blurred
    y = round((height - cell.bottom) * DPI)
    figure.figimage(np.asarray(picture), x, y)
    if cell.frame:
        corner, size = (x - 4, y - 4), (picture.width + 8, picture.height + 8)  # 4 pixels away from the image
        frame = Rectangle(corner, *size, fill=False, color=cell.frame, linewidth=2, clip_on=False)
        frame.set_transform(IdentityTransform())
        figure.add_artist(frame)
    start = (cell.left if grid.align == "left" else cell.left + grid.side / 2) / width
    style = text_style(cell.caption, grid.size, grid.family)
    # Each line is placed by its base line. Placed by its top, a caption with an accent would be lower than the others.
    for number, line in enumerate(cell.caption.split("\n")):
        base = cell.bottom + CAPTION_GAP + grid.size / 72 + number * grid.size * LINE_HEIGHT
        figure.text(start, 1 - base / height, line, ha=grid.align, va="baseline", **style)


def _resized(image: np.ndarray, side: float) -> Image.Image:
    """A uint8 array (height, width, 1 or 3) as RGB, its longer side `side` inches long."""
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"an image must be uint8 (height, width, 1 or 3), got {image.dtype} {image.shape}")
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    scale = side * DPI / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    # The pixels of a tiny image stay visible as squares; LANCZOS would invent smooth shapes.
    return picture.resize((width, height), Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.LANCZOS)

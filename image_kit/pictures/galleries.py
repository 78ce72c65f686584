"""Pictures that show images with captions: training batches, mistakes, augmented photos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from image_kit.pictures.figure import TRAIN, in_own_style, new_plot, save_figure
from image_kit.pictures.lettering import MONO, SMALL_SIZE, TITLE_SIZE, text_style
from image_kit.pictures.picture_grid import Captioned, Grid, save_grid

MOSAIC_IMAGES = 64  # 8 x 8 fit a screen without scrolling


def plot_mosaic(images: np.ndarray, names: Sequence[str], path: Path | str, title: str) -> None:
    """Draw the first images of a training batch, each with its class name below.

    Args:
        images: uint8 (n, height, width, 1 or 3), 0..255; only the first MOSAIC_IMAGES are drawn.
        names: n class names.
        path: the PNG to write.
        title: above the images.

    Raises:
        ValueError: no images, another number of names, or an array of another kind.
    """
    pictures = list(zip(images, names, strict=True))[:MOSAIC_IMAGES]
    if not pictures:
        raise ValueError("there are no images to draw")
    columns = int(np.ceil(np.sqrt(len(pictures))))
    save_grid([pictures], Grid(columns, side=1.3, size=SMALL_SIZE), path, title)


@in_own_style
def plot_gallery(
    images: Sequence[np.ndarray], captions: Sequence[str], path: Path | str, title: str, empty: str = "No mistakes."
) -> None:
    """Draw images of any sizes, each with a caption.

    Args:
        images: uint8 (height, width, 1 or 3) each, 0..255.
        captions: one per image, such as "is cars, answered elephants 99%".
        path: the PNG to write.
        title: above the images.
        empty: the sentence to write if there are no images.

    Raises:
        ValueError: another number of captions, or an array of another kind.
    """
    pictures = list(zip(images, captions, strict=True))
    if pictures:
        lines = -(-len(pictures) // 6)  # at most 6 images in a line, and lines of about equal length
        save_grid([pictures], Grid(-(-len(pictures) // lines), side=1.8, size=SMALL_SIZE), path, title)
        return
    figure = new_plot(6, 2, title)
    figure.text(0.5, 0.4, empty, ha="center", va="center", **text_style(empty, TITLE_SIZE))
    save_figure(figure, path)


def plot_contact_sheet(rows: Sequence[Sequence[Captioned]], path: Path | str) -> None:
    """Draw variants of photos, one row per photo; a long row continues in further lines of 7.

    Args:
        rows: for each photo (image, caption) pairs, first the original, which gets a frame. Images are uint8
            (height, width, 1 or 3), 0..255; captions may have several lines.
        path: the PNG to write.

    Raises:
        ValueError: no images, an array of another kind, or a picture of more than 65535 pixels in height (about 50 rows
            of 21 images).
    """
    if not any(rows):
        raise ValueError("there are no images to draw")
    # At 2 inches, an image of 300 x 300 pixels, as in the tutorial, is drawn pixel by pixel.
    save_grid(rows, Grid(7, side=2.0, size=SMALL_SIZE, family=MONO, align="left", frame=TRAIN), path)

"""Photos with their answers, and heat maps of where the network looked, as one picture."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from image_kit.answering import Answer
from image_kit.photos import FULL_BITS, PhotoError, PhotoSource, open_photo
from image_kit.pictures.lettering import SMALL_SIZE
from image_kit.pictures.picture_grid import Captioned, Grid, save_grid

SHOWN = 24  # photos; more would be too small to see
CLASSES = 3  # in each caption
SIDE = 2.2  # inches
PIXELS = 600  # the longer side of a photo in the picture is at most this
MAP_OPACITY = 0.55  # of the heat map over the photo, 0..1


class AnswerSheet:
    """Collects the first SHOWN answers, whatever their number, and draws them.

    Attributes:
        shown: images, uint8 (height, width, 1 or 3), with their captions.
        photos: how many photos they show.
        left_out: how many more photos there were.
    """

    def __init__(self, explain: Callable[[np.ndarray, str], np.ndarray] | None = None, sample_bits: int = FULL_BITS):
        """Start an empty picture.

        Args:
            explain: returns the heat map of an image for a label, see `HeatMaps`; None for no heat maps.
            sample_bits: see `open_photo`.
        """
        self.explain, self.sample_bits = explain, sample_bits
        self.shown: list[Captioned] = []
        self.photos = self.left_out = 0

    def add(self, source: PhotoSource, answer: Answer, image: np.ndarray) -> None:
        """Add one photo.

        Args:
            source: the photo.
            answer: without an error.
            image: what the network saw, uint8 (height, width, 1 or 3).
        """
        if self.photos == SHOWN:
            self.left_out += 1
            return
        self.photos += 1
        picture = _open_picture(source, image, self.sample_bits)
        self.shown.append((picture, _caption(answer)))
        if self.explain and answer.label is not None:
            heat_map = self.explain(image, answer.label)
            self.shown.append((overlay(picture, heat_map), f"evidence for {answer.label}"))

    def save(self, path: Path) -> None:
        """Write the PNG."""
        save_grid([self.shown], Grid(columns=4, side=SIDE, size=SMALL_SIZE), path, "Answers")

    def sentence(self, path: Path) -> str:
        """What tells the user where the PNG is."""
        return f"Picture: {path}" + (f" (of the first {SHOWN} photos)" if self.left_out else "")


def _open_picture(source: PhotoSource, image: np.ndarray, sample_bits: int) -> np.ndarray:
    """The photo in more detail than the network saw it."""
    if isinstance(source.content, np.ndarray):
        return source.content
    if source.content is None:
        return image
    try:
        photo = open_photo(source.content, PIXELS, sample_bits)
    except PhotoError:  # deleted since it was answered
        return image
    photo.thumbnail((PIXELS, PIXELS))
    return np.asarray(photo)


def _caption(answer: Answer) -> str:
    best = list(answer.probabilities.items())[:CLASSES]
    heading = ": ".join(filter(None, [Path(answer.path).name, answer.sentence()]))
    return "\n".join([heading, *(f"{label} {value:.1%}" for label, value in best)])


def overlay(picture: np.ndarray, heat_map: np.ndarray) -> np.ndarray:
    """Lay a heat map over an image; it is dark where nothing is evidence for the class.

    Args:
        picture: uint8 (height, width, 1 or 3).
        heat_map: float (rows, columns), 0..1; enlarged to the image.

    Returns:
        uint8 (height, width, 3).
    """
    height, width = picture.shape[:2]
    heat = Image.fromarray(heat_map.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    colours = matplotlib.colormaps["inferno"](np.asarray(heat))[..., :3] * 255
    return np.rint((1 - MAP_OPACITY) * picture + MAP_OPACITY * colours).astype(np.uint8)

"""Photos with their answers drawn below, and where the network looked, as one picture."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from image_kit.answering import Answer
from image_kit.photos import PhotoError, PhotoSource, open_photo
from image_kit.pictures.lettering import SMALL_SIZE
from image_kit.pictures.picture_grid import Grid, save_grid

SHOWN = 24  # photos on a sheet; more are too small to be seen at once
TOP = 3  # classes below each photo
SIDE = 2.2  # inches
PIXELS = 600  # that a photo's sides have at least after a quick decoding, if they had them before
MAP_STRENGTH = 0.55  # of the heat map over the photo, 0..1


class AnswerSheet:
    """Collects the first SHOWN answers, whatever their number, and draws them.

    Attributes:
        shown: pictures, uint8 (height, width, 1 or 3), each with what stands below it.
        photos: how many photos they are of.
        left_out: how many more there were.
    """

    def __init__(self, explain: Callable[[np.ndarray, str], np.ndarray] | None = None):
        """`explain` gives an image's heat map for a label, see `explain.HeatMaps`; None for none."""
        self.explain = explain
        self.shown: list[tuple[np.ndarray, str]] = []
        self.photos = self.left_out = 0

    def add(self, source: PhotoSource, answer: Answer, image: np.ndarray) -> None:
        """Keep one photo; `answer` is without an error, `image` what the network saw."""
        if self.photos == SHOWN:
            self.left_out += 1
            return
        self.photos += 1
        picture = _picture(source, image)
        self.shown.append((picture, _caption(answer)))
        if self.explain:
            self.shown.append((overlay(picture, self.explain(image, answer.label)), f"what speaks for {answer.label}"))

    def save(self, path: Path) -> str:
        """Write the PNG; returns a sentence for the user."""
        save_grid([self.shown], Grid(columns=4, side=SIDE, size=SMALL_SIZE), path, "Answers")
        return f"Picture: {path}" + (f" (of the first {SHOWN} photos)" if self.left_out else "")


def _picture(source: PhotoSource, image: np.ndarray) -> np.ndarray:
    if isinstance(source.content, np.ndarray):
        return source.content
    try:
        photo = open_photo(source.content, smallest=PIXELS)
    except PhotoError:  # gone since it was answered
        return image
    photo.thumbnail((PIXELS, PIXELS))
    return np.asarray(photo)


def _caption(answer: Answer) -> str:
    best = list(answer.probabilities.items())[:TOP]
    heading = ": ".join(filter(None, [Path(answer.path).name, answer.sentence()]))
    return "\n".join([heading, *(f"{label} {value:.1%}" for label, value in best)])


def overlay(picture: np.ndarray, heat_map: np.ndarray) -> np.ndarray:
    """A heat map stretched over a uint8 picture (height, width, 1 or 3): dark where nothing speaks for the class."""
    height, width = picture.shape[:2]
    heat = Image.fromarray(heat_map.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    colours = matplotlib.colormaps["inferno"](np.asarray(heat))[..., :3] * 255
    return np.rint((1 - MAP_STRENGTH) * picture + MAP_STRENGTH * colours).astype(np.uint8)

"""Small pictures inside a page, within a budget."""

import base64
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from image_kit.photos import FULL_BITS, PhotoError, open_photo

SIDE = 120  # pixels of the longer side: sharp at the 96 CSS pixels that a page shows, and 3 kB as a JPEG
QUALITY = 72  # of the JPEG
# 120 photos of 500 pixels take .1 s to decode; camera photos some ten times as long.
MOST = 120
THREADS = 2  # Pillow decodes outside Python's lock; more threads would take the cores of other programs


@dataclass(frozen=True, eq=False)
class Photo:
    """An image that a page may show.

    Attributes:
        name: tells it apart from all others of the page, and is shown: a path, or the number of an image.
        source: a file, or uint8 (height, width, 1 or 3), 0..255.
        sample_bits: of a file, see `open_photo`.
    """

    name: str
    source: Path | np.ndarray
    sample_bits: int = FULL_BITS


@dataclass(frozen=True)
class Thumbnail:
    """A decoded photo: a data URI of a JPEG with its size in pixels."""

    uri: str
    width: int
    height: int


class Thumbnails:
    """The thumbnails of a page.

    Attributes:
        left_out: how many photos there was no room for.
        unreadable: how many could not be decoded, such as photos that have moved since.
    """

    def __init__(self, photos: Iterable[Photo], most_bytes: int):
        """Decode photos.

        Args:
            photos: the most important first; a photo may come several times, and counts once for each.
            most_bytes: of all data URIs together.
        """
        photos = list(photos)
        distinct = list({photo.name: photo for photo in photos}.values())
        uses: dict[str, int] = {}
        for photo in photos:
            uses[photo.name] = uses.get(photo.name, 0) + 1
        with ThreadPoolExecutor(THREADS) as pool:
            made = list(pool.map(_try_to_make, distinct[:MOST]))
        self.unreadable = sum(each is None for each in made)
        self._found: dict[str, Thumbnail] = {}
        for photo, each in zip(distinct, made, strict=False):
            if each is None:
                continue
            most_bytes -= uses[photo.name] * len(each.uri)
            if most_bytes < 0:
                break
            self._found[photo.name] = each
        self.left_out = len(distinct) - self.unreadable - len(self._found)

    def __call__(self, photo: Photo) -> Thumbnail | None:
        """The thumbnail of a photo; None if there is none."""
        return self._found.get(photo.name)


def _try_to_make(photo: Photo) -> Thumbnail | None:
    try:
        return make_thumbnail(photo.source, photo.sample_bits)
    except PhotoError:
        return None


def make_thumbnail(source: Path | np.ndarray, sample_bits: int = FULL_BITS) -> Thumbnail:
    """A thumbnail, upright as a viewer shows the photo.

    Args:
        source, sample_bits: see `Photo`.

    Raises:
        PhotoError: see `open_photo`.
    """
    if isinstance(source, np.ndarray):
        pixels = source[..., 0] if source.shape[-1] == 1 else source
        image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    else:
        image = open_photo(source, SIDE, sample_bits)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=QUALITY)
    uri = "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")
    return Thumbnail(uri, image.width, image.height)

"""Golden pictures: tiny files in the page that it must read and answer as predict.py does, or it answers nothing.

They are drawn from a seed, so that nobody's photo is in the page. Each has 8x8 cells of random colours.
"""

import io
import zlib
from typing import Any

import numpy as np
from PIL import Image

from image_kit.answering import Classifier
from image_kit.exports.page_data_weights import Block

SIDE, SEED = 8, 0
JPEG_TOLERANCE = 0.1  # of a probability: decoders differ by a level or two, and pictures of noise leave networks unsure


def write_golden(classifier: Classifier, block: Block) -> list[dict[str, Any]]:
    """Append the pictures to the block; returns their entries, with what predict.py's classifier answers."""
    return [_golden(classifier, block, *each) for each in golden_pictures(classifier.preprocessing.image_shape)]


def golden_pictures(image_shape: tuple[int, int, int]) -> list[tuple[bytes, bool]]:
    """The files, and whether decoders agree on all their pixels.

    They are larger than the network's input, so that they are resized. The first is transparent in part. The last is a
    JPEG that EXIF turns, so large that it is decoded at half its size.
    """
    height, width, _ = image_shape
    random = np.random.default_rng(SEED)
    cells = random.integers(0, 256, (3, SIDE, SIDE, 4), np.uint8)
    cells[1, ..., 3] = 255
    sizes = [(width + 5, 2 * height), (width * 3 // 2, height + 1)]
    files = [
        (_save(Image.fromarray(each).resize(size, Image.Resampling.NEAREST), "PNG", optimize=True), True)
        for each, size in zip(cells[:2], sizes, strict=True)
    ]
    smallest = 2 * max(height, width)
    turned = Image.fromarray(cells[2, ..., :3]).resize((smallest + 40, smallest + 16), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned by 90 degrees clockwise
    return [*files, (_save(turned, "JPEG", quality=60, optimize=True, exif=exif), False)]


def _save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _golden(classifier: Classifier, block: Block, file: bytes, is_exact: bool) -> dict[str, Any]:
    pixels = classifier.preprocessing.photo(file)
    return {
        "file": block.add_bytes(file),
        "adler32": zlib.adler32(pixels.tobytes()) if is_exact else None,
        "probabilities": classifier.probabilities(pixels[None])[0].tolist(),
        "tolerance": JPEG_TOLERANCE,
    }

"""Golden pictures: tiny files in the page that it must read and answer as the kit does, or it answers nothing.

A browser may add noise to what it lets a page read, or turn or scale pictures in a way of its own. The expected pixels
are predict.py's; the expected answers are LiteRT's with the page's own weights, so that only errors of the browser
count. How much the rounding of the weights changes answers is for the export's proof, on photos.

They are drawn from a seed, so that nobody's photo is in the page. Each has 8x8 cells of random colours.
"""

import io
import zlib
from typing import Any

import numpy as np
from PIL import Image

from image_kit.answering import LiteNetwork
from image_kit.exports.page_data_weights import Block
from image_kit.exports.source import Source
from image_kit.trust import to_probabilities, with_temperature

SIDE, SEED = 8, 0
TOLERANCE = 1e-3  # of a probability; the order of sums changes them by 1e-5
JPEG_TOLERANCE = 0.1  # of a probability: decoders differ by a level or two, and pictures of noise leave networks unsure


def write_golden(source: Source, network: LiteNetwork, block: Block) -> list[dict[str, Any]]:
    """Append the pictures to the block.

    Args:
        source: what is exported.
        network: with the weights that the block stands for.
        block: takes the files.

    Returns:
        The pictures' entries, with what the page must read and answer.
    """
    preprocessing = source.description.preprocessing
    entries = []
    for file, is_exact in golden_pictures(preprocessing.image_shape):
        pixels = preprocessing.photo(file)
        probabilities = to_probabilities(network.run(pixels[None])[0], source.head)
        if source.trust:
            probabilities = with_temperature(probabilities, source.trust.calibration.temperature)
        answer = {"probabilities": probabilities[0].tolist(), "tolerance": TOLERANCE if is_exact else JPEG_TOLERANCE}
        checksum = zlib.adler32(pixels.tobytes()) if is_exact else None
        entries.append({"file": block.add_bytes(file), "adler32": checksum, **answer})
    return entries


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

"""All that the one-file classifier's page must know of a trained network, as one compressed block of bytes.

The block is zlib's deflate of: the header's length, uint32; the header, JSON; arrays, at multiples of 4. engine.js
reads it. What the page answers must be what predict.py answers; page_data_golden.py lets it check that itself.
"""

import json
import math
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import PIL

from image_kit.answering import IMAGE, LiteNetwork, fold
from image_kit.exports.page_data_golden import write_golden
from image_kit.exports.page_data_layers import write_graph, write_layers
from image_kit.exports.page_data_weights import BITS, LARGE, Block
from image_kit.exports.source import Source
from image_kit.trust import COVERAGE, Calibration

TEMPLATES = files("image_kit.exports") / "templates"
ENGINE = ("engine.js", "engine_network.js", "engine_photo.js", "engine_trust.js")
KERNELS = "kernels.wasm"
HEIGHT_FIRST = 13  # Pillow's version that resizes the height first in some pictures (its pull request 9549)
# log2 of the steps of the weights, see Block. With more, no probability changes by 1e-4; with less, some by 1e-2.
LEAST_BITS, MOST_BITS = 9, 12
# A page may have 1.6 bytes for each byte of the weights as float16, and a pretrained network's 8 MB in all. The page
# writes the block as base64, and has 50 kB of code and design.
PER_WEIGHT, MAX_PAGE, PRETRAINED, CODE = 2 * 1.6, 8_000_000, 5_000_000, 60_000


def engine_text() -> str:
    """The JavaScript of the page's worker, without comments and indentation."""
    text = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ENGINE)
    return re.sub(r"^\s*//.*\n|^\s+|\s+//\s.*$", "", text, flags=re.MULTILINE)


def pack_page_data(source: Source) -> bytes:
    """The block that the page's worker gets in its message "load".

    Raises:
        Unsupported: a layer that the engine does not know; the message names it.
        ValueError: as `flatbuffer`.
    """
    sizes = [array.size for layer in source.weights for array in layer]
    most = bytes_allowed(sum(sizes))
    bits = max(LEAST_BITS, min(MOST_BITS, bits_that_fit(sizes, most)))
    while len(packed := _pack(source, 2**bits)) > most and bits > LEAST_BITS:
        # A little more than in proportion, since layers with the finest steps do not shrink.
        bits = max(LEAST_BITS, bits - 1.1 * (len(packed) - most) * 8 / sum(sizes) - 0.01)
    return packed


def bytes_allowed(weights: int) -> int:
    """How many bytes of `pack_page_data` fit into a page for so many weights."""
    page = weights * PER_WEIGHT if weights > PRETRAINED else min(MAX_PAGE, weights * PER_WEIGHT)
    return int((page - CODE) * 3 / 4)


def bits_that_fit(sizes: Sequence[int], most: int) -> float:
    """About log2 of the steps with which weights take `most` bytes: `Block` gives each layer its own."""
    total = sum(sizes)
    others = sum(size * (math.log2(LARGE / size) / 2 + BITS) for size in sizes if size)
    return (8 * most - others) / max(1, total)


def _pack(source: Source, steps: float) -> bytes:
    block, preprocessing = Block(steps), source.description.preprocessing
    folded = fold(source.network, source.weights, -1)
    layers, outputs = write_layers(folded, preprocessing.image_shape, block)
    graph, tensors = write_graph(folded, preprocessing.image_shape)
    flatbuffer = graph.to_bytes({"images": tensors[IMAGE]}, {"output": tensors[folded.output]})
    with LiteNetwork(flatbuffer, preprocessing.rescale) as network:
        golden = write_golden(source, network, block)
    calibration = source.trust and source.trust.calibration
    header = {
        "class_names": source.description.class_names,
        "head": source.head,
        "preprocessing": {
            "shape": preprocessing.image_shape,
            "rescale": preprocessing.rescale,
            "crop": preprocessing.crop,
            "resizes_height_first": int(PIL.__version__.split(".")[0]) >= HEIGHT_FIRST,
        },
        "layers": layers,
        "outputs": outputs,
        "trust": calibration and _write_trust(calibration, block),
        "facts": {"coverage": COVERAGE if calibration and calibration.can_answer(COVERAGE) else None},
        "golden": golden,
        "kernels": block.add_bytes((TEMPLATES / KERNELS).read_bytes()),
    }
    return compress(header, block.data)


def compress(header: dict[str, Any], data: Iterable[int]) -> bytes:
    """The block of a header and its arrays."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    start = struct.pack("<I", len(text)) + text
    # Weights are noise, in which nothing repeats: without a search for that, deflate takes a tenth of the time, and its
    # small blocks, each with a code of its own, take 3 % less.
    deflate = zlib.compressobj(level=6, memLevel=6, strategy=zlib.Z_RLE)
    return deflate.compress(start + bytes(-len(start) % 4) + bytes(data)) + deflate.flush()


def _write_trust(calibration: Calibration, block: Block) -> dict[str, Any]:
    """What engine_trust.js needs; JSON has no infinity, so a threshold that nothing exceeds is None."""
    nonconformity, novelty = (None if math.isinf(each) else each for each in calibration.thresholds(COVERAGE))
    arrays = {name: array.astype("float32") for name, array in vars(calibration.novelty).items()}
    return {
        "temperature": calibration.temperature,
        "most_nonconformity": nonconformity,
        "most_novelty": novelty,
        "novelty": {name: block.add_coarse(array) for name, array in arrays.items()},
    }

"""All that the one-file classifier's page must know of a trained network, as one compressed block of bytes.

The block is zlib's deflate of: the header's length, uint32; the header, JSON; arrays, at multiples of 4. engine.js reads
it. What the page answers must be what predict.py answers; page_data_golden.py lets it check that itself.
"""

import json
import math
import struct
import zlib
from importlib.resources import files
from typing import Any

import PIL

from image_kit.answering import fold, load_classifier
from image_kit.exports.page_data_golden import write_golden
from image_kit.exports.page_data_layers import write_layers
from image_kit.exports.page_data_weights import Block
from image_kit.exports.source import Source
from image_kit.trust import COVERAGE, Calibration

TEMPLATES = files("image_kit.exports") / "templates"
ENGINE = ("engine.js", "engine_network.js", "engine_photo.js", "engine_trust.js")
KERNELS = "kernels.wasm"
HEIGHT_FIRST = 13  # Pillow's version that resizes the height first in some pictures (its pull request 9549)


def engine_text() -> str:
    """The JavaScript of the page's worker."""
    return "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ENGINE)


def pack_page_data(source: Source) -> bytes:
    """The block that the page's worker gets in its message "load".

    Raises:
        Unsupported: a layer that the engine does not know; the message names it.
        UserError: as `load_classifier`.
        ValueError: as `flatbuffer`.
    """
    block, preprocessing = Block(), source.description.preprocessing
    folded = fold(source.network, source.weights, -1)
    layers, outputs = write_layers(folded, preprocessing.image_shape, block)
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
        "golden": write_golden(load_classifier(source.path), block),
        "kernels": block.add_bytes((TEMPLATES / KERNELS).read_bytes()),
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    start = struct.pack("<I", len(text)) + text
    return zlib.compress(start + bytes(-len(start) % 4) + bytes(block.data), 9)


def _write_trust(calibration: Calibration, block: Block) -> dict[str, Any]:
    """What engine_trust.js needs; JSON has no infinity, so a threshold that nothing exceeds is None."""
    nonconformity, novelty = (None if math.isinf(each) else each for each in calibration.thresholds(COVERAGE))
    arrays = vars(calibration.novelty)
    return {
        "temperature": calibration.temperature,
        "most_nonconformity": nonconformity,
        "most_novelty": novelty,
        "novelty": {name: block.add_weights(array.astype("float32")) for name, array in arrays.items()},
    }

"""classes.json: what a program has to know to ask an exported network, in exact words, with pictures to try it on."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from image_kit.answering import sha256
from image_kit.exports.source import Source
from image_kit.photo_sets import SUBJECTS, draw_scene
from image_kit.photos import FULL_BITS
from image_kit.trust import COVERAGE

CLASSES, EXAMPLES = "classes.json", "examples"
ORIENTATION = 0x0112  # the tag in EXIF
FORMAT = 1


def class_texts(source: Source) -> list[str]:
    """The names of classes for other programs: what is no text in a folder's name is spelled, as on the page."""
    return [name.encode("utf-8", "backslashreplace").decode("utf-8") for name in source.description.class_names]


def describe_classes(source: Source) -> dict[str, Any]:
    """All but the examples. `ask` says, step by step, what becomes of a photo, in the order in which it is done."""
    preprocessing = source.description.preprocessing
    height, width, channels = preprocessing.image_shape
    values = {
        "format": FORMAT,
        "class_names": class_texts(source),
        "input": {"name": "images", "shape": ["n", height, width, channels], "type": "float32", "range": [0, 255]},
        "output": {"name": "probabilities", "shape": ["n", len(source.description.class_names)], "sum": 1},
        "channels": "RGB" if channels == 3 else "L",
        "crop": preprocessing.crop,
        "ask": _steps(source),
        "weights_sha256": sha256(source.path),
    }
    return values | (_describe_trust(source) if source.trust else {"temperature": None})


def _steps(source: Source) -> list[str]:
    height, width, channels = source.description.preprocessing.image_shape
    crop = source.description.preprocessing.crop
    seen = "The whole picture is squeezed, without a margin."
    if crop:
        seen = (
            "Only the middle is seen. With r = (width of the picture * height of the image) / (height of the picture * "
            f"width of the image), its width is divided by max(1, r) ** {crop:g} and its height multiplied by "
            f"min(1, r) ** {crop:g}; what is left over goes at both edges alike. Fractions of pixels count."
        )
    bits = source.description.preprocessing.sample_bits
    deep = f" (samples of 16 bits use {bits} of them)" if bits != FULL_BITS else ""
    grey = " Then to grey: (19595 R + 38470 G + 7471 B + 32768) >> 16 for each pixel." if channels == 1 else ""
    return [
        f"Decode the file to 8 bits a channel{deep}; of an animation the first frame.",
        "Turn it upright, as its EXIF orientation says.",
        "Where it is transparent, blend it with white. Convert it to RGB; colour profiles are not applied." + grey,
        f"Resize it to {width} x {height} pixels (width x height) with the antialiased bilinear filter of Pillow "
        f"(Image.Resampling.BILINEAR), rounded to 8 bits. {seen}",
        "Give the network the values 0 to 255 as float32, rows from the top, channels last. It rescales them itself.",
        "It answers with a probability for each of class_names, in their order.",
    ]


def _describe_trust(source: Source) -> dict[str, Any]:
    assert source.trust is not None
    calibration = source.trust.calibration
    threshold, _ = calibration.thresholds(COVERAGE)
    least = 1 - threshold if np.isfinite(threshold) else 0.0
    return {
        "temperature": calibration.temperature,
        "temperature_is_applied": True,
        "coverage": COVERAGE,
        "least_probability_in_set": max(0.0, least),
        "prediction_set": "The most probable class, and every class whose probability before the temperature, "
        "p ** temperature / sum of all p ** temperature, is at least least_probability_in_set. For photos like those "
        "of the training, the right class is one of them as often as coverage says. predict.py also says that a photo "
        "is unlike all of them; this file cannot.",
    }


def draw_examples(folder: Path) -> list[Path]:
    """Draw three pictures as PNG: one that EXIF turns, one that is transparent in part, one that is grey.

    Nobody's photo is copied, and a reader that forgets a step answers something else.
    """
    folder.mkdir()
    scenes = [draw_scene(name, np.random.default_rng(seed)) for seed, name in enumerate([*SUBJECTS, *SUBJECTS][:3])]
    turned, transparent, grey = (scene.resize((320, 213)) for scene in scenes)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # 90 degrees clockwise
    mask = np.zeros((213, 320), np.uint8)
    mask[:, 100:] = 255
    transparent.putalpha(Image.fromarray(mask))
    paths = [folder / f"{name}.png" for name in ("turned", "transparent", "grey")]
    turned.save(paths[0], exif=exif)
    transparent.save(paths[1])
    grey.convert("L").save(paths[2])
    return paths

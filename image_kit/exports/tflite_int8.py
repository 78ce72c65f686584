"""A run as one small .tflite file: as tflite.py writes it, with weights and layers' outputs as 8-bit integers.

A form that loses more than MOST_LOST of the accuracy is not written; the next milder one is tried.
"""

from pathlib import Path

import numpy as np

from image_kit.answering import FORMS, load_classifier, quantize_graph
from image_kit.errors import UserError
from image_kit.exports import tflite
from image_kit.exports.formats import Facts
from image_kit.exports.int8 import CALIBRATION_IMAGES
from image_kit.exports.proof import MOST_LOST
from image_kit.exports.source import Source

answer = tflite.answer
WORDS = {
    "int8": "weights and layers' outputs as 8-bit integers",
    "int8-weights": "weights as 8-bit integers, layers' outputs as float32",
    "float16": "weights as float16",
}


def write(source: Source, path: Path, facts: Facts) -> list[str]:
    """Write the harshest form whose accuracy on the held photos falls by at most MOST_LOST; float16 is always written.

    Where the held pictures show no class, the run's own answers count as right.

    Returns:
        Which form it is, and what was lost by those that were not taken.

    Raises:
        UserError: as `tflite.write`; or there are no photos to calibrate on.
        OSError: the file cannot be written.
    """
    photos = facts.photos
    notes: list[str] = []
    if not photos.is_labelled:
        raise UserError(f"--to tflite-int8: needs the run's photos to calibrate on; {photos.words}; give --data FOLDER")
    images, labels = photos.held.take(np.arange(len(photos.held.labels))), photos.held.labels
    expected = (load_classifier(source.path).probabilities(images).argmax(1) == labels).mean()
    graph, image, outputs = tflite.graph_of(source, "tflite-int8")
    for form in FORMS:
        tflite.write_graph(
            source, path, *quantize_graph(graph, image, outputs, form, photos.calibration[:CALIBRATION_IMAGES], 1.0)
        )
        fall = float(expected - (answer(path, images).argmax(1) == labels).mean())
        if fall <= MOST_LOST or form == FORMS[-1]:
            return [*notes, f"tflite-int8: {WORDS[form]}"]
        notes.append(f"tflite-int8: {WORDS[form]}: {100 * fall:.1f} points less are right, so a milder form is tried")
    raise AssertionError("the mildest form is always written")

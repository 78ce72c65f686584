"""Keras's network to model.tflite."""

import contextlib
from pathlib import Path

from image_kit.answering import lite_model, lite_trial
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.compute import native_stderr_held_back
from image_kit.errors import UserError
from image_kit.files import replacing


def write_lite_model(classifier: KerasClassifier, weights: Path, path: Path) -> None:
    """Convert a float32 network, quietly, and write it with its description and `trust`, whole or not at all.

    Args:
        weights: the file that the classifier was loaded from; its content hash is recorded.
        path: must end in `.tflite`, as Keras demands.
    """
    digest = lite_model.sha256(weights)
    with replacing(path) as temporary:
        with native_stderr_held_back():  # the converter's chatter
            classifier.with_features.export(temporary, format="litert", verbose=False)
        made = lite_model.append_members(temporary, classifier.description, classifier.head, digest, classifier.trust)
    # What fails here fails again when it is to answer, and is said then; LiteRT may not even be installed.
    with contextlib.suppress(UserError, ImportError):
        lite_trial.check(path, made)

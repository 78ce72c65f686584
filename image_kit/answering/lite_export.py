"""Convert a Keras network to model.tflite."""

import contextlib
from pathlib import Path

from image_kit.answering import lite_model, lite_trial
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.compute import native_stderr_held_back
from image_kit.errors import UserError, first_line
from image_kit.files import replacing


def write_lite_model(classifier: KerasClassifier, weights: Path, path: Path) -> None:
    """Convert a float32 network and write it with its description and its `trust`; the file appears when complete.

    Args:
        classifier: the network.
        weights: the file that the classifier was loaded from; its SHA-256 is recorded.
        path: must end in `.tflite`, as Keras requires.

    Raises:
        OSError: the folder cannot be written.
        UserError: LiteRT does not have a layer of the network.
    """
    digest = lite_model.sha256(weights)
    with replacing(path) as temporary:
        with native_stderr_held_back():  # the converter's messages
            try:
                classifier.with_features.export(temporary, format="litert", verbose=False)
            except Exception as error:  # the converter raises many kinds for layers that LiteRT does not have
                raise UserError(f"{path}: LiteRT cannot run this network ({first_line(error)})") from None
        made = lite_model.append_members(temporary, classifier.description, classifier.head, digest, classifier.trust)
    # A network that fails here fails again in the first prediction, which reports it. LiteRT may also be missing.
    with contextlib.suppress(UserError, ImportError):
        lite_trial.refuse_unsafe(path, made)

"""Write model.tflite: at once if the kit's own writer knows every layer, else with Keras's converter."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_kit.answering import lite_model, lite_trial
from image_kit.answering.lite_folding import Weights
from image_kit.answering.lite_model import LiteModel
from image_kit.compute import native_stderr_held_back
from image_kit.errors import UserError, first_line
from image_kit.files import replacing
from image_kit.trust import Trust
from image_kit.weights import Description, network_of

if TYPE_CHECKING:
    from image_kit.answering.keras_classifier import KerasClassifier  # imports keras


def write_lite_network(
    path: Path,
    network: Sequence[dict[str, Any]],
    weights: Weights,
    described: tuple[Description, str, Trust | None],
    weights_file: Path,
    is_own: bool = True,
) -> None:
    """Write a network given as plain data, without TensorFlow; the file appears when complete.

    Args:
        path: of the model.tflite.
        network: see image_kit/weights/network.py.
        weights: float32, one list for each layer, in the order of Keras's variables.
        described: its description, its head (one of HEADS) and its trust, as in the attributes of `Classifier`.
        weights_file: the same network's weights file, whose SHA-256 is recorded.
        is_own: whether this process trained the network. One from a file may be forged, and the trial in a separate
            process (lite_trial.py) must come before it is loaded in this one.

    Raises:
        ImportError: LiteRT is not installed.
        OSError: the folder cannot be written.
        Unsupported: as `lite_writer.flatbuffer`.
        ValueError: likewise.
    """
    from image_kit.answering.lite_classifier import LiteClassifier  # imports LiteRT, which may be missing
    from image_kit.answering.lite_writer import write_flatbuffer  # likewise

    image_shape = described[0].preprocessing.image_shape
    made = _write(path, lambda file: write_flatbuffer(file, network, weights, image_shape), described, weights_file)
    if not is_own:
        return
    # What we trained ourselves is tried in this process, for its answers only. One that fails here fails again in the
    # first prediction, which reports it.
    with contextlib.suppress(UserError):
        LiteClassifier(made, is_trial=True)
        lite_trial.remember(made.flatbuffer_sha256)


def write_lite_model(classifier: "KerasClassifier", weights: Path, path: Path, is_own: bool = True) -> None:
    """Write a float32 Keras network with its description and its `trust`; the file appears when complete.

    Args:
        classifier: the network.
        weights: the file that the classifier was loaded from; its SHA-256 is recorded.
        path: must end in `.tflite`, as Keras requires.
        is_own: see `write_lite_network`.

    Raises:
        OSError: the folder cannot be written.
        UserError: LiteRT does not have a layer of the network.
    """
    described = classifier.description, classifier.head, classifier.trust
    try:
        network = network_of(classifier.model)
        layers = [layer for layer in classifier.model.layers if type(layer).__name__ != "InputLayer"]
        write_lite_network(path, network, [layer.get_weights() for layer in layers], described, weights, is_own)
    except (ImportError, ValueError):  # of a layer that a weights file or our writer does not know
        made = _write(path, lambda file: _convert(classifier, file, path), described, weights)
        # As in write_lite_network, and LiteRT may be missing.
        with contextlib.suppress(UserError, ImportError):
            lite_trial.refuse_unsafe(path, made.flatbuffer_sha256)


def write_flatbuffer_model(
    path: Path,
    flatbuffer: memoryview,
    described: tuple[Description, str, Trust | None],
    weights_file: Path,
    notes: dict[str, Any],
) -> LiteModel:
    """Write a flatbuffer that is made already, as `write_lite_network` does, with `notes` on its origin; not tried."""
    return _write(path, lambda file: file.write_bytes(flatbuffer), described, weights_file, notes)


def _write(
    path: Path,
    write_network: Callable[[Path], object],
    described: tuple[Description, str, Trust | None],
    weights_file: Path,
    notes: dict[str, Any] | None = None,
) -> LiteModel:
    description, head, trust = described
    digest = lite_model.sha256(weights_file)
    with replacing(path) as temporary:
        write_network(temporary)
        flatbuffer_digest = lite_model.append_members(temporary, description, head, digest, trust, notes)
    return LiteModel(path, description, head, digest, flatbuffer_digest, trust, notes or {})


def _convert(classifier: "KerasClassifier", file: Path, path: Path) -> None:
    """Let Keras convert the network to a file. The UserError names `path`, which the file is to become."""
    with native_stderr_held_back():  # the converter's messages
        try:
            classifier.with_features.export(file, format="litert", verbose=False)
        except Exception as error:  # the converter raises many kinds for layers that LiteRT does not have
            raise UserError(f"{path}: LiteRT cannot run this network ({first_line(error)})") from None

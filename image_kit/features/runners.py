"""A backbone made ready to compute: through LiteRT, or through Keras where LiteRT is not installed."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from image_kit.errors import UserError, first_line
from image_kit.features.backbone import Backbone
from image_kit.features.extraction import BackboneRunner
from image_kit.photos import Preprocessing
from image_kit.terminal import say

if TYPE_CHECKING:
    import keras

    from image_kit.answering import LiteNetwork


class LiteRunner:
    """A backbone in LiteRT: any thread may call `run`."""

    def __init__(self, network: "LiteNetwork"):
        self._network = network

    def run(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, height, width, 3) -> features, float32 (n, d)."""
        return self._network.run(images)[0]


class KerasRunner:
    """A backbone in Keras: any thread may call `run`."""

    def __init__(self, model: "keras.Model", preprocessing: Preprocessing):
        self._model, self._preprocessing = model, preprocessing

    def run(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, height, width, 3) -> features, float32 (n, d)."""
        return np.asarray(self._model(self._preprocessing.batch(images), training=False))


@contextlib.contextmanager
def running(backbone: Backbone, preprocessing: Preprocessing) -> Iterator[BackboneRunner]:
    """The backbone, ready to compute; its memory is freed at the end.

    Raises:
        UserError: it cannot be run.
    """
    started = start_litert(backbone, preprocessing)
    if isinstance(started, str):
        say(f"{started}; TensorFlow computes the features instead, in three times the time")
        from image_kit.weights import build_with_weights  # imports keras, which LiteRT's features need not wait for

        model = build_with_weights(backbone.network, backbone.weights, preprocessing.image_shape)
        yield KerasRunner(model, preprocessing)
        return
    with started:
        yield LiteRunner(started)


def start_litert(backbone: Backbone, preprocessing: Preprocessing) -> "LiteNetwork | str":
    """The backbone in LiteRT, to be closed; or why LiteRT cannot run it: it is missing, or does not know such layers.

    Raises:
        UserError: the network crashes LiteRT.
    """
    try:
        from image_kit.answering import LiteNetwork, flatbuffer, refuse_unsafe_network  # import LiteRT
    except (ImportError, UserError) as error:  # not for this machine, or not installed
        return first_line(error)
    try:
        content = flatbuffer(backbone.network, backbone.weights, preprocessing.image_shape, features_of=None)
    except ValueError as error:
        return first_line(error)
    if not backbone.package:  # from any file
        refuse_unsafe_network(content, backbone.name)
    return LiteNetwork(content, preprocessing.rescale)

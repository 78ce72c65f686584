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
from image_kit.weights import keras_order

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
    try:
        # They import LiteRT, which may be missing.
        from image_kit.answering import LiteNetwork, Unsupported, flatbuffer, refuse_unsafe_network
    except (ImportError, UserError):
        say("LiteRT is not installed, so TensorFlow computes the features, in three times the time")
        yield _keras_runner(backbone, preprocessing)
        return
    try:
        content = flatbuffer(backbone.network, backbone.weights, preprocessing.image_shape, features_of=None)
    except Unsupported as error:
        say(f"TensorFlow computes the features, in three times the time ({error})")
        yield _keras_runner(backbone, preprocessing)
        return
    except ValueError as error:
        raise UserError(f"{backbone.name}: is not a network that can be run ({first_line(error)})") from None
    if not backbone.package:  # from any file
        refuse_unsafe_network(content, backbone.name)
    with LiteNetwork(content, preprocessing.rescale) as network:
        yield LiteRunner(network)


def _keras_runner(backbone: Backbone, preprocessing: Preprocessing) -> KerasRunner:
    from image_kit.weights import build_network  # imports keras, which LiteRT's features need not wait for

    model = build_network(backbone.network, preprocessing.image_shape)
    model.set_weights([array for index in keras_order(backbone.network) for array in backbone.weights[index]])
    return KerasRunner(model, preprocessing)

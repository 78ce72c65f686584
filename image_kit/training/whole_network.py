"""What answers with backbone and head before there is a file of them."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from image_kit.answering import Classifier
from image_kit.errors import UserError
from image_kit.weights import Description

if TYPE_CHECKING:
    from image_kit.answering import LiteNetwork

HEAD = "softmax"


@contextlib.contextmanager
def answering(description: Description, weights: list[list[np.ndarray]]) -> Iterator[Classifier]:
    """The network of a description with these weights, in LiteRT; or in Keras, where LiteRT cannot run it."""
    network = description.network or []
    try:
        from image_kit.answering import LiteNetwork, flatbuffer  # import LiteRT, which may be missing

        running = LiteNetwork(flatbuffer(network, weights, description.preprocessing.image_shape))
    except (UserError, ValueError):  # the features came through Keras too, and a line has said why
        from image_kit.answering import KerasClassifier  # imports keras
        from image_kit.weights import build_with_weights  # likewise

        model = build_with_weights(network, weights, description.preprocessing.image_shape)
        yield KerasClassifier(model, description)
        return
    with running:
        yield _InLiteRT(description, running)


class _InLiteRT(Classifier):
    """A classifier without a file."""

    def __init__(self, description: Description, network: "LiteNetwork"):
        super().__init__(description, HEAD)
        self._network = network

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        outputs, features = self._network.run(batch)
        return outputs, features

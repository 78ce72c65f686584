"""What this room needs to know about a network, whichever library computes it."""

from typing import Protocol

import numpy as np

from image_kit.photos import Preprocessing


class Network(Protocol):
    """A trained network that answers uint8 images (n, height, width, channels), 0..255.

    Attributes:
        head: one of HEADS.
        preprocessing: what turns a photo into the network's input; has the shape of an image.
    """

    head: str
    preprocessing: Preprocessing

    def outputs_and_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run the network: its outputs, float32 (n, units), and the inputs of its head, float32 (n, features)."""
        ...

    def uncalibrated(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), without temperature scaling."""
        ...

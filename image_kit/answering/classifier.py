"""What every trained network answers alike, whichever library computes it."""

import numpy as np

from image_kit.errors import UserError
from image_kit.trust import COVERAGE, to_probabilities, with_temperature
from image_kit.weights import Description


class Classifier:
    """A trained network with its class names and its preprocessing; a subclass computes.

    Attributes:
        description: what the network's file says of itself.
        head: one of HEADS.
        preprocessing: from a photo to the network's input.
        class_names: in index order.
        trust: `Trust` that came with the weights, None if nothing did.
    """

    # Pixel values that go through the network at once, and images at most: they bound the memory.
    chunk_values = 8_000_000
    max_chunk = 1024

    def __init__(self, description: Description, head: str):
        self.description = description
        self.head = head
        self.preprocessing = description.preprocessing
        self.class_names = description.class_names
        self.trust = None

    @property
    def chunk_size(self) -> int:
        """How many images to take at once."""
        height, width, channels = self.preprocessing.image_shape
        return min(self.max_chunk, max(1, self.chunk_values // (height * width * channels)))

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One batch through the network.

        Args:
            batch: float32 (n, height, width, channels), n at least 1, as `Preprocessing.batch` gives it.

        Returns:
            float32 (n, units), what the head gives, and float32 (n, features), the input of the last layer.
        """
        raise NotImplementedError

    def outputs_and_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `run`, for any number of uint8 images (n, height, width, channels), at least 1.

        Raises UserError if an output is no number.
        """
        starts = range(0, len(images), self.chunk_size)
        parts = [self.run(self.preprocessing.batch(images[start : start + self.chunk_size])) for start in starts]
        outputs, features = map(np.concatenate, zip(*parts, strict=True))
        if not np.isfinite(outputs).all():
            raise UserError("the network's answer is no number (NaN or infinity); its weights are damaged, take others")
        return outputs, features

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities of uint8 images (n, height, width, channels), calibrated if the weights came with that.

        Returns:
            float32 (n, classes), each row summing to 1, whatever the head.
        """
        return self.answers(images)[0]

    def answers(
        self, images: np.ndarray, coverage: float = COVERAGE
    ) -> tuple[np.ndarray, list[tuple[int, ...]] | None]:
        """As `probabilities`, and with them the prediction sets; None if the weights came without calibration.

        Args:
            coverage: see `Calibration.prediction_sets`.
        """
        uncalibrated = self.uncalibrated(images)
        if self.trust is None:
            return uncalibrated, None
        known = self.trust.calibration
        sets = known.prediction_sets(uncalibrated, known.novelty.scores(images), coverage)
        return with_temperature(uncalibrated, known.temperature), sets

    def uncalibrated(self, images: np.ndarray) -> np.ndarray:
        """As `probabilities`, but as the network gives them."""
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        return to_probabilities(self.outputs_and_features(images)[0], self.head)

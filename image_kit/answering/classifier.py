"""What all trained networks answer in the same way, whichever library computes it."""

import numpy as np

from image_kit.errors import UserError
from image_kit.trust import COVERAGE, Trust, to_probabilities, with_temperature
from image_kit.weights import Description


class Classifier:
    """A trained network with its class names and its preprocessing; a subclass runs it.

    Attributes:
        description: what the network's file says about itself.
        head: one of HEADS.
        preprocessing: turns a photo into the network's input.
        class_names: in the order of the labels.
        trust: calibration and golden self-test of the weights file; None if it has none.
    """

    # The most pixel values and the most images that go through the network at once; both limit the memory.
    max_batch_values = 8_000_000
    max_batch_size = 1024

    def __init__(self, description: Description, head: str):
        self.description = description
        self.head = head
        self.preprocessing = description.preprocessing
        self.class_names = description.class_names
        self.trust: Trust | None = None

    @property
    def batch_size(self) -> int:
        """How many images go through the network at once."""
        height, width, channels = self.preprocessing.image_shape
        return min(self.max_batch_size, max(1, self.max_batch_values // (height * width * channels)))

    def for_many(self) -> "Classifier":
        """A classifier with the same answers that is the faster one for many photos; it may be this one."""
        return self

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run the network on one batch.

        Args:
            batch: float32 (n, height, width, channels), n at least 1, from `Preprocessing.batch`.

        Returns:
            The outputs, float32 (n, units), and the inputs of the last layer, float32 (n, features).
        """
        raise NotImplementedError

    def outputs_and_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run the network, as `run`, on any number of uint8 images (n, height, width, channels), at least 1.

        Raises:
            UserError: an output is NaN or infinite.
        """
        starts = range(0, len(images), self.batch_size)
        parts = [self.run(self.preprocessing.batch(images[start : start + self.batch_size])) for start in starts]
        outputs, features = map(np.concatenate, zip(*parts, strict=True))
        refuse_not_finite(outputs)
        return outputs, features

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities of uint8 images (n, height, width, channels), calibrated if the weights are.

        Returns:
            float32 (n, classes), each row summing to 1, whatever the head.
        """
        return self.answers(images)[0]

    def answers(
        self, images: np.ndarray, coverage: float = COVERAGE
    ) -> tuple[np.ndarray, list[tuple[int, ...]] | None]:
        """Class probabilities, as `probabilities`, and prediction sets; None if the weights are not calibrated.

        Args:
            images: uint8 (n, height, width, channels).
            coverage: see `Calibration.prediction_sets`.

        Raises:
            UserError: the file was forged: an output is not finite, or the calibration is of another network.
        """
        if self.trust is None or not len(images):
            return self.uncalibrated(images), None if self.trust is None else []
        outputs, features = self.outputs_and_features(images)
        uncalibrated, calibration = to_probabilities(outputs, self.head), self.trust.calibration
        try:
            novelty_scores = calibration.score_novelty(images, features)
        except ValueError as error:  # a forged file's calibration may be of another network
            raise UserError(f"the weights' calibration is of another network ({error}); use other weights") from None
        sets = calibration.prediction_sets(uncalibrated, novelty_scores, coverage)
        return with_temperature(uncalibrated, calibration.temperature), sets

    def uncalibrated(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities, as `probabilities`, without temperature scaling."""
        if not len(images):
            return np.empty((0, len(self.class_names)), np.float32)
        return to_probabilities(self.outputs_and_features(images)[0], self.head)


def refuse_not_finite(outputs: np.ndarray) -> None:
    """Raise UserError if an output of a network is NaN or infinite."""
    if not np.isfinite(outputs).all():
        raise UserError("the network's answer is NaN or infinite; its weights are damaged, use other weights")

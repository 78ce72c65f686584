"""The golden self-test: a network must still answer a few tiny pictures as it did at the end of its training.

A damaged file, a runtime with a fault or a changed preprocessing moves answers without any error. Three patterns of
8x8 random pixels, enlarged to the network's size, travel with the weights and with what the network made of them.
They are drawn from a seed, so that nobody's photo does.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.answering import Classifier
from image_kit.errors import UserError
from image_kit.trust.heads import to_probabilities

COUNT, SIDE, SEED = 3, 8, 0
PROBABILITY_TOLERANCE = 1e-3  # what LiteRT and TensorFlow may differ by
# Of the largest feature. Features tell more than a probability, which is often 1.000 whatever happens; TF32 on a GPU
# moves them by 1e-3.
FEATURE_TOLERANCE = 1e-2
MAX_FEATURES = 256  # evenly spaced ones of more: every weight of the layers before moves nearly all of them


@dataclass(frozen=True, eq=False)
class Golden:
    """Pictures and what the network made of them; by `record`.

    Attributes:
        images: float32 (n, 8, 8, channels), whole numbers 0..255.
        probabilities: float32 (n, classes).
        features: float32 (n, k), of the input of the last layer.
    """

    images: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray

    def __post_init__(self):
        """Raises ValueError on shapes or pixels that `record` does not give: they come from a file."""
        n = len(self.images)
        shapes = (self.images.shape, self.probabilities.shape, self.features.shape)
        if not (0 < n <= COUNT and self.images.ndim == 4 and self.images.shape[1:3] == (SIDE, SIDE)):
            raise ValueError(f"golden images of shape {shapes[0]}")
        if not all(array.ndim == 2 and len(array) == n for array in (self.probabilities, self.features)):
            raise ValueError(f"golden answers of shapes {shapes[1]} and {shapes[2]}")
        if (self.images != self.images.clip(0, 255).round()).any():
            raise ValueError("golden images with pixels that are no bytes")

    def check(self, classifier: Classifier, path: Path) -> None:
        """Raise UserError, with the figures, if the classifier's answers have moved by more than the tolerances.

        Args:
            classifier: what its file, `path`, was loaded to.
        """
        other = UserError(f"{path}: its golden self-test is of another network; the file is damaged, take another")
        if self.images.shape[-1] != classifier.preprocessing.image_shape[-1]:
            raise other
        for number, image in enumerate(self.images):
            expected, received = (self.probabilities[number], self.features[number]), _answer(classifier, image)
            if [each.shape for each in expected] != [each.shape for each in received]:
                raise other
            tolerances = PROBABILITY_TOLERANCE, FEATURE_TOLERANCE * max(1e-3, np.abs(expected[1]).max())
            for what, was, now, tolerance in zip(
                ("probability", "feature"), expected, received, tolerances, strict=True
            ):
                _refuse_moved(f"{what} {{}} of golden image {number + 1}", was, now, tolerance, path)


def _refuse_moved(what: str, was: np.ndarray, now: np.ndarray, tolerance: float, path: Path) -> None:
    moved = np.nan_to_num(np.abs(now - was), nan=np.inf)
    worst = int(moved.argmax())
    if moved[worst] > tolerance:
        raise UserError(
            f"{path}: its answers have moved since its training: {what.format(worst)} was {was[worst]:.6g} and is "
            f"{now[worst]:.6g} (tolerance {tolerance:.2g}); the file is damaged, or this machine's software computes "
            "otherwise: take the file anew, or other versions of the packages"
        )


def record(classifier: Classifier) -> Golden:
    """What a classifier answers now."""
    channels = classifier.preprocessing.image_shape[-1]
    images = np.random.default_rng(SEED).integers(0, 256, (COUNT, SIDE, SIDE, channels)).astype(np.float32)
    probabilities, features = zip(*(_answer(classifier, image) for image in images), strict=True)
    return Golden(images, np.stack(probabilities), np.stack(features))


def _answer(classifier: Classifier, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One at a time, which takes no more memory than a photo does."""
    height, width, _ = classifier.preprocessing.image_shape
    rows, columns = np.arange(height) * SIDE // height, np.arange(width) * SIDE // width
    enlarged = image.astype(np.uint8)[rows][:, columns][None]
    outputs, features = classifier.outputs_and_features(enlarged)
    chosen = np.linspace(0, features.shape[1] - 1, min(MAX_FEATURES, features.shape[1])).astype(int)
    return to_probabilities(outputs, classifier.head)[0], features[0, chosen]

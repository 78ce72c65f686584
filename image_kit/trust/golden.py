"""The golden self-test: a network must still answer a few tiny images as it did at the end of its training.

A damaged file, a fault in a library or a changed preprocessing changes answers without any error. Therefore three
images of 8x8 random pixels, enlarged to the network's input, are stored with the weights, together with the network's
answers to them. The pixels are drawn from a seed, so that nobody's photo is stored.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.trust.heads import to_probabilities
from image_kit.trust.network import Network

COUNT, SIDE, SEED = 3, 8, 0
PROBABILITY_TOLERANCE = 1e-3  # the most that LiteRT and TensorFlow differ by
# As a fraction of the largest feature; TF32 on a GPU changes features by 1e-3. Features tell more than a probability,
# which is often 1.000 in any case.
FEATURE_TOLERANCE = 1e-2
MAX_FEATURES = 256  # if there are more, evenly spaced ones: every weight of the earlier layers changes nearly all


@dataclass(frozen=True, eq=False)
class GoldenTest:
    """Images and a network's answers to them; made by `record_answers`.

    Attributes:
        images: float32 (n, 8, 8, channels), whole numbers 0..255.
        probabilities: float32 (n, classes), uncalibrated.
        features: float32 (n, k), inputs of the last layer.
    """

    images: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray

    def __post_init__(self):
        """Raises ValueError if the arrays, which come from a file, are not those of `record_answers`."""
        n = len(self.images)
        shapes = (self.images.shape, self.probabilities.shape, self.features.shape)
        if not (0 < n <= COUNT and self.images.ndim == 4 and self.images.shape[1:3] == (SIDE, SIDE)):
            raise ValueError(f"golden images of shape {shapes[0]}")
        if not all(array.ndim == 2 and len(array) == n for array in (self.probabilities, self.features)):
            raise ValueError(f"golden answers of shapes {shapes[1]} and {shapes[2]}")
        if (self.images != self.images.clip(0, 255).round()).any():
            raise ValueError("golden images with pixels that are not whole numbers from 0 to 255")

    def refuse_changed_answers(self, network: Network, path: Path | str) -> None:
        """Raise UserError, with the figures, if the network's answers have changed by more than the tolerances.

        Args:
            network: as loaded from `path`.
            path: the file that the message names.
        """
        other = UserError(f"{path}: its golden self-test is of another network; the file is damaged, use another file")
        if self.images.shape[-1] != network.preprocessing.image_shape[-1]:
            raise other
        for number, image in enumerate(self.images):
            expected, received = (self.probabilities[number], self.features[number]), _answer(network, image)
            if [each.shape for each in expected] != [each.shape for each in received]:
                raise other
            tolerances = PROBABILITY_TOLERANCE, FEATURE_TOLERANCE * max(1e-3, np.abs(expected[1]).max())
            for what, was, now, tolerance in zip(
                ("probability", "feature"), expected, received, tolerances, strict=True
            ):
                _refuse_changed_values(f"{what} {{}} of golden image {number + 1}", was, now, tolerance, path)


def _refuse_changed_values(what: str, was: np.ndarray, now: np.ndarray, tolerance: float, path: Path | str) -> None:
    changes = np.nan_to_num(np.abs(now - was), nan=np.inf)
    worst = int(changes.argmax())
    if changes[worst] > tolerance:
        raise UserError(
            f"{path}: its answers have changed since its training: {what.format(worst)} was {was[worst]:.6g} and is "
            f"{now[worst]:.6g} (tolerance {tolerance:.2g}); either the file is damaged or this machine's libraries "
            "compute something else: copy the file again, or install other versions of the packages"
        )


def record_answers(network: Network) -> GoldenTest:
    """Draw the images and record the network's present answers to them."""
    channels = network.preprocessing.image_shape[-1]
    images = np.random.default_rng(SEED).integers(0, 256, (COUNT, SIDE, SIDE, channels)).astype(np.float32)
    probabilities, features = zip(*(_answer(network, image) for image in images), strict=True)
    return GoldenTest(images, np.stack(probabilities), np.stack(features))


def _answer(network: Network, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (classes,) and chosen features (k,) of one image: one at a time needs the least memory."""
    height, width, _ = network.preprocessing.image_shape
    rows, columns = np.arange(height) * SIDE // height, np.arange(width) * SIDE // width
    enlarged = image.astype(np.uint8)[rows][:, columns][None]
    outputs, features = network.outputs_and_features(enlarged)
    chosen = np.linspace(0, features.shape[1] - 1, min(MAX_FEATURES, features.shape[1])).astype(int)
    return to_probabilities(outputs, network.head)[0], features[0, chosen]

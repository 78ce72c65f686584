"""What is stored with trained weights so that their answers can be trusted: the calibration and the golden self-test.

Both are one block of bytes (byte_block.py), the same in the weights file and in model.tflite. It holds one of two kinds
of novelty: of pixels (novelty.py) or of features (neighbours.py). This module needs NumPy only, so that a prediction
through LiteRT waits for no other package.
"""

from dataclasses import dataclass

import numpy as np

from image_kit.trust import byte_block
from image_kit.trust.calibration import Calibration
from image_kit.trust.golden import MAX_FEATURES, GoldenTest
from image_kit.trust.neighbours import FeatureNovelty
from image_kit.trust.novelty import COUNTS, NoveltyScorer

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Trust:
    """How far a network's answers can be trusted."""

    calibration: Calibration
    golden: GoldenTest

    def to_bytes(self) -> bytes:
        """As one block, for `from_bytes`."""
        values = {"format": FORMAT, "temperature": self.calibration.temperature}
        arrays = {
            "set_scores": self.calibration.nonconformity_scores,
            "novelty_scores": self.calibration.novelty_scores,
            **_novelty_arrays(self.calibration.novelty),
            "golden_images": self.golden.images,
            "golden_probabilities": self.golden.probabilities,
            "golden_features": self.golden.features,
        }
        return byte_block.pack(values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, image_shape: tuple[int, int, int], n_classes: int) -> "Trust":
        """Read a block: the inverse of `to_bytes`.

        Args:
            data: the block.
            image_shape: (height, width, channels) of the network that it must belong to.
            n_classes: the number of its classes.

        Raises:
            ValueError: damaged, in another format, or of a network with other channels or classes.
        """
        values, arrays = byte_block.unpack(data)
        try:
            if values.pop("format") != FORMAT:
                raise ValueError(f"written in another format than {FORMAT}")
            novelty = _take_novelty(arrays)
            temperature, scores = float(values.pop("temperature")), arrays.pop("set_scores")
            calibration = Calibration(temperature, scores, arrays.pop("novelty_scores"), novelty)
            images, probabilities = arrays.pop("golden_images"), arrays.pop("golden_probabilities")
            golden = GoldenTest(images, probabilities, arrays.pop("golden_features"))
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"incomplete ({error})") from None
        if unknown := values.keys() | arrays.keys():
            raise ValueError(f"it contains {', '.join(sorted(unknown))}, written by a newer version of this kit")
        if isinstance(novelty, NoveltyScorer):
            fits = len(novelty.mean) == COUNTS[image_shape[2]]
        else:
            fits = golden.features.shape[1] == min(len(novelty.axes), MAX_FEATURES)
        if not fits or (images.shape[-1], probabilities.shape[-1]) != (image_shape[2], n_classes):
            raise ValueError("it belongs to another network")
        return cls(calibration, golden)


def _novelty_arrays(novelty: NoveltyScorer | FeatureNovelty) -> dict[str, np.ndarray]:
    if isinstance(novelty, FeatureNovelty):
        return {"novelty_axes": novelty.axes, "novelty_bank": novelty.bank}
    return {"novelty_mean": novelty.mean, "novelty_whitening": novelty.whitening}


def _take_novelty(arrays: dict[str, np.ndarray]) -> NoveltyScorer | FeatureNovelty:
    """Remove the arrays of `_novelty_arrays`; raises KeyError if one is missing."""
    if "novelty_bank" in arrays:
        return FeatureNovelty(arrays.pop("novelty_axes"), arrays.pop("novelty_bank"))
    return NoveltyScorer(arrays.pop("novelty_mean"), arrays.pop("novelty_whitening"))

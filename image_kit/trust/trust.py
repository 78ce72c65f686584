"""What travels with trained weights so that their answers can be trusted: calibration and golden self-test.

Both are one block of bytes (byte_block.py), the same in the weights file and in model.tflite. NumPy only: a prediction
through LiteRT waits for no other package.
"""

from dataclasses import dataclass

from image_kit.trust import byte_block, novelty
from image_kit.trust.calibration import Calibration
from image_kit.trust.golden import Golden
from image_kit.trust.novelty import Novelty

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Trust:
    """What is known of a network's answers."""

    calibration: Calibration
    golden: Golden

    def to_bytes(self) -> bytes:
        """As one block; `from_bytes` reads it."""
        values = {"format": FORMAT, "temperature": self.calibration.temperature}
        arrays = {
            "set_scores": self.calibration.set_scores,
            "novelty_scores": self.calibration.novelty_scores,
            "novelty_mean": self.calibration.novelty.mean,
            "novelty_whitening": self.calibration.novelty.whitening,
            "golden_images": self.golden.images,
            "golden_probabilities": self.golden.probabilities,
            "golden_features": self.golden.features,
        }
        return byte_block.pack(values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, image_shape: tuple[int, int, int], n_classes: int) -> "Trust":
        """The inverse of `to_bytes`.

        Raises ValueError: damaged, of another format, or not of a network with such images and classes.
        """
        values, arrays = byte_block.unpack(data)
        try:
            if values.pop("format") != FORMAT:
                raise ValueError(f"written in another format than {FORMAT}")
            unlike = Novelty(arrays.pop("novelty_mean"), arrays.pop("novelty_whitening"))
            temperature, scores = float(values.pop("temperature")), arrays.pop("set_scores")
            calibrated = Calibration(temperature, scores, arrays.pop("novelty_scores"), unlike)
            images, probabilities = arrays.pop("golden_images"), arrays.pop("golden_probabilities")
            recorded = Golden(images, probabilities, arrays.pop("golden_features"))
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"incomplete ({error})") from None
        if unknown := values.keys() | arrays.keys():
            raise ValueError(f"it holds {', '.join(sorted(unknown))}, which a newer version of this kit wrote")
        wanted = (novelty.COUNTS[image_shape[2]], image_shape[2], n_classes)
        if (len(unlike.mean), images.shape[-1], probabilities.shape[-1]) != wanted:
            raise ValueError("it belongs to another network")
        return cls(calibrated, recorded)

"""What every format computes: pixels 0..255 -> rescale -> network -> probabilities of all classes, calibrated."""

from typing import Any

from image_kit.exports.source import Source
from image_kit.trust import TINY
from image_kit.weights import Network, Weights

INPUT, OUTPUT = "images", "probabilities"  # the names in every format
SMALLEST = TINY  # probabilities are raised to it before their logarithm is taken, as in `with_temperature`


def with_rescaling(source: Source) -> tuple[Network, Weights]:
    """The network with a first layer that does what `Preprocessing.batch` does: it takes pixels from 0 to 255."""
    first = {"class": "Rescaling", "scale": source.description.preprocessing.rescale, "offset": 0.0}
    return [first, *map(_moved, source.network)], [[], *source.weights]


def _moved(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer, with the numbers of its inputs one higher; IMAGE, -1, becomes the first layer."""
    return layer | {"inputs": [each + 1 for each in layer["inputs"]]} if "inputs" in layer else layer


def temperature_of(source: Source) -> float:
    """What the logits are divided by; 1 if the weights are not calibrated."""
    return source.trust.calibration.temperature if source.trust else 1.0

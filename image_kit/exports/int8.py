"""A run's network in 8-bit integers for LiteRT, with calibration and self-test, and how its answers differ."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from image_kit.answering import (
    Classifier,
    FlatbufferClassifier,
    quantized_flatbuffer,
    refuse_unsafe_network,
)
from image_kit.exports.source import Source
from image_kit.trust import Trust, record_answers

CALIBRATION_IMAGES = 64  # ranges of more photos are as good: the answers to 1,198 photos changed for 2 with 64


@dataclass(frozen=True)
class Int8Proof:
    """How the answers of a smaller network differ from those of the float32 network, on labelled images.

    Attributes:
        form: one of FORMS.
        images: how many were compared.
        accuracy: of the smaller network, 0 to 1; NaN without images.
        float_accuracy: of the float32 network.
        changed: how many answers have another class.
        known_changed: how many images are refused by one of both only; 0 without calibration.
        largest_difference: of a probability.
    """

    form: str
    images: int
    accuracy: float
    float_accuracy: float
    changed: int
    known_changed: int
    largest_difference: float

    @property
    def fall(self) -> float:
        """By how much the accuracy is lower, 0 to 1; negative if it is higher."""
        return self.float_accuracy - self.accuracy

    def __str__(self) -> str:
        return (
            f"{self.changed} of {self.images} answers changed, accuracy {self.accuracy:.1%} instead of "
            f"{self.float_accuracy:.1%}, largest difference of a probability {self.largest_difference:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def make_small(source: Source, form: str, images: np.ndarray) -> tuple[memoryview, FlatbufferClassifier]:
    """A smaller network, and a classifier that runs it, with the source's calibration and its own golden answers.

    Args:
        source: what `read_source` returned.
        form: one of FORMS.
        images: to calibrate on, uint8 (n, height, width, channels), n at least 1.

    Raises:
        Unsupported, ValueError: see `quantized_flatbuffer`.
    """
    preprocessing = source.description.preprocessing
    shape, rescale = preprocessing.image_shape, preprocessing.rescale
    flatbuffer = quantized_flatbuffer(source.network, source.weights, shape, form, images, rescale)
    refuse_unsafe_network(flatbuffer, str(source.path))  # the weights file may be forged
    classifier = FlatbufferClassifier(flatbuffer, (source.description, source.head, source.trust))
    if source.trust:
        classifier.trust = Trust(source.trust.calibration, record_answers(classifier))
    return flatbuffer, classifier


def prove(form: str, small: Classifier, exact: Classifier, images: np.ndarray, labels: np.ndarray) -> Int8Proof:
    """Compare a smaller network with the float32 one.

    Args:
        form: of `small`, one of FORMS.
        small, exact: both classifiers.
        images: uint8 (n, height, width, channels), n at least 1, best ones that the weights were not fitted to.
        labels: int (n,).
    """
    (answers, sets), (expected, expected_sets) = small.answers(images), exact.answers(images)
    known_changed = sum(bool(a) != bool(b) for a, b in zip(sets or (), expected_sets or (), strict=True))
    return Int8Proof(
        form,
        len(images),
        float((answers.argmax(1) == labels).mean()),
        float((expected.argmax(1) == labels).mean()),
        int((answers.argmax(1) != expected.argmax(1)).sum()),
        known_changed,
        float(np.abs(answers - expected).max()),
    )

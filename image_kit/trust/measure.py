"""The end of a training: measure how far the answers of its weights can be trusted."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from image_kit.answering import Classifier
from image_kit.datasets import ImageSet
from image_kit.trust import calibration, golden, novelty
from image_kit.trust.trust import Trust

CHUNK = 256  # images of the data at once: bounds the memory


def measure_trust(classifier: Classifier, train: ImageSet, validation: ImageSet) -> tuple[Trust, dict[str, Any]]:
    """Calibrate a trained classifier.

    Args:
        classifier: with the weights to keep.
        train: training images, whose pixels say what is usual; as they are, not augmented.
        validation: images that the weights were not fitted to.

    Returns:
        What travels with the weights; and for the run's record how many images calibrated, the temperature, and the
        expected calibration error before and after it on these same images, which flatters the second.
    """
    statistics = [novelty.image_statistics(images) for images in _chunks(train, _spread(train, novelty.MAX_FITTED))]
    unlike = novelty.fit(np.concatenate(statistics))
    chosen = _spread(validation, calibration.MAX_SCORES)
    answers = [(classifier.uncalibrated(images), unlike.scores(images)) for images in _chunks(validation, chosen)]
    probabilities, scores = map(np.concatenate, zip(*answers, strict=True))
    labels = validation.labels[chosen]
    calibrated = calibration.calibrate(probabilities, labels, scores, unlike)
    cooled = calibration.with_temperature(probabilities, calibrated.temperature)
    record = {
        "images": len(labels),
        "temperature": calibrated.temperature,
        "validation_ece_before": calibration.expected_calibration_error(probabilities, labels),
        "validation_ece_after": calibration.expected_calibration_error(cooled, labels),
    }
    return Trust(calibrated, golden.record(classifier)), record


def _spread(images: ImageSet, most: int) -> np.ndarray:
    """Indices of up to `most` images, evenly spaced, so that every class keeps its share."""
    total = len(images.labels)
    return np.linspace(0, total - 1, min(total, most)).astype(int)


def _chunks(images: ImageSet, chosen: np.ndarray) -> Iterator[np.ndarray]:
    return (images.take(chosen[start : start + CHUNK]) for start in range(0, len(chosen), CHUNK))

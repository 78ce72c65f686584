"""The end of a training: measure how far the answers of the trained network can be trusted."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from image_kit.datasets import ImageSet
from image_kit.trust.calibration import MAX_SCORES, expected_calibration_error, fit_calibration, with_temperature
from image_kit.trust.golden import record_answers
from image_kit.trust.network import Network
from image_kit.trust.novelty import MAX_FITTED, evenly_spaced, fit_novelty, image_statistics
from image_kit.trust.trust import Trust

BATCH = 256  # images loaded at once, which limits the memory


def measure_trust(network: Network, train: ImageSet, validation: ImageSet) -> tuple[Trust, dict[str, Any]]:
    """Calibrate a trained network, and record its answers for the golden self-test.

    Args:
        network: with the weights to keep.
        train: the training images, not augmented. Images unlike them will be refused.
        validation: labelled images that the weights were not fitted to.

    Returns:
        The `Trust` to store with the weights; and a record for metrics.json: the number of images, the temperature,
        and the expected calibration error before and after calibration. Both errors are measured on the validation
        images themselves, so the second one is optimistic.
    """
    statistics = [image_statistics(images) for images in _batches(train, evenly_spaced(len(train.labels), MAX_FITTED))]
    novelty = fit_novelty(np.concatenate(statistics))
    chosen = evenly_spaced(len(validation.labels), MAX_SCORES)
    answers = [(network.uncalibrated(images), novelty.scores(images)) for images in _batches(validation, chosen)]
    probabilities, novelty_scores = map(np.concatenate, zip(*answers, strict=True))
    labels = validation.labels[chosen]
    calibration = fit_calibration(probabilities, labels, novelty_scores, novelty)
    calibrated = with_temperature(probabilities, calibration.temperature)
    record = {
        "images": len(labels),
        "temperature": calibration.temperature,
        "validation_ece_before": expected_calibration_error(probabilities, labels),
        "validation_ece_after": expected_calibration_error(calibrated, labels),
    }
    return Trust(calibration, record_answers(network)), record


def _batches(images: ImageSet, chosen: np.ndarray) -> Iterator[np.ndarray]:
    return (images.take(chosen[start : start + BATCH]) for start in range(0, len(chosen), BATCH))

"""The end of a training: measure how far the answers of the trained network can be trusted."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from image_kit.datasets import ImageSet
from image_kit.trust.calibration import MAX_SCORES, expected_calibration_error, fit_calibration, with_temperature
from image_kit.trust.golden import record_answers
from image_kit.trust.heads import to_probabilities
from image_kit.trust.neighbours import MAX_BANK, FeatureNovelty, fit_feature_novelty
from image_kit.trust.network import Network
from image_kit.trust.novelty import MAX_FITTED, NoveltyScorer, evenly_spaced, fit_novelty, image_statistics
from image_kit.trust.trust import Trust

BATCH = 256  # images loaded at once, which limits the memory


def measure_trust(
    network: Network, train: ImageSet, validation: ImageSet, by_features: bool = False
) -> tuple[Trust, dict[str, Any]]:
    """Calibrate a trained network, and record its answers for the golden self-test.

    Args:
        network: with the weights to keep.
        train: the training images, not augmented. Images unlike them will be refused.
        validation: labelled images that the weights were not fitted to.
        by_features: whether the inputs of the head tell what is unlike the training images, as those of a pretrained
            backbone do; else the statistics of pixels tell.

    Returns:
        The `Trust` to store with the weights; and a record for metrics.json: the number of images, the temperature,
        and the expected calibration error before and after calibration. Both errors are measured on the validation
        images themselves, so the second one is optimistic.
    """
    novelty = _fit_feature_novelty(network, train) if by_features else _fit_pixel_novelty(train)
    chosen = evenly_spaced(len(validation.labels), MAX_SCORES)
    answers = [
        (to_probabilities(outputs, network.head), novelty.scores(features if by_features else images))
        for images in _batches(validation, chosen)
        for outputs, features in [network.outputs_and_features(images)]
    ]
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


def _fit_pixel_novelty(train: ImageSet) -> NoveltyScorer:
    chosen = evenly_spaced(len(train.labels), MAX_FITTED)
    return fit_novelty(np.concatenate([image_statistics(images) for images in _batches(train, chosen)]))


def _fit_feature_novelty(network: Network, train: ImageSet) -> FeatureNovelty:
    chosen = evenly_spaced(len(train.labels), MAX_BANK)
    return fit_feature_novelty(
        np.concatenate([network.outputs_and_features(images)[1] for images in _batches(train, chosen)])
    )


def _batches(images: ImageSet, chosen: np.ndarray) -> Iterator[np.ndarray]:
    return (images.take(chosen[start : start + BATCH]) for start in range(0, len(chosen), BATCH))

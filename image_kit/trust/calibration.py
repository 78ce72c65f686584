"""How far to trust an answer: calibrated probabilities, and sets of classes that hold the right one at a stated rate.

The numbers come from labelled images that the weights were not fitted to, the validation images. Two methods:

Temperature scaling: probabilities are made as sure as they are right by dividing the logits by one number.
Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.

Split conformal prediction: the answer is every class whose nonconformity score, 1 - its probability, is not larger
than nearly all scores of the right classes seen in calibration. Sources: Vovk, Gammerman, Shafer, "Algorithmic
learning in a random world", 2005; Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with bounded error
levels", JASA 2019. An image can also be refused as unlike the training images (see novelty.py). Both kinds of error
share the rate that the coverage leaves, by the union bound: with images drawn like the calibration images,
P(the right class is in the answer) >= coverage.
"""

import math
from dataclasses import dataclass

import numpy as np

from image_kit.trust.novelty import Novelty

MIN_COVERAGE, MAX_COVERAGE, COVERAGE = 0.5, 0.999, 0.95
NOVELTY_SHARE = 5  # one of so many of the errors that the coverage allows may be a refusal
MAX_SCORES = 10_000  # images calibrate to a hundredth of a percent; more would only lengthen the file
TEMPERATURES = (0.05, 20.0)  # a fit outside says that the images are too few or the network knows nothing
TINY = 1e-8  # the next float32 below 1 is 1 - 6e-8, so one sigmoid unit tells nothing smaller; logarithms stay finite
BINS = 15  # of the calibration error, as in Guo et al.


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the calibration images say; made by `calibrate`.

    Attributes:
        temperature: the logits are divided by it, > 0.
        set_scores: float32 (n,), ascending: 1 - probability of the right class, as the network gives it.
        novelty_scores: float32 (n,), ascending, of the same images.
        novelty: what scores an image's novelty.
    """

    temperature: float
    set_scores: np.ndarray
    novelty_scores: np.ndarray
    novelty: Novelty

    def __post_init__(self):
        """Raises ValueError on numbers that no calibration gives: they come from a file."""
        low, high = TEMPERATURES
        if not low <= self.temperature <= high:
            raise ValueError(f"temperature must be {low} to {high}, received {self.temperature}")
        for scores in (self.set_scores, self.novelty_scores):
            if scores.shape != self.set_scores.shape or scores.ndim != 1 or not 0 < len(scores) <= MAX_SCORES:
                raise ValueError(f"scores must be two lists of up to {MAX_SCORES} numbers, received {scores.shape}")
            if (np.diff(scores) < 0).any():
                raise ValueError("scores must ascend")

    def can_answer(self, coverage: float) -> bool:
        """Whether there were images enough to leave any class out at this coverage."""
        return _allowed_errors(len(self.set_scores), coverage) > 0

    def prediction_sets(
        self, probabilities: np.ndarray, novelty_scores: np.ndarray, coverage: float = COVERAGE
    ) -> list[tuple[int, ...]]:
        """For each image the classes that may be right, most probable first; none: unlike the training images.

        The most probable class is always among them unless the image is unlike. All classes, and never unlike, if
        the calibration images are too few for the coverage.

        Args:
            probabilities: float (n, classes), as the network gives them, not calibrated.
            novelty_scores: float (n,), of `novelty`.
            coverage: MIN_COVERAGE to MAX_COVERAGE.
        """
        in_set, novelty_limit = self.limits(coverage)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        sets = []
        for row, ranked, score in zip(probabilities, order, novelty_scores, strict=True):
            kept = tuple(int(i) for place, i in enumerate(ranked) if place == 0 or _nonconformity(row[i]) <= in_set)
            sets.append(() if score > novelty_limit else kept)
        return sets

    def limits(self, coverage: float) -> tuple[float, float]:
        """The largest nonconformity of a class in the set, and the largest novelty that is not refused."""
        errors = _allowed_errors(len(self.set_scores), coverage)
        # A single error cannot be shared; it goes to the set, which is of more use.
        refusals = max(1, errors // NOVELTY_SHARE) if errors > 1 else 0
        return _quantile(self.set_scores, errors - refusals), _quantile(self.novelty_scores, refusals)


def _allowed_errors(n: int, coverage: float) -> int:
    """How many of n + 1 exchangeable images may be answered wrongly: n + 1 - ceil((n + 1) coverage)."""
    if not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
        raise ValueError(f"coverage must be {MIN_COVERAGE} to {MAX_COVERAGE}, received {coverage}")
    return n + 1 - math.ceil((n + 1) * coverage - 1e-9)  # .95 in binary is a little more than .95


def _quantile(ascending: np.ndarray, errors: int) -> float:
    """The score that a new one, exchangeable with these, exceeds with probability <= errors / (n + 1)."""
    return float(ascending[len(ascending) - errors]) if errors else math.inf


def _nonconformity(probabilities: np.ndarray) -> np.ndarray:
    return np.float32(1) - np.asarray(probabilities, np.float32)


def calibrate(probabilities: np.ndarray, labels: np.ndarray, novelty_scores: np.ndarray, novelty: Novelty):
    """A `Calibration` from images that the weights were not fitted to.

    Args:
        probabilities: float (n, classes), as the network gives them.
        labels: int (n,).
        novelty_scores: float (n,), of `novelty`.
        novelty: fitted to other images than these.
    """
    scores = _nonconformity(probabilities[np.arange(len(labels)), labels])
    return Calibration(
        fit_temperature(probabilities, labels), np.sort(scores), np.sort(novelty_scores.astype(np.float32)), novelty
    )


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least cross-entropy on these images, within TEMPERATURES.

    The labels are taken as 1 - 1/(n + 2) sure, as Platt scaling does (Platt 1999), so that a few images which are all
    answered rightly do not ask for endless sureness. The cross-entropy is convex in 1 / temperature.
    """
    n, classes = probabilities.shape
    logits = _log(probabilities)
    targets = np.full(probabilities.shape, 1 / (n + 2) / (classes - 1))
    targets[np.arange(n), labels] = 1 - 1 / (n + 2)
    wanted = (targets * logits).sum(axis=1).mean()
    low, high = (math.log(1 / temperature) for temperature in reversed(TEMPERATURES))
    for _ in range(50):  # halvings: to far below what n images can tell
        middle = (low + high) / 2
        slope = (_softmax(logits * math.exp(middle)) * logits).sum(axis=1).mean() - wanted
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(np.clip(math.exp(-(low + high) / 2), *TEMPERATURES))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logits are divided by the temperature: float32 (n, classes), ranked as before."""
    return _softmax(_log(probabilities) / temperature).astype(np.float32)


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """How far sureness and accuracy are apart, 0..1: in bins of equal width, weighted by their images (Guo et al.).

    Args:
        probabilities: float (n, classes).
        labels: int (n,).
    """
    sureness, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    numbers = np.clip(np.ceil(sureness * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(numbers, weights=sureness - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), TINY))


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)

"""How far to trust an answer: calibrated probabilities, and sets of classes that contain the right one at a given rate.

Both are fitted to labelled images that the weights were not fitted to: the validation images. Two methods:

Temperature scaling divides the logits by one number, so that probabilities match the rate of right answers.
Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.

Split conformal prediction answers with every class whose nonconformity score, 1 - its probability, is at most a
threshold that nearly all right classes of the calibration images stay below. Sources: Vovk, Gammerman, Shafer,
"Algorithmic learning in a random world", 2005; Sadinle, Lei, Wasserman, "Least ambiguous set-valued classifiers with
bounded error levels", JASA 2019. An image can also be refused as unlike the training images (see novelty.py and
neighbours.py). Both
kinds of error together stay within the error rate that the coverage allows, by the union bound. For images drawn like
the calibration images, P(the right class is in the answer) >= coverage.
"""

import math
from dataclasses import dataclass

import numpy as np

from image_kit.trust.heads import softmax
from image_kit.trust.neighbours import FeatureNovelty
from image_kit.trust.novelty import NoveltyScorer, evenly_spaced

MIN_COVERAGE, MAX_COVERAGE, COVERAGE = 0.5, 0.999, 0.95
ERRORS_PER_REFUSAL = 5  # one of this many errors that the coverage allows may be a refusal
MAX_SCORES = 10_000  # calibration images: precise to a hundredth of a percent; more would only enlarge the file
TEMPERATURES = (0.05, 20.0)  # a fit outside means that there are too few images or that the network learned nothing
TINY = 1e-8  # keeps logarithms finite; below float32's resolution next to 1 (6e-8), so a sigmoid loses nothing
ROWS = 4_096  # images at once: in float64, all answers to 100,000 photos of 1,000 classes would take 2 GB
BINS = 15  # of the calibration error, as in Guo et al.


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was fitted to the calibration images; made by `fit_calibration`.

    Attributes:
        temperature: the divisor of the logits, within TEMPERATURES.
        nonconformity_scores: float32 (n,), ascending: 1 - the uncalibrated probability of the right class.
        novelty_scores: float32 (n,), ascending, of the same images.
        novelty: gives an image's novelty score.
    """

    temperature: float
    nonconformity_scores: np.ndarray
    novelty_scores: np.ndarray
    novelty: NoveltyScorer | FeatureNovelty

    def __post_init__(self):
        """Raises ValueError if the values, which come from a file, are not those of any calibration."""
        low, high = TEMPERATURES
        if not low <= self.temperature <= high:
            raise ValueError(f"temperature must be {low} to {high}, received {self.temperature}")
        expected = self.nonconformity_scores.shape
        for scores in (self.nonconformity_scores, self.novelty_scores):
            if scores.shape != expected or scores.ndim != 1 or not 0 < len(scores) <= MAX_SCORES:
                raise ValueError(f"scores must be two lists of up to {MAX_SCORES} numbers, received {scores.shape}")
            if (np.diff(scores) < 0).any():
                raise ValueError("scores must ascend")

    def can_answer(self, coverage: float) -> bool:
        """Whether there were enough calibration images to leave out any class at this coverage."""
        return _error_budget(len(self.nonconformity_scores), coverage) > 0

    def score_novelty(self, images: np.ndarray, features: np.ndarray) -> np.ndarray:
        """The novelty scores of images, float32 (n,), from their pixels or their features, as `novelty` needs.

        Args:
            images: uint8 (n, height, width, channels).
            features: float32 (n, d), the inputs of the head for these images.
        """
        return self.novelty.scores(features if isinstance(self.novelty, FeatureNovelty) else images)

    def prediction_sets(
        self, probabilities: np.ndarray, novelty_scores: np.ndarray, coverage: float = COVERAGE
    ) -> list[tuple[int, ...]]:
        """For each image, the indices of the classes that may be right, the most probable first.

        An image refused as unlike the training images gets an empty set; every other set contains the most probable
        class. If there were too few calibration images for this coverage, every set contains all classes.

        Args:
            probabilities: float (n, classes), uncalibrated.
            novelty_scores: float (n,), from `score_novelty`.
            coverage: MIN_COVERAGE to MAX_COVERAGE.

        Raises:
            ValueError: the coverage is out of range.
        """
        max_nonconformity, max_novelty = self.thresholds(coverage)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        sets: list[tuple[int, ...]] = []
        for row, ranked, novelty_score in zip(probabilities, order, novelty_scores, strict=True):
            allowed = _nonconformity(row) <= max_nonconformity
            allowed[ranked[0]] = True
            sets.append(() if novelty_score > max_novelty else tuple(ranked[allowed[ranked]].tolist()))
        return sets

    def thresholds(self, coverage: float) -> tuple[float, float]:
        """The largest nonconformity of a class in the set, and the largest novelty score that is not refused."""
        errors = _error_budget(len(self.nonconformity_scores), coverage)
        # A single error cannot be divided. It goes to the set, which is more useful.
        refusals = max(1, errors // ERRORS_PER_REFUSAL) if errors > 1 else 0
        return _threshold(self.nonconformity_scores, errors - refusals), _threshold(self.novelty_scores, refusals)


def _error_budget(n: int, coverage: float) -> int:
    """How many of n + 1 exchangeable images may get a wrong answer: n + 1 - ceil((n + 1) coverage)."""
    if not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
        raise ValueError(f"coverage must be {MIN_COVERAGE} to {MAX_COVERAGE}, received {coverage}")
    return n + 1 - math.ceil((n + 1) * coverage - 1e-9)  # as a binary fraction, .95 is slightly more than .95


def _threshold(ascending: np.ndarray, errors: int) -> float:
    """The value that the score of a new, exchangeable image exceeds with a probability of at most errors / (n + 1)."""
    return float(ascending[len(ascending) - errors]) if errors else math.inf


def _nonconformity(probabilities: np.ndarray) -> np.ndarray:
    return np.float32(1) - np.asarray(probabilities, np.float32)


def fit_calibration(
    probabilities: np.ndarray, labels: np.ndarray, novelty_scores: np.ndarray, novelty: NoveltyScorer | FeatureNovelty
) -> Calibration:
    """Calibrate with images that the weights were not fitted to.

    Args:
        probabilities: float (n, classes), uncalibrated.
        labels: int (n,), 0..classes - 1.
        novelty_scores: float (n,), from `novelty`.
        novelty: fitted to other images than these.
    """
    scores = _nonconformity(probabilities[np.arange(len(labels)), labels])
    return Calibration(
        fit_temperature(probabilities, labels), np.sort(scores), np.sort(novelty_scores.astype(np.float32)), novelty
    )


def fit_cross_calibration(
    probabilities: np.ndarray, labels: np.ndarray, novelty_scores: np.ndarray, novelty: NoveltyScorer | FeatureNovelty
) -> Calibration:
    """Calibrate with the training images themselves: each answered by a head that was fitted without its fold.

    No image is lost to a calibration part. The final head and the final bank of features are made of all images, so
    they know a little more than the ones whose scores these are. The sets are then a little larger than needed, and
    refusals a little rarer.

    The guarantee of split conformal prediction, which needs one head for old and new images, becomes an approximation.
    It holds as far as a head changes little when one fold is left out. Cross-conformal prediction (Vovk, "Cross-
    conformal predictors", 2015) and CV+ (Barber, Candes, Ramdas, Tibshirani, "Predictive inference with the
    jackknife+", 2021) ask the head of each fold about the new image, and guarantee 1 - 2 (1 - coverage), less a term
    for few folds; in practice they reach about the coverage. We keep one head, so not even that is proven; results.md
    has what was measured.

    Args:
        probabilities: float (n, classes), uncalibrated and out of fold.
        labels: int (n,), 0..classes - 1.
        novelty_scores: float (n,), out of fold: `cross_novelty_scores`.
        novelty: fitted to all images.
    """
    chosen = evenly_spaced(len(labels), MAX_SCORES)
    return fit_calibration(probabilities[chosen], labels[chosen], novelty_scores[chosen], novelty)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, within TEMPERATURES, that gives the least cross-entropy on these images.

    Each label counts as certain to 1 - 1/(n + 2) only, as in Platt scaling (Platt 1999), so that a few images, all
    answered correctly, do not lead to unlimited confidence. The cross-entropy is convex in 1 / temperature, so its
    minimum is the one zero of its slope.

    Args:
        probabilities: float (n, classes), uncalibrated.
        labels: int (n,), 0..classes - 1.
    """
    from scipy.optimize import brentq  # takes 0.3 s; predict.py imports this module and never fits

    n, classes = probabilities.shape
    logits = _log(probabilities)
    targets = np.full(probabilities.shape, 1 / (n + 2) / (classes - 1))
    targets[np.arange(n), labels] = 1 - 1 / (n + 2)
    wanted = (targets * logits).sum(axis=1).mean()

    def slope(log_temperature: float) -> float:
        return wanted - (softmax(logits / math.exp(log_temperature)) * logits).sum(axis=1).mean()

    low, high = TEMPERATURES
    if slope(math.log(low)) >= 0:
        return low
    if slope(math.log(high)) <= 0:
        return high
    return float(np.clip(math.exp(brentq(slope, math.log(low), math.log(high), xtol=1e-14)), low, high))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits by the temperature: float32 (n, classes), in the same order as before."""
    found = np.empty(np.shape(probabilities), np.float32)
    for start in range(0, len(found), ROWS):
        found[start : start + ROWS] = softmax(_log(probabilities[start : start + ROWS]) / temperature)
    return found


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """The mean gap between confidence and accuracy, 0..1, over bins of equal width weighted by their images.

    Source: Guo et al. 2017 (see above).

    Args:
        probabilities: float (n, classes).
        labels: int (n,), 0..classes - 1.
        bins: of the confidence, the probability of the most probable class.
    """
    confidence, is_right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(numbers, weights=confidence - is_right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _log(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), TINY))

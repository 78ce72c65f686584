"""How well a network answers labelled images, with the uncertainty that their number leaves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from image_kit.answering.classifier import Classifier
from image_kit.datasets import ImageSet
from image_kit.terminal import progress, visible
from image_kit.text_table import table

CONFIDENCE = 0.95  # of every interval in the kit's reports
CLIP = 1e-7  # keras.config.epsilon(): Keras's cross-entropy keeps probabilities this far from 0 and 1


def wilson_interval(correct: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    Unlike accuracy ± 2 standard errors, it stays within 0..1 and is valid for few images and for accuracies near 1.
    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927),
    209-212. It equals scipy.stats.binomtest(correct, total).proportion_ci(confidence, method="wilson"), but importing
    scipy.stats takes 0.6 s, a tenth of a small training or evaluation.

    Args:
        correct: successes, 0..total.
        total: trials, at least 1.
        confidence: above 0 and below 1.

    Returns:
        (low, high), 0 <= low <= correct / total <= high <= 1.

    Raises:
        ValueError: an argument is out of its range.
    """
    if total < 1:
        raise ValueError(f"an interval needs at least 1 image, got {total}")
    if not 0 <= correct <= total:
        raise ValueError(f"correct must be 0 to {total}, got {correct}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    proportion = correct / total
    centre = proportion + z**2 / (2 * total)
    half = z * math.sqrt(proportion * (1 - proportion) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    # Rounding can put a bound on the wrong side of the proportion if none or all are correct.
    return max(0.0, min(proportion, (centre - half) / scale)), min(1.0, max(proportion, (centre + half) / scale))


def beside_guessing(interval: tuple[float, float], photos: np.ndarray, class_names: Sequence[str]) -> str:
    """What to say after an accuracy that may be no better than always answering the most frequent class; else "".

    Args:
        interval: of the accuracy, 0..1.
        photos: int (classes,), how many there are of each class.
        class_names: in the same order.
    """
    most, total = int(photos.max()), int(photos.sum())
    if most == total or interval[0] > most / total:
        return ""
    return f"; always answering {visible(class_names[int(photos.argmax())])} is {100 * most / total:.1f} % correct"


@dataclass(frozen=True, eq=False)
class Scores:
    """The result of one evaluation; made by `score`.

    Attributes:
        class_names: in the order of the labels.
        correct: the number of images where the most probable class is the label.
        total: the number of images.
        accuracy: correct / total, 0..1.
        interval: Wilson's 95 % interval of the accuracy, 0..1.
        loss: mean cross-entropy in nats.
        confusion: int64 (classes, classes), images by true label (row) and predicted class (column).
        recall: per class, the fraction of its images that were answered correctly, 0..1; None without such images.
        precision: per class, the fraction of its answers that were correct, 0..1; None if it was never answered.
    """

    class_names: tuple[str, ...]
    correct: int
    total: int
    accuracy: float
    interval: tuple[float, float]
    loss: float
    confusion: np.ndarray
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]

    def sentence(self) -> str:
        """The result in one line: "383 of 400 correct: 95.8 % (95 % interval 93.3 to 97.3)".

        If the network may be no better than one that always answers the most frequent class, the line says so.
        """
        low, high = (100 * bound for bound in self.interval)
        percent = 100 * self.correct / self.total
        interval = f"{100 * CONFIDENCE:.0f} % interval {low:.1f} to {high:.1f}"
        sentence = f"{self.correct} of {self.total} correct: {percent:.1f} % ({interval})"
        return sentence + beside_guessing(self.interval, self.confusion.sum(axis=1), self.class_names)

    def table(self) -> str:
        """One aligned line per class: class, photos, correct, recall, precision ("-" if undefined)."""
        return table([("class", "photos", "correct", "recall", "precision"), *map(_row, self._classes())])

    def as_dict(self) -> dict[str, Any]:
        """The scores as plain Python values for JSON, with one entry per class."""
        return {
            "correct": self.correct,
            "total": self.total,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "confidence": CONFIDENCE,
            "loss": self.loss,
            "classes": self._classes(),
            "confusion": self.confusion.tolist(),
        }

    def _classes(self) -> list[dict[str, Any]]:
        photos, correct = self.confusion.sum(axis=1).tolist(), self.confusion.diagonal().tolist()
        columns = zip(self.class_names, photos, correct, self.recall, self.precision, strict=True)
        return [dict(zip(("name", "photos", "correct", "recall", "precision"), row, strict=True)) for row in columns]


def score(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Scores:
    """Compare a network's answers with the true labels.

    The answer is the most probable class; of equally probable ones the first, as in Keras's accuracy.

    Args:
        probabilities: float (n, classes), each row a distribution over the classes.
        labels: int (n,), 0..classes - 1.
        class_names: in the order of the labels.

    Raises:
        ValueError: no images, shapes that do not match, a label out of range, or probabilities that are NaN or
            infinite.
    """
    probabilities, labels = _validated(probabilities, labels)
    classes = probabilities.shape[1]
    if len(class_names) != classes:
        raise ValueError(f"the probabilities have {classes} classes, but there are {len(class_names)} names")
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    right = confusion.diagonal()
    correct, total = int(right.sum()), len(labels)
    of_label = probabilities[np.arange(total), labels].astype(np.float64)
    return Scores(
        class_names=tuple(class_names),
        correct=correct,
        total=total,
        accuracy=correct / total,
        interval=wilson_interval(correct, total),
        loss=float(-np.log(np.clip(of_label, CLIP, 1 - CLIP)).mean()),
        confusion=confusion,
        recall=_fractions(right, confusion.sum(axis=1)),
        precision=_fractions(right, confusion.sum(axis=0)),
    )


def score_images(classifier: Classifier, images: ImageSet) -> tuple[np.ndarray, Scores]:
    """Class probabilities, float32 (n, classes), and scores of labelled images; in batches, with a progress bar."""
    size, total = classifier.batch_size, len(images.labels)
    starts = progress(range(0, total, size), label="scoring")
    batches = [classifier.probabilities(images.take(np.arange(start, min(start + size, total)))) for start in starts]
    probabilities = np.concatenate(batches)
    return probabilities, score(probabilities, images.labels, classifier.class_names)


def most_confident_mistakes(probabilities: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """The wrong answers with the highest probabilities: the first place to look for wrong labels.

    Args:
        probabilities: float (n, classes).
        labels: int (n,).
        count: how many to return at most, at least 0.

    Returns:
        int64 (count or fewer,), indices of images, the most confident first; equally confident ones keep their order.

    Raises:
        ValueError: as `score`, or a negative count.
    """
    probabilities, labels = _validated(probabilities, labels)
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")
    return wrong[order][:count]


def _validated(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if not len(labels):
        raise ValueError("there are no images to score")
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"probabilities must be (n, classes) and labels (n,), got {probabilities.shape} and {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers, got {labels.dtype}")
    classes = probabilities.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if broken:
        raise ValueError(f"the network answered NaN or infinity for {broken} of {len(labels)} images")
    return probabilities, labels


def _fractions(parts: np.ndarray, totals: np.ndarray) -> tuple[float | None, ...]:
    return tuple(int(part) / int(total) if total else None for part, total in zip(parts, totals, strict=True))


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    """A class as a row of the table."""
    percents = ("-" if entry[key] is None else f"{100 * entry[key]:.1f} %" for key in ("recall", "precision"))
    return (entry["name"], str(entry["photos"]), str(entry["correct"]), *percents)

"""How well a network did on labelled images, with the uncertainty that so few images leave."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from image_kit.answering.classifier import Classifier
from image_kit.datasets import ImageSet
from image_kit.terminal import progress

CONFIDENCE = 0.95  # of every interval that the kit reports
CLIP = 1e-7  # keras.config.epsilon(): Keras's cross-entropy keeps probabilities this far from 0 and 1


def wilson_interval(correct: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a proportion.

    Unlike accuracy ± 2 standard errors it stays within 0..1 and is sound for few images and for
    accuracies near 1. Source: E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 22 (1927), 209-212.

    Args:
        correct: successes, 0..total.
        total: trials, at least 1.
        confidence: between 0 and 1, both excluded.

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
    share = correct / total
    centre = share + z**2 / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    # Exact arithmetic never crosses the estimate; rounding does, at 0 and at `total` correct.
    return max(0.0, min(share, (centre - half) / scale)), min(1.0, max(share, (centre + half) / scale))


@dataclass(frozen=True, eq=False)
class Scores:
    """The result of one evaluation; made by `score`.

    Attributes:
        class_names: one per class, in the order of the labels.
        correct: images whose most probable class is their label.
        total: images.
        accuracy: correct / total, 0..1.
        interval: Wilson's 95 % interval of the accuracy, 0..1.
        loss: mean cross-entropy in nats.
        confusion: int64 (classes, classes), images by true label (row) and predicted class (column).
        recall: per class, the share of its images that were recognised; None without such images.
        precision: per class, the share of right answers among the times it was answered; None if never.
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
        """The result in one line: "383 of 400 correct: 95.8 % (95 % interval 93.3 to 97.3)"."""
        low, high = (100 * bound for bound in self.interval)
        share = 100 * self.correct / self.total
        interval = f"{100 * CONFIDENCE:.0f} % interval {low:.1f} to {high:.1f}"
        return f"{self.correct} of {self.total} correct: {share:.1f} % ({interval})"

    def table(self) -> str:
        """One line per class in aligned columns: class, photos, correct, recall, precision ("-" if undefined)."""
        rows = [("class", "photos", "correct", "recall", "precision")]
        for entry in self._classes():
            rows.append(
                (entry["name"], str(entry["photos"]), str(entry["correct"]))
                + tuple("-" if entry[key] is None else f"{100 * entry[key]:.1f} %" for key in ("recall", "precision"))
            )
        widths = [max(map(_columns, column)) for column in zip(*rows, strict=True)]
        return "\n".join(_aligned(row, widths) for row in rows)

    def as_dict(self) -> dict[str, Any]:
        """The same numbers as plain Python values, ready for JSON."""
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

    The answer is the most probable class; among equals the first, as in Keras's accuracy.

    Args:
        probabilities: float (n, classes), each row a distribution over the classes.
        labels: int (n,), 0..classes - 1.
        class_names: one per class.

    Raises:
        ValueError: no images, shapes that do not match, a label out of range, or probabilities
            that are NaN or infinite.
    """
    probabilities, labels = _checked(probabilities, labels)
    classes = probabilities.shape[1]
    if len(class_names) != classes:
        raise ValueError(f"the probabilities are of {classes} classes, but {len(class_names)} names were given")
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
        recall=_shares(right, confusion.sum(axis=1)),
        precision=_shares(right, confusion.sum(axis=0)),
    )


def score_images(classifier: Classifier, images: ImageSet) -> tuple[np.ndarray, Scores]:
    """Class probabilities, float32 (n, classes), and scores of labelled images; chunk by chunk, with a bar."""
    size, total = classifier.chunk_size, len(images.labels)
    starts = progress(range(0, total, size), label="scoring")
    chunks = [classifier.probabilities(images.take(np.arange(start, min(start + size, total)))) for start in starts]
    probabilities = np.concatenate(chunks)
    return probabilities, score(probabilities, images.labels, classifier.class_names)


def most_confident_mistakes(probabilities: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """The wrong answers that the network was surest of: where to look first for bad labels.

    Args:
        probabilities: float (n, classes).
        labels: int (n,).
        count: the most to return, at least 0.

    Returns:
        int64 (count or fewer,), indices of images, most confident first, equals in their given order.

    Raises:
        ValueError: as `score`, or a negative count.
    """
    probabilities, labels = _checked(probabilities, labels)
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")
    return wrong[order][:count]


def _checked(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _shares(parts: np.ndarray, wholes: np.ndarray) -> tuple[float | None, ...]:
    return tuple(int(part) / int(whole) if whole else None for part, whole in zip(parts, wholes, strict=True))


def _columns(text: str) -> int:
    """Terminal columns that a text takes: two for an East Asian character, none for a combining mark."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    """The first cell to the left, the numbers to the right, two spaces between."""
    padding = [" " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True)]
    return "  ".join([row[0] + padding[0], *(pad + cell for pad, cell in zip(padding[1:], row[1:], strict=True))])

"""How right a head is on photos that it was not fitted to, from the photos that there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from image_kit.features.feature_rows import FeatureRows
from image_kit.features.folds import FOLDS, make_folds, repeats_for
from image_kit.features.head import as_rows
from image_kit.features.intervals import cross_validated_interval
from image_kit.features.softmax_regression import Fits, fit_all, predict_logits

# Accuracy changes by less than its standard error over this range; the log-loss was best at 3e-5 for 3, 5, 10 and 30
# photos of each class and for 1,198 of ten, at 1e-5 where classes are far apart. The strongest is for labels that the
# features say nothing about.
STRENGTHS = (1e-2, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Answers to every photo by heads that were fitted without it and without its group.

    Attributes:
        probabilities: float32 (n, c), the mean over the repeats.
        answers: int (n,), the most probable class.
        folds: int16 (repeats, n), the fold in which each photo was held out.
        strength: the one that a head fitted to all photos should have.
        accuracy: the rate of right `answers`, 0 to 1.
        interval: its 95 % interval, for a head fitted to all photos.
        repeat_accuracies: float (repeats,), the accuracy of each repeat on its own.
        confusion: int (c, c), photos by their class (row) and answer (column).
        recalls: float (c,), the rate of right answers among the photos of each class; nan: a class without photos.
        recall_intervals: float (c, 2), their 95 % intervals; nan likewise.
    """

    probabilities: np.ndarray
    answers: np.ndarray
    folds: np.ndarray
    strength: float
    accuracy: float
    interval: tuple[float, float]
    repeat_accuracies: np.ndarray
    confusion: np.ndarray
    recalls: np.ndarray
    recall_intervals: np.ndarray


def cross_validate(
    features: np.ndarray | FeatureRows,
    labels: np.ndarray,
    n_classes: int,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> CrossValidation:
    """Fit heads to all folds but one, ask them about that one, and do so for each fold, strength and repeat.

    The answers of a fold come from the strength with the smallest log-loss on the photos of the other folds, so that a
    photo has no say in the strength that is used for it.

    Args:
        features: (n, d), any float type, may be memory-mapped; or the rows that `prepare_rows` made of them.
        labels: int (n,), 0 to n_classes - 1; at least two photos of each class.
        n_classes: number of classes, c.
        groups: int (n,); photos of the same group are in the same fold. None: each photo on its own.
        weights: float (n,), how much each photo counts in the fits and the choice of the strength; None: all the same.
        strengths: of the penalty, to choose from.
        seed: of the division into folds.

    Raises:
        UserError: all photos are in one group.
    """
    rows, labels = as_rows(features), np.asarray(labels)
    weights = np.ones(len(rows), np.float32) if weights is None else np.asarray(weights, np.float32)
    folds = make_folds(labels, groups, FOLDS, repeats_for(len(rows)), seed)
    thetas = _fit_folds(rows, labels, n_classes, weights, folds, strengths)
    losses = _held_out_losses(rows, labels, folds, thetas) * weights[:, None]
    probabilities = np.zeros((len(rows), n_classes), np.float32)
    repeat_accuracies = []
    for fold_of, fold_thetas in zip(folds, thetas, strict=True):
        of_repeat = np.empty_like(probabilities)
        for fold, strength_thetas in enumerate(fold_thetas):
            held = np.flatnonzero(fold_of == fold)
            chosen = losses[fold_of != fold].sum(axis=0).argmin()
            of_repeat[held] = np.exp(_log_probabilities(rows, strength_thetas[chosen], held))
        probabilities += of_repeat / len(folds)
        repeat_accuracies.append((of_repeat.argmax(axis=1) == labels).mean())
    strength = float(strengths[losses.sum(axis=0).argmin()])
    return _score(probabilities, labels, groups, folds, strength, np.array(repeat_accuracies))


def answer_held_out(
    rows: FeatureRows, labels: np.ndarray, n_classes: int, folds: np.ndarray, strength: float, weights: np.ndarray
) -> Iterator[np.ndarray]:
    """Answers to every photo by heads that were fitted without its fold, when some photos count less or not at all.

    Args:
        rows, labels, n_classes: as in `cross_validate`.
        folds: int (repeats, n), such as `CrossValidation.folds`.
        strength: of the penalty.
        weights: float32 (n,) or (repeats, k, n), how much each photo counts in the fits, those of each fold if k are
            given; no fold may hold all photos that count.

    Yields:
        For each repeat, log-probabilities, float32 (n, c).
    """
    for fold_of, thetas in zip(folds, _fit_folds(rows, labels, n_classes, weights, folds, (strength,)), strict=True):
        logs = np.empty((len(rows), n_classes), np.float32)
        for fold, theta in enumerate(thetas[:, 0]):
            held = np.flatnonzero(fold_of == fold)
            logs[held] = _log_probabilities(rows, theta, held)
        yield logs


def _fit_folds(
    rows: FeatureRows,
    labels: np.ndarray,
    n_classes: int,
    weights: np.ndarray,
    folds: np.ndarray,
    strengths: Sequence[float],
) -> np.ndarray:
    """Weights of heads, float32 (repeats, folds, strengths, r + 1, c), each fitted without the photos of its fold.

    `weights` is (n,), or (repeats, folds, n).
    """
    numbers = np.arange(folds.max() + 1)
    masks = folds[:, None] != numbers[:, None]  # (repeats, folds, n)
    kept = (masks * weights).reshape(-1, len(labels)).T
    fit_weights = np.repeat(kept, len(strengths), axis=1)
    theta = fit_all(rows, Fits(labels, n_classes, fit_weights, np.tile(strengths, kept.shape[1])))
    return theta.swapaxes(0, 1).reshape(len(folds), len(numbers), len(strengths), -1, n_classes)


def _held_out_losses(rows: FeatureRows, labels: np.ndarray, folds: np.ndarray, thetas: np.ndarray) -> np.ndarray:
    """The log-loss of each photo by the heads that do not know it: (n, strengths), the mean over the repeats."""
    losses = np.zeros((len(rows), thetas.shape[2]))
    for fold_of, fold_thetas in zip(folds, thetas, strict=True):
        for fold, strength_thetas in enumerate(fold_thetas):
            held = np.flatnonzero(fold_of == fold)
            for number, theta in enumerate(strength_thetas):
                logs = _log_probabilities(rows, theta, held)
                losses[held, number] -= logs[np.arange(len(held)), labels[held]] / len(folds)
    return losses


def _log_probabilities(rows: FeatureRows, theta: np.ndarray, photos: np.ndarray) -> np.ndarray:
    logits = predict_logits(rows, theta[:, None], photos)[:, 0]
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _score(
    probabilities: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray | None,
    folds: np.ndarray,
    strength: float,
    repeat_accuracies: np.ndarray,
) -> CrossValidation:
    n_classes = probabilities.shape[1]
    answers, k = probabilities.argmax(axis=1), int(folds.max()) + 1
    right = answers == labels
    confusion = np.zeros((n_classes, n_classes), int)
    np.add.at(confusion, (labels, answers), 1)
    recalls, recall_intervals = np.full(n_classes, np.nan), np.full((n_classes, 2), np.nan)
    for label in np.unique(labels):
        own = labels == label
        recalls[label] = right[own].mean()
        recall_intervals[label] = cross_validated_interval(right[own], k, None if groups is None else groups[own])
    return CrossValidation(
        probabilities=probabilities,
        answers=answers,
        folds=folds,
        strength=strength,
        accuracy=float(right.mean()),
        interval=cross_validated_interval(right, k, groups),
        repeat_accuracies=repeat_accuracies,
        confusion=confusion,
        recalls=recalls,
        recall_intervals=recall_intervals,
    )

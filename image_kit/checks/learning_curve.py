"""How much more photos would help: accuracy with parts of the photos, and a power law that continues it."""

from dataclasses import dataclass

import numpy as np

from image_kit.checks.power_law import fit_power_law
from image_kit.features import CrossValidation, FeatureRows, answer_held_out

PARTS = (0.125, 0.25, 0.5, 1.0)  # of the photos of the other folds that a head is fitted to
REPEATS = 3  # divisions into folds that are used, if there are as many
FEWEST_PHOTOS = 40
FEWEST_OF_CLASS = 15  # photos of a class, on average: with 11, the truth was in 11 of 16 intervals of 90 % for fruit
# Drawing other parts changes an accuracy by .2 to .7, half on average, of the standard error of as many single photos
# (five sets of 143 to 1,198 photos of clothing, 5 draws each).
DRAWING = 0.5
WIDEST = 0.2  # of an interval of accuracy, 0 to 1, that still says something
SURE = 2.5  # standard errors by which a class must gain more than nothing to be named
ENOUGH = 0.995  # accuracy from which more photos cannot help visibly
STEPS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)  # photos more of each class that are asked about
SEED = 0


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Accuracy by the number of photos.

    Attributes:
        sizes: float (m,), photos of a class, on average, that heads were fitted to; ascending.
        accuracies: float (m,), 0 to 1, on photos that the heads did not know.
        spread: float (m,), the standard error of each accuracy.
        recalls: float (m, c), the accuracy on the photos of each class; nan: a class without photos.
        now: photos of a class that there are, on average.
        accuracy: with all of them, as the power law has it.
        more: photos of each class that the prediction adds.
        prediction: the accuracy with them.
        interval: its 90 % interval.
        gaining_class: the name of the class that gained most from the last doubling; None if that cannot be told.
        sentence: all of this in plain English.
    """

    sizes: np.ndarray
    accuracies: np.ndarray
    spread: np.ndarray
    recalls: np.ndarray
    now: float
    accuracy: float
    more: int
    prediction: float
    interval: tuple[float, float]
    gaining_class: str | None
    sentence: str


def find_learning_curve(
    rows: FeatureRows,
    labels: np.ndarray,
    groups: np.ndarray,
    class_names: tuple[str, ...],
    validated: CrossValidation,
    more: int | None = None,
) -> LearningCurve | None:
    """Fit heads to parts of the photos, each part within the next, and continue the curve.

    Args:
        rows, labels, groups: of the photos, as `validated` had them.
        class_names: a label is an index into it.
        validated: its folds and its strength are used.
        more: photos of each class to add; None: the largest round number that at most doubles them.

    Returns:
        None if there are too few photos, if nearly all are of one class, or if the interval is so wide that it says
        nothing.
    """
    now = len(labels) / len(np.unique(labels))
    is_guessing_enough = np.bincount(labels).max() >= ENOUGH * len(labels)
    if len(labels) < FEWEST_PHOTOS or now < FEWEST_OF_CLASS or is_guessing_enough:
        return None
    if more is None:
        more = max(step for step in STEPS if step <= now)
    right = _right_answers(rows, labels, groups, len(class_names), validated)
    k = int(validated.folds.max()) + 1
    sizes, covariance = now * (1 - 1 / k) * np.array(PARTS), _covariance(right, groups, k)
    law = fit_power_law(sizes, 1 - right.mean(axis=1), covariance)
    accuracy = 1 - float(law.error_at(now).quantiles([0.5])[0])
    low, prediction, high = (1 - law.error_at(now + more).quantiles([0.95, 0.5, 0.05])).tolist()
    if high - low > WIDEST:
        return None
    gaining = _find_gaining_class(right, labels, class_names)
    return LearningCurve(
        sizes=sizes,
        accuracies=right.mean(axis=1),
        spread=np.sqrt(np.diag(covariance)),
        recalls=_recalls(right, labels, len(class_names)),
        now=now,
        accuracy=accuracy,
        more=more,
        prediction=prediction,
        interval=(low, high),
        gaining_class=gaining,
        sentence=_say(more, accuracy, prediction, (low, high), gaining),
    )


def _right_answers(
    rows: FeatureRows, labels: np.ndarray, groups: np.ndarray, n_classes: int, validated: CrossValidation
) -> np.ndarray:
    """How often each photo is answered rightly by heads that were fitted to each part: float (m, n), 0 to 1."""
    folds = validated.folds[:REPEATS]
    k, rng = int(folds.max()) + 1, np.random.default_rng(SEED)
    weights = np.empty((len(PARTS), len(folds), k, len(labels)), np.float32)
    for repeat, fold_of in enumerate(folds):
        for fold in range(k):
            places = _places(labels, groups, fold_of != fold, rng)
            weights[:, repeat, fold] = [places < part for part in PARTS]
    every, of_every = np.tile(folds, (len(PARTS), 1)), weights.reshape(-1, k, len(labels))
    answers = answer_held_out(rows, labels, n_classes, every, validated.strength, of_every)
    right = np.array([logs.argmax(axis=1) == labels for logs in answers])
    return right.reshape(len(PARTS), len(folds), -1).mean(axis=1)


def _places(labels: np.ndarray, groups: np.ndarray, usable: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """When each photo is added, float (n,) from 0 to below 1: one group after another, each class at the same pace.

    Photos of a group are added one after another, since new photos would be of new groups too.
    """
    order = np.lexsort((rng.random(len(labels)), rng.random(groups.max() + 1)[groups]))
    places = np.ones(len(labels))
    for label in np.unique(labels):
        own = order[(labels[order] == label) & usable[order]]
        places[own] = (np.arange(len(own)) + rng.random()) / max(len(own), 1)
    return places


def _covariance(right: np.ndarray, groups: np.ndarray, k: int) -> np.ndarray:
    """The covariance of the accuracies, (m, m): of the photos asked, by groups, and of the parts drawn.

    The factor k / (k - 1) is for heads that share photos: see `cross_validated_interval`.
    """
    n, n_groups = right.shape[1], int(groups.max()) + 1
    deviations = np.stack([np.bincount(groups, each, n_groups) for each in right - right.mean(axis=1, keepdims=True)])
    covariance = k / (k - 1) * n_groups / max(n_groups - 1, 1) * deviations @ deviations.T / n**2
    errors = ((1 - right).sum(axis=1) + 0.5) / (n + 1)  # above 0 where all answers are right
    of_drawing = DRAWING**2 * errors * (1 - errors) / n
    unseen = np.maximum(errors * (1 - errors) / n / 2 - np.diag(covariance), 0)
    return covariance + np.diag(of_drawing + unseen)


def _recalls(right: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    recalls = np.full((len(right), n_classes), np.nan)
    for label in np.unique(labels):
        recalls[:, label] = right[:, labels == label].mean(axis=1)
    return recalls


def _find_gaining_class(right: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> str | None:
    """The class whose photos gained most from the last doubling, if it gained more than chance explains."""
    gains = right[-1] - right[-2]
    found = []
    for label in np.unique(labels):
        own = gains[labels == label]
        if len(own) >= FEWEST_OF_CLASS and own.mean() > SURE * own.std() / np.sqrt(len(own)):
            found.append((own.mean(), class_names[label]))
    return max(found)[1] if found else None


def _say(more: int, accuracy: float, prediction: float, interval: tuple[float, float], gaining: str | None) -> str:
    if accuracy >= ENOUGH:
        return f"Accuracy is {_short(accuracy)} already, so more photos of the same kind would not raise it visibly."
    rises = _short(prediction) != _short(accuracy)
    change = f"rise from {_short(accuracy)} to" if rises else "stay at"
    sentence = (
        f"With {more:,} more photos of each class, accuracy would {change} about {_short(prediction)} "
        f"({_short(interval[0])} to {_short(interval[1])} with 90 % certainty)."
    )
    return sentence + (f" {gaining} is likely to gain most." if gaining and rises else "")


def _short(fraction: float) -> str:
    """.85"""
    return f"{fraction:.2f}".removeprefix("0")

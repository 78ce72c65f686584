"""Pairs of classes that are taken for each other, and what would help."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.findings import Finding
from image_kit.checks.learning_curve import LearningCurve
from image_kit.checks.wrong_labels import LabelScores
from image_kit.features import CrossValidation

FEWEST_MISTAKES = 4  # between two classes: fewer are as often chance
LEAST_RATE = 0.04  # of the photos of both classes
MOST_PAIRS = 5
MOST_EXAMPLES = 4  # photos each way
OFTEN = 0.1  # of the photos of both classes
WRONG_SHARE = 1 / 3  # of the mistakes: from here on the labels come first
# Of the mistakes on both classes that the last doubling removed: with less, ten times the photos leave two thirds.
HELPED = 0.12
MANY = 100  # photos of a class: with fewer, more are worth trying where no learning curve says anything

Advice = Literal["labels", "photos", "merge"]


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes that heads confuse on photos that they do not know.

    Attributes:
        first, second: the names of the classes.
        first_photos, second_photos: how many there are of each.
        first_as_second, second_as_first: how many of them are taken for the other.
        rate: of photos of both classes that are taken for the other, 0 to 1.
        doubtful: how many of the mistakes have a doubtful label, which the other class would replace.
        advice: what would help: better labels, more photos, or, if neither, one class of the two.
        first_examples, second_examples: indices of up to MOST_EXAMPLES photos of each class that are taken for the
            other, the clearest mistakes first.
    """

    first: str
    second: str
    first_photos: int
    second_photos: int
    first_as_second: int
    second_as_first: int
    rate: float
    doubtful: int
    advice: Advice
    first_examples: list[int]
    second_examples: list[int]


def find_confusions(
    photos: CheckedPhotos, validated: CrossValidation, scores: LabelScores, curve: LearningCurve | None
) -> list[ConfusedPair]:
    """The pairs that are confused most, by rate; at most MOST_PAIRS.

    Args:
        photos: what was checked.
        validated: its answers.
        scores: which labels are doubtful.
        curve: whether more photos helped; None: not known.
    """
    counts = validated.confusion.sum(axis=1)
    both = np.triu(validated.confusion + validated.confusion.T, 1)
    found = []
    for first, second in np.argwhere(both >= FEWEST_MISTAKES).tolist():
        if both[first, second] >= LEAST_RATE * (counts[first] + counts[second]):
            found.append(_pair(photos, validated, scores, curve, (first, second)))
    return sorted(found, key=lambda pair: -pair.rate)[:MOST_PAIRS]


def _pair(
    photos: CheckedPhotos,
    validated: CrossValidation,
    scores: LabelScores,
    curve: LearningCurve | None,
    pair: tuple[int, int],
) -> ConfusedPair:
    first, second = pair
    there, back = (_mistaken(photos, validated, *each) for each in (pair, (second, first)))
    counts = validated.confusion.sum(axis=1)[[first, second]]
    mistakes = np.concatenate([there, back])
    doubtful = int((scores.doubtful & (scores.suggested == validated.answers))[mistakes].sum())
    advice: Advice = "merge"
    if doubtful >= WRONG_SHARE * len(mistakes):
        advice = "labels"
    elif _more_photos_help(curve, counts, pair):
        advice = "photos"
    return ConfusedPair(
        first=photos.class_names[first],
        second=photos.class_names[second],
        first_photos=int(counts[0]),
        second_photos=int(counts[1]),
        first_as_second=len(there),
        second_as_first=len(back),
        rate=len(mistakes) / int(counts.sum()),
        doubtful=doubtful,
        advice=advice,
        first_examples=there[:MOST_EXAMPLES].tolist(),
        second_examples=back[:MOST_EXAMPLES].tolist(),
    )


def _mistaken(photos: CheckedPhotos, validated: CrossValidation, label: int, answer: int) -> np.ndarray:
    """The photos of a class that are taken for another, the most probable first."""
    mistaken = np.flatnonzero((photos.labels == label) & (validated.answers == answer))
    return mistaken[np.argsort(-validated.probabilities[mistaken, answer], kind="stable")]


def _more_photos_help(curve: LearningCurve | None, counts: np.ndarray, pair: tuple[int, int]) -> bool:
    if curve is None:
        return bool(counts.min() < MANY)
    before, after = 1 - curve.recalls[-2:, list(pair)].mean(axis=1)
    return bool(before - after >= HELPED * before)


def list_confusions(pairs: list[ConfusedPair]) -> list[Finding]:
    """The pairs as findings, which concern classes and no single file."""
    return [
        Finding(
            file="",
            kind="confused",
            severity="medium" if pair.rate >= OFTEN else "low",
            evidence=f"{pair.first_as_second} of {pair.first_photos} photos of {pair.first} are taken for "
            f"{pair.second}, and {pair.second_as_first} of {pair.second_photos} of {pair.second} for {pair.first}.",
            suggestion=_suggest(pair),
            certainty=pair.rate,
        )
        for pair in pairs
    ]


def _suggest(pair: ConfusedPair) -> str:
    mistakes = pair.first_as_second + pair.second_as_first
    if pair.advice == "labels":
        return f"Check the labels first: {pair.doubtful} of these {mistakes} photos seem to be labelled wrongly."
    if pair.advice == "photos":
        return f"Take more photos of {pair.first} and {pair.second}: those that were added last have helped."
    return (
        f"More photos of the same kind would help little: merge {pair.first} and {pair.second} if you need not tell "
        "them apart, or take photos that show what distinguishes them."
    )

"""Whether the classes and the parts of a folder have the photos that training and testing need."""

from collections.abc import Sequence

import numpy as np

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.findings import Finding, Severity

FEW, VERY_FEW = 20, 5  # photos of a class: a fifth of 20 is 4 to test on, and each moves the score by .25
TIMES_LARGER = 20
FEW_TEST_PHOTOS = 50  # in all: a score of .9 is then uncertain by .08
NAMED = 3  # classes in one sentence


def find_imbalance(photos: CheckedPhotos) -> list[Finding]:
    """Classes with too few photos, with 20 times fewer than the largest, and without photos to test on.

    One finding for all classes with the same trouble. Takes milliseconds.
    """
    names, n_classes = photos.class_names, len(photos.class_names)
    sizes = np.bincount(photos.labels, minlength=n_classes)
    found = _find_few(names, sizes)
    found += _find_unequal(names, sizes)
    parts = np.array([part or "" for part in photos.parts], dtype=object)
    for part in ("test", "validation"):
        if (parts == part).any():
            found += _find_untested(names, part, np.bincount(photos.labels[parts == part], minlength=n_classes), sizes)
    n_test = int((parts == "test").sum())
    if 0 < n_test < FEW_TEST_PHOTOS:
        points = 196 * np.sqrt(0.9 * 0.1 / n_test)  # half of the 95 % interval
        uncertain = f"so a score of 90 % is uncertain by {points:.0f} points either way"
        evidence = f"The test part has {n_test} photos, {uncertain}."
        found.append(Finding("", "balance", "low", evidence, "Take more photos to test on.", certainty=0.6))
    return sorted(found, key=lambda each: -each.certainty)


def _find_few(names: Sequence[str], sizes: np.ndarray) -> list[Finding]:
    few = np.flatnonzero(sizes < FEW)
    if not len(few):
        return []
    least = int(sizes.min())
    severity: Severity = "high" if least < VERY_FEW else "medium"
    evidence = f"{_start(_name(names, few))} have fewer than {FEW} photos, the smallest one {least}."
    if len(few) == 1:
        evidence = f"The class {names[few[0]]} has {least} photo{'s' * (least != 1)}."
    return [Finding("", "balance", severity, evidence, f"Add photos: {FEW} or more of each class.", certainty=0.9)]


def _find_unequal(names: Sequence[str], sizes: np.ndarray) -> list[Finding]:
    largest = int(sizes.argmax())
    small = np.flatnonzero(sizes * TIMES_LARGER <= sizes[largest])
    if not len(small) or sizes[largest] < TIMES_LARGER:
        return []
    smallest = int(sizes.argmin())
    evidence = (
        f"The class {names[largest]} has {sizes[largest]} photos, at least {TIMES_LARGER} times as many as "
        f"{_name(names, small)}; {names[smallest]} has {sizes[smallest]}."
    )
    advice = "Add photos of the small classes: otherwise the network rarely answers with them."
    return [Finding("", "balance", "medium", evidence, advice, certainty=0.95)]


def _find_untested(names: Sequence[str], part: str, in_part: np.ndarray, sizes: np.ndarray) -> list[Finding]:
    untested = np.flatnonzero((in_part == 0) & (sizes > 0))
    if not len(untested):
        return []
    has = "has" if len(untested) == 1 else "have"
    evidence = f"{_start(_name(names, untested))} {has} no photo in {part}, so the score there says nothing about them."
    severity: Severity = "high" if part == "test" else "medium"
    certainty = 1.0 if part == "test" else 0.8
    return [Finding("", "balance", severity, evidence, f"Move some photos of each class to {part}.", "", "", certainty)]


def _start(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _name(names: Sequence[str], classes: np.ndarray) -> str:
    """The classes in words; of many, the number and the first."""
    shown = [names[each] for each in classes[:NAMED]]
    if len(classes) == 1:
        return f"the class {shown[0]}"
    if len(classes) <= NAMED:
        return f"the classes {', '.join(shown[:-1])} and {shown[-1]}"
    return f"{len(classes)} classes ({', '.join(shown)} and others)"

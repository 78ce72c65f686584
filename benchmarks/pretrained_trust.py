"""The trust figures of benchmarks/pretrained.py: coverage, calibration error, own photos and strangers refused.

A calibration is made as train.py makes it, from all photos but those of one outer fold, and these are asked then.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pretrained_data import Photos, features_of, find_clothing, find_photos_of

from image_kit.answering import wilson_interval
from image_kit.datasets import CLASS_NAMES, load_array_dataset
from image_kit.features import Head, cross_validate, fit_head, prepare_rows
from image_kit.threads import one_thread_for_algebra
from image_kit.trust import (
    COVERAGE,
    Calibration,
    cross_novelty_scores,
    expected_calibration_error,
    fit_cross_calibration,
    fit_feature_novelty,
    to_probabilities,
    with_temperature,
)

OWN_REFUSED = 0.03  # the fraction of own photos that the goal for strangers allows
SMALL_IMAGES = 1_000  # of CIFAR-10
VEHICLES = ("automobile", "truck")  # classes of CIFAR-10 that a network of elephants and cars may know
Row = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head with its calibration."""

    head: Head
    calibration: Calibration

    @classmethod
    def to(cls, features: np.ndarray, photos: Photos) -> "Fitted":
        """Fit both, as train.py does."""
        rows, classes = prepare_rows(features), len(photos.class_names)
        found = cross_validate(rows, photos.labels, classes, photos.groups)
        novelty_scores = cross_novelty_scores(features, found.folds)
        calibration = fit_cross_calibration(
            found.probabilities, photos.labels, novelty_scores, fit_feature_novelty(features)
        )
        return cls(fit_head(rows, photos.labels, classes, found.strength), calibration)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Uncalibrated probabilities, float32 (n, classes)."""
        return to_probabilities(self.head.logits(features), "logits")

    def refused(self, features: np.ndarray) -> np.ndarray:
        """Whether photos are refused, bool (2, n): at the default coverage, and at OWN_REFUSED of own photos."""
        scores = self.calibration.novelty.scores(features)
        shipped = self.calibration.thresholds(COVERAGE)[1]
        own = self.calibration.novelty_scores
        allowed = max(1, int(OWN_REFUSED * (len(own) + 1)))  # as `Calibration.thresholds` counts
        return np.stack([scores > shipped, scores > own[-allowed]])


def trust(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Outer folds of clothing and of elephants and cars; strangers; each kind of clothing left out in turn."""
    with one_thread_for_algebra():
        clothing, animals = find_clothing(args.data), find_photos_of(args.data / "photos")
        fruit = find_photos_of(args.data / "fruit" / "train")
        small = enlarged_images(args.data, folder / "cifar10")
        strangers = {"elephants and cars": animals, "fruit": fruit, "CIFAR-10": small}
        yield from asked("clothing", clothing, strangers, args.seeds)
        living = small.take(
            np.flatnonzero(~np.isin(small.labels, [small.class_names.index(name) for name in VEHICLES]))
        )
        strangers = {"clothing": clothing, "fruit": fruit, "CIFAR-10 without vehicles": living}
        yield from asked("elephants and cars", animals, strangers, args.seeds)
        yield from left_out(clothing)


def asked(title: str, photos: Photos, strangers: dict[str, Photos], seeds: int) -> Iterator[Row]:
    """Rows for one source: its own photos, each held out once for each seed, and the strangers asked each time."""
    features = features_of(photos.paths)
    strange = {name: features_of(each.paths) for name, each in strangers.items()}
    covered, errors, own, refused = [], [], [], {name: [] for name in strangers}
    for seed in range(seeds):
        outer = cross_validate(prepare_rows(features), photos.labels, len(photos.class_names), photos.groups, seed=seed)
        is_covered, is_refused = np.zeros(len(features), bool), np.zeros((2, len(features)), bool)
        calibrated = np.zeros((len(features), len(photos.class_names)), np.float32)
        for fold in range(outer.folds.max() + 1):
            held = np.flatnonzero(outer.folds[0] == fold)
            rest = np.flatnonzero(outer.folds[0] != fold)
            fitted = Fitted.to(features[rest], photos.take(rest))
            probabilities = fitted.probabilities(features[held])
            novelty = fitted.calibration.novelty.scores(features[held])
            sets = fitted.calibration.prediction_sets(probabilities, novelty)
            is_covered[held] = [label in each for label, each in zip(photos.labels[held].tolist(), sets, strict=True)]
            is_refused[:, held] = fitted.refused(features[held])
            calibrated[held] = with_temperature(probabilities, fitted.calibration.temperature)
            for name, each in strange.items():
                refused[name].append(fitted.refused(each).mean(axis=1))
        covered.append(is_covered)
        errors.append(expected_calibration_error(calibrated, photos.labels))
        own.append(is_refused.mean(axis=1))
    yield coverage_row(title, photos, covered)
    split = f"{title}: 5 outer folds" + (" by sender" if photos.groups is not None else "")
    n = f"{len(features):,} photos"
    yield f"{title}: expected calibration error", *over(errors), split, n, f"{seeds} seeds", "<= .03"
    yield from refusal_rows(title, "own", own, split, n, seeds, ("-", f"about {OWN_REFUSED:.0%}"))
    for name, each in refused.items():
        yield from refusal_rows(title, name, each, split, f"{len(strange[name]):,} photos", seeds, ("-", ">= .95"))


def coverage_row(title: str, photos: Photos, covered: list[np.ndarray]) -> Row:
    """How often the right class was named, and for how many seeds COVERAGE is within the interval.

    Each answer names the most probable class at least, so coverage cannot be below accuracy.
    """
    n = len(photos.labels)
    intervals = [wilson_interval(int(each.sum()), n) for each in covered]
    reached = sum(high >= COVERAGE for _, high in intervals)
    within = sum(low <= COVERAGE <= high for low, high in intervals)
    low, high = np.mean(intervals, axis=0)
    split = "5 outer folds" + (" by sender" if photos.groups is not None else "")
    goal = f"{COVERAGE:g} within the interval: {within} of {len(covered)} seeds; not missed: {reached}"
    mean = np.mean([each.mean() for each in covered])
    return (
        f"{title}: answers with the right class",
        f"{mean:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{title}: {split}",
        f"{n:,} photos",
        f"{len(covered)} seeds",
        goal,
    )


def refusal_rows(
    title: str, name: str, rates: list[np.ndarray], split: str, n: str, seeds: int, goals: tuple[str, str]
) -> Iterator[Row]:
    """Rows for photos that are refused, at both thresholds."""
    thresholds = (f"coverage {COVERAGE:g}, as shipped", f"{OWN_REFUSED:.0%} of own")
    for number, (threshold, goal) in enumerate(zip(thresholds, goals, strict=True)):
        values = [float(each[number]) for each in rates]
        yield f"{title}: {name} refused, {threshold}", *over(values), split, n, f"{seeds} seeds", goal


def left_out(photos: Photos) -> Iterator[Row]:
    """Near strangers: each class asked of a head that was fitted to the others."""
    features, rates = features_of(photos.paths), []
    for label in range(len(photos.class_names)):
        rest = np.flatnonzero(photos.labels != label)
        some = photos.take(rest)
        labels = some.labels - (some.labels > label)
        names = [name for number, name in enumerate(photos.class_names) if number != label]
        fitted = Fitted.to(features[rest], Photos(photos.name, some.paths, labels, names, some.groups))
        rates.append(fitted.refused(features[photos.labels == label]).mean(axis=1))
    split = "each class asked of a head on the other classes; range over classes"
    n = f"{len(features):,} photos"
    yield from refusal_rows("clothing", "near strangers, a class left out,", rates, split, n, 1, ("-", "-"))


def enlarged_images(data: Path, folder: Path) -> Photos:
    """Test images of CIFAR-10 as files, which the backbone's preprocessing enlarges."""
    arrays, names = load_array_dataset("cifar10", str(data)), list(CLASS_NAMES["cifar10"])
    folder.mkdir()
    paths = [folder / f"{number:04}.png" for number in range(min(SMALL_IMAGES, len(arrays.y_test)))]
    for path, image in zip(paths, arrays.x_test, strict=False):
        Image.fromarray(image).save(path)
    return Photos("CIFAR-10", paths, np.asarray(arrays.y_test[: len(paths)]).ravel(), names)


def over(values: list[float]) -> tuple[str, str]:
    """Mean and range, as two cells."""
    return f"{np.mean(values):.3f}", f"{min(values):.3f} to {max(values):.3f}"

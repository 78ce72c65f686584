"""How true the learning curve of checks is, for benchmarks/checks_labels.py, and how long checks of labels take."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from checks_data import Row, Source, as_checked, load_sources, row
from pretrained_data import features_of
from pretrained_trust import enlarged_images

from image_kit.checks import (
    find_confusions,
    find_learning_curve,
    list_strangers,
    score_labels,
    score_strangers,
)
from image_kit.features import cross_validate, fit_head, prepare_rows
from image_kit.threads import one_thread_for_algebra

# Photos that a learning curve gets. Nothing was chosen by CIFAR-10.
FOLDERS = {"clothing": (250, 400), "fruit": (200, 260), "photos": (80, 130), "CIFAR-10": (200, 300)}
DRAWS = 4  # of as many photos again, whose accuracies the truth is the mean of


def curve(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Trials: a part of a set is the folder; as many photos again tell how true the prediction was."""
    small = enlarged_images(args.data, folder / "cifar10")
    sources = load_sources(args.data) | {
        small.name: Source(small, features_of(small.paths).astype(np.float32)),
    }
    with one_thread_for_algebra():
        for name, source in sources.items():
            found = [trial(source, FOLDERS[name][seed % 2], seed) for seed in range(args.trials)]
            told = np.array([each for each in found if each is not None])
            low, prediction, high, truth = told.T
            inside = (low <= truth) & (truth <= high)
            title = f"{name}: accuracy at twice the photos within the 90 % interval"
            note = f"{' or '.join(map(str, FOLDERS[name]))} photos, {len(found) - len(told)} silent"
            note += f"; interval {(high - low).mean():.3f} wide"
            yield row(title, [float(inside.mean())], source, ">= .85", note, f"{len(told)} trials")
            off = prediction - truth
            yield row(f"{name}: prediction minus truth", off.tolist(), source, "-", note, f"{len(told)} trials")


def trial(source: Source, n: int, seed: int) -> tuple[float, float, float, float] | None:
    """Low, middle and high of the prediction, and the mean accuracy of heads on twice the photos; None: silent."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(source.labels))
    own, rest = order[:n], order[n:]
    labels, rows = source.labels[own], prepare_rows(source.features[own])
    if np.bincount(labels, minlength=source.classes).min() < 2:
        return None
    validated = cross_validate(rows, labels, source.classes, seed=seed)
    names, more = tuple(source.photos.class_names), n / source.classes
    found = find_learning_curve(rows, labels, np.arange(n), names, validated, more)
    if found is None:
        return None
    accuracies = []
    for _ in range(DRAWS):
        rest = rng.permutation(rest)
        fitted, asked = np.concatenate([own, rest[:n]]), rest[n:]
        head = fit_head(source.features[fitted], source.labels[fitted], source.classes, validated.strength)
        accuracies.append((head.logits(source.features[asked]).argmax(axis=1) == source.labels[asked]).mean())
    return found.interval[0], found.prediction, found.interval[1], float(np.mean(accuracies))


def label_speed(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Seconds of these checks for clothing, features known; the cross-validation is not counted."""
    del folder
    source = load_sources(args.data)["clothing"]
    checked = as_checked(source.features, source.labels, source.photos.class_names)
    seconds = []
    with one_thread_for_algebra():
        for _ in range(args.seeds):
            rows, groups = prepare_rows(source.features), np.arange(len(source.labels))
            validated = cross_validate(rows, source.labels, source.classes, groups)
            begin = time.perf_counter()
            scores = score_labels(rows, source.labels, groups, validated)
            list_strangers(checked, score_strangers(source.features, source.labels))
            found = find_learning_curve(rows, source.labels, groups, checked.class_names, validated)
            find_confusions(checked, validated, scores, found)
            seconds.append(time.perf_counter() - begin)
    yield row("wrong labels, strangers, learning curve and confusions, s", seconds, source, "<= 4")

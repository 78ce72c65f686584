"""The accuracies of benchmarks/pretrained.py: frozen features under the head that train.py fits.

Each function yields rows for the table of pretrained.py.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import ROOT
from pretrained_data import Photos, features_of, find_clothing, find_photos_of
from processes import run

from image_kit.answering import wilson_interval
from image_kit.features import CrossValidation, cross_validate, fit_head, prepare_rows
from image_kit.threads import one_thread_for_algebra

# What -> how the features are made; the first is the default.
VARIANTS = {
    "lite0, the default": {},
    "lite2": {"backbone": "lite2"},
    "lite0, photos squeezed (`crop=0`)": {"crop": 0.0},
    "lite0, photos cut to a square (`crop=1`)": {"crop": 1.0},
    "lite0, features without tanh": {"bounds": False},
    "lite0, squeezed and without tanh": {"crop": 0.0, "bounds": False},
}
DRAWS = 5  # how often few photos are drawn
Row = tuple[object, ...]


def accuracy(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Cross-validation, and few photos."""
    with one_thread_for_algebra():
        clothing, by_senders = find_clothing(args.data), "5 folds by sender"
        for title, options in VARIANTS.items():
            goal = ">= .84" if not options else "-"
            yield cross_validated(f"clothing, {title}", clothing, by_senders, args.seeds, goal, options)
        yield cross_validated("clothing, at random", ungrouped(clothing), "5 folds at random", args.seeds)
        animals = find_photos_of(args.data / "photos")
        goal = ">= .99 on photos by others, of which there are none here"
        yield cross_validated("elephants and cars", animals, "5 folds at random", args.seeds, goal)
        title = "elephants and cars, cut to a square: their shapes tell nothing"
        yield cross_validated(title, animals, "5 folds at random", args.seeds, options={"crop": 1.0})
        yield from fruit(args.data / "fruit", args.seeds)
        for count in args.few:
            yield few_photos(clothing, count)


def cross_validated(
    title: str, photos: Photos, split: str, seeds: int, goal: str = "-", options: dict | None = None
) -> Row:
    """A row: the accuracy over seeds, its mean interval, and what a single division into folds gives."""
    found = [validate(photos, features_of(photos.paths, **(options or {})), seed) for seed in range(seeds)]
    low, high = np.mean([each.interval for each in found], axis=0)
    single = np.mean([each.repeat_accuracies.mean() for each in found])
    return (
        title,
        spread([each.accuracy for each in found]),
        f"{low:.3f} to {high:.3f}",
        f"{photos.name}: {split}, {len(found[0].folds)} divisions; one division alone {single:.3f}",
        f"{len(photos.paths):,} photos" + ("" if photos.groups is None else f", {photos.groups.max() + 1} senders"),
        f"{seeds} seeds",
        goal,
    )


def validate(photos: Photos, features: np.ndarray, seed: int) -> CrossValidation:
    """Cross-validate heads as train.py does."""
    return cross_validate(prepare_rows(features), photos.labels, len(photos.class_names), photos.groups, seed=seed)


def ungrouped(photos: Photos) -> Photos:
    """The same photos, as if nobody knew who sent them."""
    return Photos(photos.name, photos.paths, photos.labels, photos.class_names)


def fruit(folder: Path, seeds: int) -> Iterator[Row]:
    """A head on the train part, scored on the validation part; and both parts cross-validated."""
    names = sorted(path.name for path in (folder / "train").iterdir())
    train, validation = (find_photos_of(folder / part, class_names=names) for part in ("train", "validation"))
    right = answer(train, validation, seed=0) == validation.labels
    low, high = wilson_interval(int(right.sum()), len(right))
    interval, data = f"{low:.3f} to {high:.3f}", f"fruit: head on train ({len(train.paths)}), scored on validation"
    yield "fruit, validation part", f"{right.mean():.3f}", interval, data, f"{len(right)} photos", "1 seed", "-"
    both = Photos(
        "fruit", train.paths + validation.paths, np.concatenate([train.labels, validation.labels]), train.class_names
    )
    yield cross_validated("fruit, train and validation parts", both, "5 folds at random", seeds)


def answer(train: Photos, asked: Photos, seed: int) -> np.ndarray:
    """The labels that a head gives to photos, int (n,); fitted as train.py does."""
    rows, classes = prepare_rows(features_of(train.paths)), len(train.class_names)
    found = cross_validate(rows, train.labels, classes, train.groups, seed=seed)
    head = fit_head(rows, train.labels, classes, found.strength)
    return head.logits(features_of(asked.paths)).argmax(axis=1)


def few_photos(photos: Photos, count: int) -> Row:
    """A row: heads on few photos of each class from half of the senders, scored on all photos of the other half."""
    scores, tested = [], []
    for draw in range(DRAWS):
        train, test = draw_few(photos, count, draw)
        scores.append((answer(train, test, draw) == test.labels).mean())
        tested.append(len(test.paths))
    return (
        f"clothing, {count} photos of each class",
        spread(scores),
        f"{min(scores):.3f} to {max(scores):.3f}",
        "clothing: half of the senders for the head, the others' photos scored",
        f"{min(tested)} to {max(tested)} photos scored",
        f"{DRAWS} draws",
        "-",
    )


def draw_few(photos: Photos, count: int, seed: int) -> tuple[Photos, Photos]:
    """Few photos of each class from half of the senders, and all photos of the other half.

    Halves in which a class has too few photos are drawn again.
    """
    rng = np.random.default_rng(seed)
    classes, senders = np.arange(len(photos.class_names)), np.unique(photos.groups)
    while True:
        half = rng.permutation(senders)[: len(senders) // 2]
        own = np.isin(photos.groups, half)
        of_class = [np.flatnonzero(own & (photos.labels == label)) for label in classes]
        if min(map(len, of_class)) >= count and len(np.unique(photos.labels[~own])) == len(classes):
            chosen = np.concatenate([rng.choice(each, count, replace=False) for each in of_class])
            return photos.take(chosen), photos.take(np.flatnonzero(~own))


def few_network(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """A head and the network of elephants_cars, trained on the same photos and scored on the same others."""
    train, test = draw_few(find_clothing(args.data), max(args.few), seed=0)
    photos = folder / "few"
    for part, each in (("train", train), ("test", test)):
        for path in each.paths:
            (photos / part / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, photos / part / path.parent.name)
    for name, options in (("a head", []), ("elephants_cars", ["--preset", "elephants_cars"])):
        metrics, took = trained(photos, folder, name.split()[-1], options)
        yield scored(f"clothing, {max(args.few)} photos of each class, {name}", metrics["test"], took)


def fruit_test(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """The test part of fruit, once."""
    metrics, took = trained(args.data / "fruit", folder, "fruit", [])
    yield (*scored("fruit, the authors' test part", metrics["test"], took)[:-1], ">= .73")


def trained(photos: Path, folder: Path, name: str, options: list[str]) -> tuple[dict, float]:
    """The metrics of a run of train.py, and the seconds that it took."""
    command = [sys.executable, str(ROOT / "train.py"), str(photos), "--run", name, *options]
    took = run(command, folder, CUDA_VISIBLE_DEVICES="-1")
    return json.loads((folder / "runs" / name / "metrics.json").read_text()), took.seconds


def scored(title: str, test: dict, seconds: float) -> Row:
    """A row for the scores of a test part."""
    low, high = wilson_interval(test["correct"], test["total"])
    data = f"train.py in {seconds:.0f} s, load {os.getloadavg()[0]:.0f}"
    return title, f"{test['accuracy']:.3f}", f"{low:.3f} to {high:.3f}", data, f"{test['total']} photos", "1 seed", "-"


def spread(values: list[float]) -> str:
    """Mean ± standard deviation over seeds or draws."""
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")

"""What checks find of planted truth in real photos: wrong labels, strangers; and how true the learning curve is.

Parts of benchmarks/checks.py, which take about five minutes on 2 cores. Choices were made on clothing and photos, and
fruit was only scored, but for two: a stranger must reach little of the usual similarity, because 4 % of fruit had
seemed strange; and the power law of the learning curve has a delay, because the curve of fruit falls faster than any
without. So nothing was chosen by CIFAR-10, on which the curve is tried as well.

The sets have wrong labels and strangers of their own, so false alarms on them as they are, are at most what is stated.
Recall is of n planted ones among the first 2 n of a list.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from checks_data import Row, Source, as_checked, load_sources, recall, row
from training import Contender

from image_kit.checks import (
    LabelScores,
    list_strangers,
    list_wrong_labels,
    score_labels,
    score_strangers,
)
from image_kit.features import CrossValidation, FeatureRows, cross_validate, prepare_rows
from image_kit.threads import one_thread_for_algebra

RATES = (0.02, 0.05, 0.1)  # of labels that are made wrong
STRANGERS = (0.01, 0.05)  # of photos


def wrong_labels(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Wrong labels at random and towards the most similar class, ours beside cleanlab; and the sets as they are."""
    with one_thread_for_algebra():
        for name, source in load_sources(args.data).items():
            rows = prepare_rows(source.features)
            validated = [cross_validate(rows, source.labels, source.classes, seed=seed) for seed in range(args.seeds)]
            yield clean_labels(name, source, rows, validated)
            toward = most_similar_class(validated[0].probabilities, source.labels)
            for where, rate in ((where, rate) for where in ("at random", "between look-alikes") for rate in RATES):
                planted = [
                    plant(source, rate, seed, toward if where == "between look-alikes" else None)
                    for seed in range(args.seeds)
                ]
                title = f"{name}, {100 * rate:.0f} % wrong labels {where}"
                yield from found_labels(title, source, rows, planted, args, folder)


def clean_labels(name: str, source: Source, rows: FeatureRows, validated: list[CrossValidation]) -> Row:
    """A row: the photos of a set as it is whose labels are reported."""
    rates = []
    for each in validated:
        scores = score_labels(rows, source.labels, np.arange(len(rows)), each)
        rates.append(scores.doubtful.mean())
    return row(f"{name} as it is: labels reported", rates, source, "-")


def most_similar_class(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each class the one that its photos are most probable to be taken for."""
    means = np.array([probabilities[labels == label].mean(axis=0) for label in range(probabilities.shape[1])])
    np.fill_diagonal(means, -1)
    return means.argmax(axis=1)


def plant(source: Source, rate: float, seed: int, toward: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which some are wrong, and which photos these are."""
    rng, labels = np.random.default_rng(seed), source.labels.copy()
    wrong = rng.choice(len(labels), round(rate * len(labels)), replace=False)
    steps = rng.integers(1, source.classes, len(wrong))
    labels[wrong] = (labels[wrong] + steps) % source.classes if toward is None else toward[labels[wrong]]
    return labels, wrong


def found_labels(
    title: str,
    source: Source,
    rows: FeatureRows,
    planted: list[tuple[np.ndarray, np.ndarray]],
    args: argparse.Namespace,
    folder: Path,
) -> Iterator[Row]:
    """Rows: recall of our list, of our ranking, and of cleanlab's lists from the same answers and features."""
    validated = [cross_validate(rows, labels, source.classes, seed=seed) for seed, (labels, _) in enumerate(planted)]
    scores = [
        score_labels(rows, labels, np.arange(len(rows)), each)
        for (labels, _), each in zip(planted, validated, strict=True)
    ]
    lists: dict[str, list[list[int]]] = {
        "**ours**, as reported": [reported(source, *pair) for pair in zip(planted, scores, strict=True)],
        "**ours**, all photos ranked": [np.argsort(-each.margins).tolist() for each in scores],
    }
    if args.cleanlab:
        np.savez(
            folder / "cases.npz",
            features=source.features,
            labels=[labels for labels, _ in planted],
            probabilities=[each.probabilities.astype(float) for each in validated],
        )
        task = {"cases": str(folder / "cases.npz"), "features": " 5 %" in title}
        theirs = Contender(task, "checks_cleanlab.py", args.cleanlab)
        theirs.run()
        version = theirs.runs[0]["version"]
        lists |= {f"cleanlab {version}, {name}": each for name, each in theirs.runs[0]["listed"].items()}
    for name, each in lists.items():
        recalls = [recall(listed, wrong) for listed, (_, wrong) in zip(each, planted, strict=True)]
        goal = ">= .85" if " 5 %" in title and "random" in title and "reported" in name else "-"
        lengths = np.mean([len(listed) for listed in each])
        yield row(f"{title}: {name}", recalls, source, goal, f"{len(planted[0][1])} wrong, {lengths:.0f} listed")


def reported(source: Source, planted: tuple[np.ndarray, np.ndarray], scores: LabelScores) -> list[int]:
    """The photos that a check lists."""
    photos = as_checked(source.features, planted[0], source.photos.class_names)
    return [int(finding.file) for finding in list_wrong_labels(photos, scores)]


def strangers(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Photos of the two other sets among those of each set, in classes at random; and the sets as they are."""
    del folder
    sources = load_sources(args.data)
    with one_thread_for_algebra():
        for name, source in sources.items():
            checked = as_checked(source.features, source.labels, source.photos.class_names)
            alarms = len(list_strangers(checked, score_strangers(source.features, source.labels)))
            yield row(f"{name} as it is: strangers reported", [alarms / len(source.labels)], source, "-")
            for other, rate in ((other, rate) for other in sources if other != name for rate in STRANGERS):
                yield found_strangers(
                    f"{name}, {100 * rate:.0f} % of {other}", source, sources[other], rate, args.seeds
                )


def found_strangers(title: str, source: Source, other: Source, rate: float, seeds: int) -> Row:
    """A row: recall of strangers, as reported."""
    recalls, alarms, count = [], [], round(rate * len(source.labels))
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        strange = other.features[rng.choice(len(other.features), count, replace=False)]
        features = np.concatenate([source.features, strange])
        labels = np.append(source.labels, rng.integers(0, source.classes, count))
        checked = as_checked(features, labels, source.photos.class_names)
        listed = [int(each.file) for each in list_strangers(checked, score_strangers(features, labels))]
        planted = np.arange(len(source.labels), len(labels))
        recalls.append(recall(listed, planted))
        alarms.append(len(set(listed) - set(planted.tolist())))
    return row(f"{title}: found", recalls, source, ">= .95", f"{count} strangers, {np.mean(alarms):.1f} others listed")

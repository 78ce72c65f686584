"""Pages of every kind, with names that would do harm if they were not escaped."""

import numpy as np
import pytest
from PIL import Image

from image_kit.answering import RunAnswers, compare_runs, score
from image_kit.datasets import ImageSet
from image_kit.photos import PhotoStore, Preprocessing, Subset
from image_kit.reports import (
    Chart,
    CheckedFor,
    CheckPage,
    ComparisonPage,
    EvaluationPage,
    LikelyCause,
    ListedFinding,
    PhotoPair,
    ScoredImages,
    SeedsPage,
    Series,
    TrainingPage,
    history_charts,
)

HARMFUL = "<img src=x onerror=alert(1)>"
CLASSES = (
    HARMFUL,
    "a class with a name that is far too long for a narrow page, with-no-end-and-no-space" * 2,
    "'\"&amp;",
)
HISTORY = {
    "accuracy": [0.4, 0.6, 0.8],
    "val_accuracy": [0.5, float("nan"), 0.7],
    "loss": [1.1, 0.9, 0.5],
    "val_loss": [1.0, 0.9, 0.8],
}


@pytest.fixture(scope="session")
def scored(tmp_path_factory):
    """36 photos of three classes, a third of them answered wrongly; a file is missing, another has a harmful name."""
    folder, random = tmp_path_factory.mktemp("reported"), np.random.default_rng(0)
    paths = [folder / f"{number} {HARMFUL.replace('/', '')}.jpg" for number in range(36)]
    for path in paths[1:]:
        pixels = random.integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).resize((160, 120)).save(path)
    labels = np.arange(36, dtype=np.int32) % 3
    probabilities = np.full((36, 3), 0.1, np.float32)
    probabilities[np.arange(36), np.where(np.arange(36) % 4 == 0, (labels + 1) % 3, labels)] = 0.8
    store = PhotoStore(paths, Preprocessing((32, 32, 3)), budget=0)
    images = ImageSet(Subset(store, np.arange(36)), labels, [str(path) for path in paths])
    return ScoredImages(score(probabilities, labels, CLASSES), probabilities, images, "answers.csv")


def compare(scored):
    """Two runs with harmful names, of which the second answers the first ten photos otherwise."""
    other = scored.probabilities.copy()
    other[:10] = other[:10, ::-1]
    names = scored.images.names
    answers = [RunAnswers(names, scored.images.labels, each, CLASSES) for each in (scored.probabilities, other)]
    return compare_runs({HARMFUL: answers[0], f"b {HARMFUL}": answers[1]})


@pytest.fixture(scope="session")
def pages(scored):
    """A page of each kind."""
    heat_maps = {index: np.full((20, 30, 3), 200, np.uint8) for index in (0, 4)}
    with_maps = ScoredImages(scored.scores, scored.probabilities, scored.images, "metrics.json", heat_maps)
    photos = [scored.photo(index) for index in range(36)]
    facts, notes = [(HARMFUL, HARMFUL)], [f"left out: {HARMFUL}"]
    causes = [LikelyCause(HARMFUL, f"{HARMFUL} is a fact.", "Do something.")]
    findings = [
        ListedFinding("wrong_label", "low", f"It looks like {HARMFUL}.", "Look at it.", photo, photos[0])
        for photo in photos[:20]
    ]
    findings += [ListedFinding("balance", "high", f"{CLASSES[1]} has 2 photos.", "Add some.")]
    series = [Series("measured", [(10, 0.7), (20, 0.8)], "first", [(10, 0.6, 0.8), (40, 0.75, 0.95)])]
    chart = Chart(HARMFUL, f"{HARMFUL} rises.", "photos of each class", "accuracy", series, is_percent=True)
    questions = [
        CheckedFor("wrong_label", HARMFUL, "Labels.", "5 of 100 are false."),
        CheckedFor("copy", "Copies", "", ""),
    ]
    pairs = [PhotoPair(photos[1], CLASSES[0], photos[2], CLASSES[1])]
    return {
        "training": TrainingPage(
            *(HARMFUL, HARMFUL, {HARMFUL: scored.scores}, with_maps, HARMFUL, history_charts(HISTORY)),
            *("It stopped.", causes, facts, notes),
        ),
        "comparison": ComparisonPage(HARMFUL, HARMFUL, compare(scored), scored.images, facts, notes),
        "seeds": SeedsPage(HARMFUL, HARMFUL, {HARMFUL: "It is good."}, {3: [0.5], 4: [0.75]}, 4, [chart], facts, notes),
        "evaluation": EvaluationPage(HARMFUL, HARMFUL, scored, facts, notes),
        "check": CheckPage(HARMFUL, HARMFUL, questions, findings, [chart], pairs, facts, notes),
    }

"""The pictures of an evaluation: the confusion matrix and the worst mistakes."""

from pathlib import Path

import numpy as np

from image_kit.answering import Scores, most_confident_mistakes
from image_kit.datasets import ImageSet
from image_kit.pictures.galleries import plot_gallery

MISTAKES_SHOWN = 24


def plot_mistakes(probabilities: np.ndarray, images: ImageSet, scores: Scores, path: Path) -> None:
    """Draw the wrong answers with the highest probabilities.

    Args:
        probabilities: float (n, classes).
        images: the n labelled images.
        scores: of these answers.
        path: the PNG to write.
    """
    worst = most_confident_mistakes(probabilities, images.labels, MISTAKES_SHOWN)
    captions = [
        f"is {scores.class_names[images.labels[i]]}, answered {scores.class_names[probabilities[i].argmax()]} "
        f"{probabilities[i].max():.0%}\n{Path(images.names[i]).name}"
        for i in worst
    ]
    plot_gallery(list(images.take(worst)), captions, path, "Most confident mistakes")

"""The end of a run: calibrate the best weights, score the test images once, write the remaining files."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from image_kit import pictures  # its functions are imported at the call: a broken matplotlib costs a picture only
from image_kit.answering import (
    LITE,
    Classifier,
    KerasClassifier,
    Scores,
    most_confident_mistakes,
    score,
    score_images,
    write_lite_model,
)
from image_kit.datasets import Data, ImageSet
from image_kit.errors import UserError
from image_kit.features import open_head_classifier
from image_kit.files import write_json
from image_kit.named_networks import NamedNetworks
from image_kit.reports import ScoredImages, try_to_write
from image_kit.terminal import say
from image_kit.training.run_folder import METRICS, RunFolder
from image_kit.training.run_report import write_run_report
from image_kit.training.settings import Settings
from image_kit.trust import measure_trust
from image_kit.weights import BEST, Fallback, add_trust

HEAT_MAPS = 8  # of the worst mistakes; the first takes about a second, while TensorFlow prepares


def finish_run(
    folder: RunFolder,
    data: Data,
    networks: NamedNetworks | None,
    settings: Settings,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Scores]:
    """Calibrate, score and export the best weights; write curves.png, model.tflite, report.html and metrics.json.

    Args:
        networks: for best weights by an older version of the kit, which store only the network's name; None for a
            network with a pretrained backbone, whose features tell what is unlike the training images.
        settings: of the run, for its report.
        facts: what else metrics.json tells.

    Returns:
        The test scores, see `score_test_images`.
    """
    folder.refuse_removed()
    best = KerasClassifier.load(folder.file(BEST), Fallback(networks))
    with answering(best, folder.file(BEST)) as classifier:
        parts = data.parts["train"], data.parts["validation"]
        trust, calibration = measure_trust(classifier, *parts, by_features=not networks)
        best.trust = classifier.trust = trust
        add_trust(folder.file(BEST), trust)
        curves = folder.file("curves.png")
        try_to_write(lambda: pictures.plot_curves(folder.history_columns(), curves, folder.path.name), curves)
        probabilities, scores = score_test_images(classifier, data)
        details = _details(classifier, data, probabilities, scores)
    write_run_report(folder, settings, scores, details, data)
    try:
        write_lite_model(best, folder.file(BEST), folder.file(LITE))
    except UserError as error:
        say(f"{error}; predict.py answers through TensorFlow instead")
    of_weights = {"best_epoch": best.description.epoch, "validation": best.description.metrics}
    metrics = {"epochs": len(folder.history), **of_weights, "calibration": calibration}
    # Last: a run with this file is complete. Without it, --resume still has this step to do.
    write_json(folder.file(METRICS), {**metrics, **_tell_scores(folder, data, scores, facts or {})})
    return scores


def _tell_scores(
    folder: RunFolder, data: Data, scores: Mapping[str, Scores], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The part of metrics.json that is about the images."""
    return {
        **{"test": None, **{name: each.as_dict() for name, each in scores.items()}},
        "images": {part: len(images.labels) for part, images in data.parts.items()},
        "unreadable": data.unreadable,
        "look_alikes": data.look_alikes,
        **facts,
        "minutes_of_training": round(sum(row["seconds"] for row in folder.history) / 60, 2),
    }


@contextlib.contextmanager
def answering(best: KerasClassifier, path: Path) -> Iterator[Classifier]:
    """What answers with the weights of a file: LiteRT for a backbone and a head, in a quarter of Keras's time.

    Args:
        best: the file's network in Keras, which answers with others.
        path: the file.
    """
    with open_head_classifier(path, best.description) as classifier:
        yield classifier or best


def score_test_images(best: Classifier, data: Data) -> tuple[np.ndarray | None, dict[str, Scores]]:
    """Scores of all test images, and of those that look like no training or validation photo.

    They are called "test" and "test_without_look_alikes". The second exists only if some look alike.

    Returns:
        The probabilities of the test images, float32 (n, classes), and the scores; None and {} without test images.
    """
    if "test" not in data.parts:
        return None, {}
    images = data.parts["test"]
    probabilities, scores = score_images(best, images)
    is_new = np.array([name not in data.look_alikes.get("test", {}) for name in images.names])
    if is_new.all() or not is_new.any():
        return probabilities, {"test": scores}
    return probabilities, {
        "test": scores,
        "test_without_look_alikes": score(probabilities[is_new], images.labels[is_new], best.class_names),
    }


def _details(
    best: Classifier, data: Data, probabilities: np.ndarray | None, scores: Mapping[str, Scores]
) -> tuple[str, ScoredImages]:
    """What the report shows image by image: the test images, or the validation images if there are none."""
    part = "validation" if probabilities is None else "test"
    images = data.parts[part]
    if probabilities is None:
        probabilities, of_part = score_images(best, images)
    else:
        of_part = scores["test"]
    heat_maps = _draw_heat_maps(best, probabilities, images)
    return f"{part} images", ScoredImages(of_part, probabilities, images, METRICS, heat_maps)


def _draw_heat_maps(best: Classifier, probabilities: np.ndarray, images: ImageSet) -> dict[int, np.ndarray]:
    """{index of an image: the image with its heat map} of the worst mistakes; {} if the network gives none."""
    if not isinstance(best, KerasClassifier):  # LiteRT has no gradients
        return {}
    worst = most_confident_mistakes(probabilities, images.labels, HEAT_MAPS)
    try:
        explain = pictures.HeatMaps(best)
        return {
            int(index): pictures.overlay(image, explain(image, int(probabilities[index].argmax())))
            for index, image in zip(worst, images.take(worst), strict=True)
        }
    except Exception:  # no convolution, or photos that have moved: the report does without
        return {}

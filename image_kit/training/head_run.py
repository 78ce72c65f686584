"""One run that fits a head to features of a frozen backbone: build -> fit -> finish, without TensorFlow or Keras."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from image_kit.answering import (
    LITE,
    Classifier,
    LiteNetwork,
    Scores,
    flatbuffer,
    score,
    write_lite_network,
    write_predictions,
)
from image_kit.errors import first_line
from image_kit.features import (
    Backbone,
    CrossValidation,
    Head,
    balanced_weights,
    cross_validate,
    fit_head,
    join_network,
    prepare_rows,
)
from image_kit.files import write_json
from image_kit.terminal import say
from image_kit.training.head_data import HeadData
from image_kit.training.run_folder import METRICS, RunFolder, versions
from image_kit.training.settings import Settings
from image_kit.trust import (
    Trust,
    cross_novelty_scores,
    expected_calibration_error,
    fit_cross_calibration,
    fit_feature_novelty,
    record_answers,
    with_temperature,
)
from image_kit.weights import BEST, Description, save_network

ANSWERS, MATRIX = "answers.csv", "confusion_matrix.png"
HEAD = "softmax"


class _WholeNetwork(Classifier):
    """Backbone and head in LiteRT, before there is a file of them."""

    def __init__(self, description: Description, network: LiteNetwork):
        super().__init__(description, HEAD)
        self._network = network

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        outputs, features = self._network.run(batch)
        return outputs, features


class HeadRun:
    """One run that fits a head.

    Attributes:
        settings, recipe: what was asked for.
        data: the photos and their features.
        folder: the run folder (set by `build`).
        validation: the cross-validation (set by `fit`).
        head: fitted to all training photos (set by `fit`).
    """

    folder: RunFolder
    validation: CrossValidation
    head: Head

    def __init__(self, settings: Settings, data: HeadData, backbone: Backbone, preset: str | None = None):
        self.settings, self.recipe = settings, settings.recipe
        self.data, self.backbone, self.preset = data, backbone, preset
        self._began = time.monotonic()

    def build(self, open_folder: Callable[[], RunFolder]) -> None:
        """Open the run folder. `open_folder` is called now, when nothing can be refused any more."""
        self.folder = open_folder()
        say(f"Writing to {self.folder.path}/")
        self.folder.write_environment(backbone=f"{self.backbone.name}: {self.backbone.source}")

    def fit(self) -> None:
        """Cross-validate heads on the training photos, and fit the final one to all of them."""
        chosen, classes = self.data.parts["train"], len(self.data.class_names)
        rows, labels = prepare_rows(self.data.features[chosen]), self.data.labels[chosen]
        weights = balanced_weights(labels, classes) if self.recipe.class_weights == "balanced" else None
        self.validation = cross_validate(
            rows, labels, classes, self.data.groups[chosen], weights, seed=self.recipe.seed
        )
        self.head = fit_head(rows, labels, classes, self.validation.strength, weights)

    def finish(self) -> dict[str, Scores]:
        """Calibrate, score the test photos, and write all files.

        Returns:
            "out of fold", the scores of the cross-validation; and those of the test photos, if there are any.
        """
        data, train = self.data, self.data.images["train"]
        out_of_fold = score(self.validation.probabilities, train.labels, data.class_names)
        write_predictions(self.folder.file(ANSWERS), self.validation.probabilities, train, data.class_names)
        calibration = self._write_network()
        scores = {"cross-validation": out_of_fold, **self._score_test_photos()}
        self._draw(out_of_fold)
        write_json(self.folder.file(METRICS), self._metrics(scores, calibration))  # last: the run is complete
        return scores

    def _write_network(self) -> dict[str, Any]:
        """Write best.weights.h5 and model.tflite; returns the record of the calibration."""
        network, weights = join_network(self.backbone, self.head)
        description = Description(
            "pretrained",
            self.data.class_names,
            self.data.preprocessing,
            self.preset,
            metrics={"accuracy": self.validation.accuracy},
            versions=versions(),
            network=network,
        )
        trust, record = self._measure_trust(description, network, weights)
        trained_on = self.data.images["train"].fingerprints
        best = self.folder.file(BEST)
        save_network(best, description, weights, np.asarray(trained_on), trust)
        try:
            write_lite_network(self.folder.file(LITE), network, weights, (description, HEAD, trust), best)
        except (ImportError, ValueError) as error:
            say(f"{first_line(error)}; predict.py answers through TensorFlow instead")
        return record

    def _measure_trust(self, description: Description, network: list, weights: list) -> tuple[Trust, dict[str, Any]]:
        chosen = self.data.parts["train"]
        features, labels = self.data.features[chosen], self.data.labels[chosen]
        probabilities = self.validation.probabilities
        novelty_scores = cross_novelty_scores(features, self.validation.folds)
        calibration = fit_cross_calibration(probabilities, labels, novelty_scores, fit_feature_novelty(features))
        content = flatbuffer(network, weights, self.data.preprocessing.image_shape)
        with LiteNetwork(content) as running:
            golden = record_answers(_WholeNetwork(description, running))
        record = {
            "images": len(labels),
            "temperature": calibration.temperature,
            "validation_ece_before": expected_calibration_error(probabilities, labels),
            "validation_ece_after": expected_calibration_error(
                with_temperature(probabilities, calibration.temperature), labels
            ),
        }
        self._temperature = calibration.temperature
        return Trust(calibration, golden), record

    def _score_test_photos(self) -> dict[str, Scores]:
        """As `score_test_images`, from the features."""
        if "test" not in self.data.parts:
            return {}
        chosen, images = self.data.parts["test"], self.data.images["test"]
        logits = self.head.logits(self.data.features[chosen])
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = with_temperature(exponentials / exponentials.sum(axis=1, keepdims=True), self._temperature)
        scores = {"test": score(probabilities, images.labels, self.data.class_names)}
        is_new = np.array([name not in self.data.look_alikes.get("test", {}) for name in images.names])
        if is_new.any() and not is_new.all():
            some = score(probabilities[is_new], images.labels[is_new], self.data.class_names)
            scores["test_without_look_alikes"] = some
        return scores

    def _draw(self, out_of_fold: Scores) -> None:
        try:
            from image_kit.pictures import plot_confusion_matrix  # matplotlib takes .5 s

            path = self.folder.file(MATRIX)
            plot_confusion_matrix(out_of_fold.confusion, out_of_fold.class_names, path, self.sentence())
        except Exception as error:  # matplotlib, Pillow and fonts fail in many ways
            say(f"{self.folder.file(MATRIX)}: could not be drawn ({first_line(error)}); the run is complete without it")

    def sentence(self) -> str:
        """The result of the cross-validation in one line."""
        low, high = (100 * bound for bound in self.validation.interval)
        right = int((self.validation.answers == self.data.images["train"].labels).sum())
        n = len(self.validation.answers)
        return (
            f"cross-validation: {right:,} of {n:,} correct: {100 * self.validation.accuracy:.1f} % "
            f"(95 % interval {low:.1f} to {high:.1f})"
        )

    def _metrics(self, scores: dict[str, Scores], calibration: dict[str, Any]) -> dict[str, Any]:
        validation = self.validation
        by_name = {name: each.as_dict() for name, each in scores.items()}
        cross = by_name.pop("cross-validation")
        cross |= {
            "interval": validation.interval,
            "folds": int(validation.folds.max()) + 1,
            "repeats": len(validation.folds),
            "repeat_accuracies": validation.repeat_accuracies,
            "groups": len(np.unique(self.data.groups[self.data.parts["train"]])),
            "strength": validation.strength,
        }
        return {
            "epochs": 0,
            "backbone": {key: getattr(self.backbone, key) for key in ("name", "identity", "source", "licence")},
            "cross_validation": cross,
            "calibration": calibration,
            **{"test": None, **by_name},
            "images": {part: len(chosen) for part, chosen in self.data.parts.items()},
            "unreadable": self.data.unreadable,
            "look_alikes": self.data.look_alikes,
            "seconds": round(time.monotonic() - self._began, 2),
        }

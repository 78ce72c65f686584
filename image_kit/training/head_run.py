"""One run that fits a head to features of a frozen backbone: build -> fit -> finish, without TensorFlow or Keras."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from image_kit.answering import LITE, Scores, score, write_lite_network, write_predictions
from image_kit.compute import set_up
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
from image_kit.reports import ScoredImages
from image_kit.retries import is_file
from image_kit.terminal import say
from image_kit.threads import one_thread_for_algebra
from image_kit.training.head_data import HeadData
from image_kit.training.run_folder import ENVIRONMENT, METRICS, RunFolder, versions
from image_kit.training.run_report import write_run_report
from image_kit.training.same_photos import BEGAN_WITH, refuse_changed_photos, refuse_other_inputs
from image_kit.training.settings import Settings
from image_kit.training.whole_network import HEAD, answering
from image_kit.trust import (
    Calibration,
    Trust,
    cross_novelty_scores,
    expected_calibration_error,
    fit_cross_calibration,
    fit_feature_novelty,
    record_answers,
    to_probabilities,
    with_temperature,
)
from image_kit.weights import BEST, LAST, Description, save_network

if TYPE_CHECKING:  # imports TensorFlow
    from image_kit.compute import Distribution

ANSWERS, MATRIX = "answers.csv", "confusion_matrix.png"


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
        refuse_other_inputs(self.folder.path, self.folder.file(ENVIRONMENT), self.began_with)
        for weights in map(self.folder.file, (BEST, LAST)):  # of a run that was killed later than that
            if is_file(weights):
                refuse_changed_photos(self.folder.path, weights, self.data.trained_on, self.data.trained_names)
        say(f"Writing to {self.folder.path}/")
        described = f"{self.backbone.name}: {self.backbone.source}"
        self.folder.write_environment(backbone=described, **{BEGAN_WITH: self.began_with})

    @property
    def began_with(self) -> dict[str, str | None]:
        """What tells the content of the backbone and of the groups, for `refuse_other_inputs`."""
        return {"backbone": self.backbone.identity, "groups": self.data.groups_digest}

    @one_thread_for_algebra()
    def fit(self) -> None:
        """Cross-validate heads on the training photos, and fit the final one to all of them."""
        chosen, classes = self.data.parts["train"], len(self.data.class_names)
        rows, labels = prepare_rows(self.data.features[chosen]), self.data.labels[chosen]
        weights = balanced_weights(labels, classes) if self.recipe.class_weights == "balanced" else None
        self.validation = cross_validate(
            rows, labels, classes, self.data.groups[chosen], weights, seed=self.recipe.seed
        )
        self.head = fit_head(rows, labels, classes, self.validation.strength, weights)

    @one_thread_for_algebra()
    def finish(
        self, facts: Mapping[str, Any] | None = None, of_weights: Mapping[str, float] | None = None
    ) -> dict[str, Scores]:
        """Calibrate, score the test photos, and write all files.

        Args:
            facts: what else metrics.json tells.
            of_weights: what else the metrics in the weights file tell.

        Returns:
            "cross-validation", the scores of the training photos by heads that do not know them; and those of the test
            photos, see `score_test_images`.
        """
        self.folder.refuse_removed()
        scores, cross_validation = self.write_cross_validation()
        calibration = self._calibrate()
        self.folder.refuse_removed()
        self._write_network(calibration, of_weights or {})
        scores |= self._score_test_photos(calibration.temperature)
        self._write_report(scores, calibration.temperature)
        metrics = {**self._metrics(scores, calibration), **cross_validation, **(facts or {})}
        write_json(self.folder.file(METRICS), metrics)  # last: the run is complete
        return scores

    @one_thread_for_algebra()
    def fine_tune(self, distribution: "Distribution") -> dict[str, Scores]:
        """Train backbone and head on, and finish with what is better on photos that are held back.

        Args:
            distribution: from `compute.distribute`.

        Returns:
            As `finish`; {} on a worker.
        """
        hardware = set_up(self.recipe.precision, self.recipe.seed)
        from image_kit.training.fine_tuning import FineTuning  # imports keras, which set_up must do

        tuning = FineTuning(self, hardware, distribution)
        tuning.train()
        return tuning.finish() if distribution.is_chief else {}

    def write_cross_validation(self) -> tuple[dict[str, Scores], dict[str, Any]]:
        """Write answers.csv and confusion_matrix.png.

        Returns:
            "cross-validation", as `finish` returns it; and what metrics.json tells of it.
        """
        train, names = self.data.images["train"], self.data.class_names
        write_predictions(self.folder.file(ANSWERS), self.validation.probabilities, train, names)
        held_out = score(self.validation.probabilities, train.labels, names)
        # Its own interval takes photos for independent, which those of one fold or group are not.
        held_out = replace(held_out, interval=self.validation.interval)
        self._draw(held_out)
        facts = {
            "backbone": {key: getattr(self.backbone, key) for key in ("name", "identity", "source", "licence")},
            "cross_validation": held_out.as_dict() | self._describe_validation(),
        }
        return {"cross-validation": held_out}, facts

    def _calibrate(self) -> Calibration:
        """From the answers to photos that were held out."""
        chosen = self.data.parts["train"]
        features, labels = self.data.features[chosen], self.data.labels[chosen]
        novelty_scores = cross_novelty_scores(features, self.validation.folds)
        return fit_cross_calibration(
            self.validation.probabilities, labels, novelty_scores, fit_feature_novelty(features)
        )

    def _write_network(self, calibration: Calibration, facts: Mapping[str, float]) -> None:
        """Write best.weights.h5 and model.tflite."""
        network, weights = join_network(self.backbone, self.head)
        description = Description(
            "pretrained",
            self.data.class_names,
            self.data.preprocessing,
            self.preset,
            metrics={"accuracy": self.validation.accuracy, **facts},
            versions=versions(),
            network=network,
        )
        with answering(description, weights) as classifier:
            trust = Trust(calibration, record_answers(classifier))
        best = self.folder.file(BEST)
        save_network(best, description, weights, np.asarray(self.data.images["train"].fingerprints), trust)
        try:
            write_lite_network(self.folder.file(LITE), network, weights, (description, HEAD, trust), best)
        except (ImportError, ValueError) as error:
            say(f"{first_line(error)}; predict.py answers through TensorFlow instead")

    def _score_test_photos(self, temperature: float) -> dict[str, Scores]:
        """As `score_test_images`, from the features."""
        if "test" not in self.data.parts:
            return {}
        chosen, images = self.data.parts["test"], self.data.images["test"]
        logits = self.head.logits(self.data.features[chosen])
        probabilities = with_temperature(to_probabilities(logits, "logits"), temperature)
        scores = {"test": score(probabilities, images.labels, self.data.class_names)}
        is_new = np.array([name not in self.data.look_alikes.get("test", {}) for name in images.names])
        if is_new.any() and not is_new.all():
            some = score(probabilities[is_new], images.labels[is_new], self.data.class_names)
            scores["test_without_look_alikes"] = some
        return scores

    def _draw(self, scores: Scores) -> None:
        path = self.folder.file(MATRIX)
        try:
            from image_kit.pictures import plot_confusion_matrix  # matplotlib takes .5 s

            title = f"cross-validation: {scores.sentence()}"
            plot_confusion_matrix(scores.confusion, scores.class_names, path, title)
        except Exception as error:  # matplotlib, Pillow and fonts fail in many ways
            say(f"{path}: could not be drawn ({first_line(error)}); the run is complete without it")

    def _write_report(self, scores: dict[str, Scores], temperature: float) -> None:
        probabilities = with_temperature(self.validation.probabilities, temperature)
        held_out = ScoredImages(scores["cross-validation"], probabilities, self.data.images["train"], ANSWERS)
        details = "photos of the cross-validation", held_out
        write_run_report(self.folder, self.settings, scores, details, self.data)

    def _metrics(self, scores: dict[str, Scores], calibration: Calibration) -> dict[str, Any]:
        tested = {name: each.as_dict() for name, each in scores.items() if name != "cross-validation"}
        return {
            "epochs": 0,
            "calibration": self._describe_calibration(calibration.temperature),
            **{"test": None, **tested},
            "images": {part: len(chosen) for part, chosen in self.data.parts.items()},
            "unreadable": self.data.unreadable,
            "look_alikes": self.data.look_alikes,
            "seconds": round(time.monotonic() - self._began, 2),
        }

    def _describe_validation(self) -> dict[str, Any]:
        return {
            "folds": int(self.validation.folds.max()) + 1,
            "repeats": len(self.validation.folds),
            "repeat_accuracies": self.validation.repeat_accuracies,
            "groups": len(np.unique(self.data.groups[self.data.parts["train"]])),
            "strength": self.validation.strength,
        }

    def _describe_calibration(self, temperature: float) -> dict[str, Any]:
        before, labels = self.validation.probabilities, self.data.images["train"].labels
        return {
            "images": len(labels),
            "temperature": temperature,
            "validation_ece_before": expected_calibration_error(before, labels),
            "validation_ece_after": expected_calibration_error(with_temperature(before, temperature), labels),
        }

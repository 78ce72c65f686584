"""Fine-tuning: the whole network is trained on, from the fitted head, and kept only if held-back photos say so.

The head is fitted first, since a random head would spoil the backbone's features in the first steps (Kumar,
Raghunathan, Jones, Ma, Liang, "Fine-tuning can distort pretrained features and underperform out-of-distribution", arXiv
2202.10054). What is kept is an average of the weights before and after, which loses less on other photos (Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022).
"""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from image_kit.answering import KerasClassifier, Scores, score_images
from image_kit.compute import ALONE, Distribution, Hardware
from image_kit.datasets import Data, ImageSet
from image_kit.features import fit_head, join_network, make_folds
from image_kit.photos import PhotoStore, Subset
from image_kit.recipe import AUTO, Recipe
from image_kit.terminal import say
from image_kit.training.finish import answering, finish_run
from image_kit.training.head_run import HeadRun
from image_kit.training.run import Run
from image_kit.training.run_folder import RunFolder
from image_kit.weights import (
    BEST,
    Fallback,
    Network,
    Weights,
    build_with_weights,
    read_description,
    save_weights,
)

# Of the training photos' groups, one in six is held back to decide. The division belongs to the photos, not the seed.
HELD_BACK = 6
# The head that fine-tuning begins with is penalized more than the best one: its smaller weights leave the backbone more
# to learn. Clothing by other senders, 10 divisions: .876 right, .866 from the best head.
START_STRENGTH = 1e-3
# The fraction of the fine-tuned weights in the average. Clothing: .883 right instead of .882, log-loss .41 of .44.
TUNED_FRACTION = 0.75
AVERAGED = "tuned_fraction"  # in the metrics of weights that have been averaged
TUNED = "fine_tuned"  # in the metrics of a head that was kept: how right the network was that it replaced
AUTO_EPOCHS, AUTO_PATIENCE, AUTO_MINUTES = 12, 3, 15  # of --fine-tune auto: at most; without gain; at most


class StartedNetwork:
    """What `Run` needs of `NamedNetworks`: builds backbone and head with the weights that fine-tuning begins with."""

    def __init__(self, network: Network, weights: Weights):
        self._network, self._weights = network, weights

    def build(self, name: str, image_shape: tuple[int, int, int], n_classes: int) -> keras.Model:
        """The network, float32; `name` and `n_classes` are those that it was made for."""
        return build_with_weights(self._network, self._weights, image_shape)


class FineTuning:
    """The training that follows a `HeadRun`, in the same run folder.

    Attributes:
        data: train, validation (the photos that are held back) and, if there is one, test.
        frozen: how right the head that fine-tuning begins with is on the photos that are held back, 0..1.
        tuned: the same of the best weights since (set by `train`).
    """

    tuned: float

    def __init__(self, run: HeadRun, hardware: Hardware, distribution: Distribution = ALONE):
        self._run, self._hardware, self._distribution = run, hardware, distribution
        train = run.data.parts["train"]
        labels, groups = run.data.labels[train], run.data.groups[train]
        held = make_folds(labels, groups, HELD_BACK)[0] == 0
        self.data = self._divide(held)
        rows, classes = run.data.features[train], len(run.data.class_names)
        head = fit_head(rows[~held], labels[~held], classes, START_STRENGTH)
        best = fit_head(rows[~held], labels[~held], classes, run.validation.strength)
        self.frozen = float((best.logits(rows[held]).argmax(axis=1) == labels[held]).mean())
        self._networks = StartedNetwork(*join_network(run.backbone, head))

    def _divide(self, held: np.ndarray) -> Data:
        """The photos as a training takes them: decoded once, in memory as long as they fit."""
        data = self._run.data
        images = data.images["train"]
        assert isinstance(images.images, Subset)
        store = PhotoStore(images.images.store.paths, data.preprocessing)
        parts = {"train": _select(images, ~held, store), "validation": _select(images, held, store)}
        if "test" in data.images:
            parts["test"] = _select(data.images["test"], np.ones(len(data.images["test"].labels), bool), store)
        return Data(data.class_names, data.preprocessing, parts, [], data.unreadable, data.look_alikes)

    def train(self) -> None:
        """Train, or go on where a resumed run was left; then average the weights with those before.

        Raises:
            UserError: see `Run.build` and `Run.fit`.
        """
        settings = replace(self._run.settings, recipe=self._recipe())
        run = Run(settings, self.data, self._networks, self._hardware, self._distribution, self._run.preset)
        run.began_with = self._run.began_with
        run.build(lambda: self._run.folder)
        run.fit()
        if self._distribution.is_chief:
            self._average(self._run.folder)

    def _recipe(self) -> Recipe:
        recipe = replace(self._run.recipe, image_size=self.data.preprocessing.image_shape[:2])
        if not self._run.backbone.stages:  # the number of layers is that of an EfficientNet-Lite's first stages
            recipe = replace(recipe, frozen_layers=0)
        if recipe.fine_tune != AUTO:
            return replace(recipe, epochs=recipe.fine_tune)
        patience, minutes = recipe.early_stopping or AUTO_PATIENCE, recipe.max_minutes or AUTO_MINUTES
        return replace(recipe, epochs=AUTO_EPOCHS, early_stopping=patience, max_minutes=minutes)

    def _average(self, folder: RunFolder) -> None:
        """Replace the best weights by the average, unless an interrupted run has done so, and score them."""
        path, seen = folder.file(BEST), self.data.trained_on
        description = read_description(path)
        if description and TUNED in description.metrics:  # of a run that was killed after the head had replaced it
            self.tuned = description.metrics[TUNED]
            return
        best = KerasClassifier.load(path, Fallback())
        if AVERAGED not in best.description.metrics:
            shape, classes = self.data.preprocessing.image_shape, len(self.data.class_names)
            start, tuned = self._networks.build("", shape, classes).get_weights(), best.model.get_weights()
            best.model.set_weights(
                [TUNED_FRACTION * new + (1 - TUNED_FRACTION) * old for new, old in zip(tuned, start, strict=True)]
            )
            best.description = replace(best.description, metrics={AVERAGED: TUNED_FRACTION})
            save_weights(best.model, path, best.description, seen)
        with answering(best, path) as classifier:
            tuned = score_images(classifier, self.data.parts["validation"])[1]
        self.tuned = tuned.accuracy
        metrics = {"accuracy": tuned.accuracy, "loss": tuned.loss, AVERAGED: TUNED_FRACTION}
        save_weights(best.model, path, replace(best.description, metrics=metrics), seen)

    @property
    def is_better(self) -> bool:
        """Whether the fine-tuned network is kept."""
        return self.tuned > self.frozen

    def sentence(self) -> str:
        """What the photos that were held back decided, in one line."""
        kept = "kept the fine-tuned network" if self.is_better else "kept the head on frozen features"
        return (
            f"held back: {self._held_back:,} photos; frozen {100 * self.frozen:.1f} % right, fine-tuned "
            f"{100 * self.tuned:.1f} %: {kept}"
        )

    @property
    def _held_back(self) -> int:
        return len(self.data.parts["validation"].labels)

    def finish(self) -> dict[str, Scores]:
        """Finish the run with the network that is kept. Returns the scores as `HeadRun.finish` does."""
        say(self.sentence())
        facts: dict[str, Any] = {
            "held_back": self._held_back,
            "frozen": self.frozen,
            "fine_tuned": self.tuned,
        }
        facts["kept"] = "fine-tuned" if self.is_better else "frozen"
        if not self.is_better:
            return self._run.finish({"fine_tuning": facts}, {TUNED: self.tuned})
        scores, cross_validation = self._run.write_cross_validation()
        settings, facts = replace(self._run.settings, recipe=self._recipe()), {"fine_tuning": facts}
        return scores | finish_run(self._run.folder, self.data, None, settings, {**cross_validation, **facts})


def _select(images: ImageSet, chosen: np.ndarray, store: PhotoStore) -> ImageSet:
    """The images where `chosen`, bool (n,), is true, decoded by another store of the same photos."""
    assert isinstance(images.images, Subset)
    assert images.fingerprints is not None
    names = [name for name, is_chosen in zip(images.names, chosen, strict=True) if is_chosen]
    return ImageSet(
        Subset(store, images.images.indices[chosen]), images.labels[chosen], names, images.fingerprints[chosen]
    )

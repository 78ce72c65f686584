"""What happens before each epoch of a training (seeds) and after it (history, weights, stopping, plots)."""

import csv
import time

import keras
import numpy as np

from image_kit import pictures  # its functions are imported at the call: a broken matplotlib costs a picture only
from image_kit.answering import KerasClassifier, score_images
from image_kit.datasets import Data
from image_kit.errors import UserError
from image_kit.files import replacing
from image_kit.recipe import Recipe
from image_kit.reports import try_to_write
from image_kit.retries import is_there
from image_kit.training.run_folder import RunFolder
from image_kit.weights import BEST, LAST, save_weights, with_progress


def has_stopped(history: list[dict[str, float]], recipe: Recipe) -> bool:
    """Whether the validation loss has not improved for `early_stopping` epochs, or `max_minutes` are over.

    The history alone decides, so a resumed run stops where the original did.
    """
    losses, patience = [row["val_loss"] for row in history], recipe.early_stopping
    if patience and losses and len(losses) - 1 - losses.index(min(losses)) >= patience:
        return True
    return recipe.max_minutes is not None and sum(row["seconds"] for row in history) >= 60 * recipe.max_minutes


class RandomLayerSeeds(keras.callbacks.Callback):
    """Reseeds every random layer from (seed, epoch) before each epoch, so that a resumed run repeats the original."""

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        """Called by Keras."""
        # Layers are numbered as in models.py, where a relu belongs to the layer before it.
        layers = [layer for layer in self.model.layers if not isinstance(layer, keras.layers.ReLU)]
        for number, layer in enumerate(layers):
            if isinstance(getattr(layer, "seed_generator", None), keras.random.SeedGenerator):
                state = np.random.SeedSequence([self.seed, epoch, number]).generate_state(2)
                layer.seed_generator.state.assign(state)


class HistoryCsv(keras.callbacks.Callback):
    """Writes history.csv: one row for each epoch, counted from 1, with the seconds it took."""

    def __init__(self, folder: RunFolder):
        super().__init__()
        self.folder = folder

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        row = {name: round(float(value), 6) for name, value in logs.items()}
        self.folder.append_history({"epoch": epoch + 1, **row, "seconds": round(time.monotonic() - self.started, 2)})


class Checkpoints(keras.callbacks.Callback):
    """Writes last.weights.h5 (with the optimizer's state) after every epoch, best.weights.h5 after the best so far.

    The best has the highest validation accuracy and, among equals, the lowest validation loss. Its file contains
    the weights that were validated, which are moving averages if the recipe says so. The classifier gets them too.
    """

    def __init__(self, folder: RunFolder, classifier: KerasClassifier, trained_on: np.ndarray):
        super().__init__()
        self.folder = folder
        self.classifier = classifier
        self.trained_on = trained_on

    def on_test_end(self, logs=None):
        """Called by Keras, while the model still has the weights that were validated."""
        self.classifier.model.set_weights(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        """Called by Keras, after `HistoryCsv`. Raises UserError if the loss is not finite: training has diverged."""
        if not np.isfinite(logs["loss"]):
            raise UserError(
                f"the loss became {logs['loss']} in epoch {epoch + 1}, so training has diverged; "
                f"lower --learning-rate (weights of earlier epochs are in {self.folder.path})"
            )
        description = with_progress(self.classifier.description, epoch + 1, logs)
        *earlier, this = [(row["val_accuracy"], -row["val_loss"]) for row in self.folder.history]
        if not earlier or this > max(earlier):
            save_weights(self.classifier.model, self.folder.file(BEST), description, self.trained_on)
        # Written last: it marks the epoch as complete. After a crash before this, the epoch is repeated.
        save_weights(self.model, self.folder.file(LAST), description, self.trained_on)


class StopEarly(keras.callbacks.Callback):
    """Ends the training when `has_stopped` says so, which also counts the epochs before a resume.

    It watches the validation loss, which turns before the accuracy that `Checkpoints` keeps the best of.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe):
        super().__init__()
        self.folder = folder
        self.recipe = recipe

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = has_stopped(self.folder.history, self.recipe)


class ScoreEachEpoch(keras.callbacks.Callback):
    """Draws tutorial 1's first plot: test accuracy against the number of epochs. It has no influence on training."""

    def __init__(self, folder: RunFolder, data: Data, classifier: KerasClassifier):
        super().__init__()
        self.folder = folder
        self.images = data.parts["test"]
        self.classifier = classifier
        self.file = folder.file("test_each_epoch.csv")

    def on_epoch_end(self, epoch, logs=None):
        """Called by Keras. Adds a row to test_each_epoch.csv and draws the picture again."""
        scores = score_images(self.classifier, self.images)[1]
        # An epoch that a killed run had scored already is trained again, and scored again.
        points = [*(point for point in self._read_points() if point[0] <= epoch), (epoch + 1, scores.accuracy)]
        with replacing(self.file) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("epoch", "accuracy"), *points])
        path = self.folder.file("test_each_epoch.png")
        try_to_write(lambda: pictures.plot_test_scores(points, scores.total, path, self.folder.path.name), path)

    def _read_points(self) -> list[tuple[int, float]]:
        if not is_there(self.file):
            return []
        with open(self.file, encoding="utf-8", newline="") as file:
            return [(int(row["epoch"]), float(row["accuracy"])) for row in csv.DictReader(file)]

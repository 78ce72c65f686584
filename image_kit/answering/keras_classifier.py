"""A classifier that runs in Keras: training scores with it, and LiteRT is compared with it."""

from pathlib import Path

import keras
import numpy as np

import models
from image_kit.answering.classifier import Classifier
from image_kit.fast_keras import shares_in_use
from image_kit.threads import threads
from image_kit.weights import Description, load_weights, read_trust


class KerasClassifier(Classifier):
    """A `Classifier` that runs a Keras model.

    Attributes:
        model: a network of models.py; new weights take effect at once.
        with_features: the same layers as a model with the two outputs of `run`.
    """

    def __init__(self, model: keras.Sequential, description: Description):
        super().__init__(description, models.head(model))
        self.model = model
        self.with_features = keras.Model(model.inputs[0], [model.outputs[0], model.layers[-1].input])

    @classmethod
    def load(cls, path: Path | str, preset_name: str | None = None, class_names: list[str] | None = None):
        """From a weights file; arguments and errors as `load_weights`, and as `Golden.check`."""
        classifier = cls(*load_weights(Path(path), preset_name, class_names))
        classifier.trust = read_trust(Path(path), classifier.description)
        if classifier.trust:
            classifier.trust.golden.check(classifier, path)
        return classifier

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        shares = np.array_split(batch, min(shares_in_use(), len(batch)))
        answers = threads().map(self._answer, shares) if len(shares) > 1 else [self._answer(batch)]
        outputs, features = zip(*answers, strict=True)
        return np.concatenate(outputs), np.concatenate(features)

    def _answer(self, images: np.ndarray):
        return self.with_features(images, training=False)

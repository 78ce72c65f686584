"""A classifier that runs in Keras: training scores with it, and LiteRT is compared with it."""

from pathlib import Path

import keras
import numpy as np

from image_kit.answering.classifier import Classifier
from image_kit.fast_keras import slices_in_use
from image_kit.threads import threads
from image_kit.weights import Description, Fallback, head_of, load_weights, read_trust


class KerasClassifier(Classifier):
    """A `Classifier` that runs a Keras model.

    Attributes:
        model: the network in float32; new weights take effect at once.
        with_features: the same layers as a model with the two outputs of `run`.
    """

    def __init__(self, model: keras.Model, description: Description):
        super().__init__(description, head_of(model))
        self.model = model
        self.with_features = keras.Model(model.inputs[0], [model.outputs[0], model.layers[-1].input])

    @classmethod
    def load(cls, path: Path | str, fallback: Fallback | None = None) -> "KerasClassifier":
        """From a weights file. Arguments and errors as `load_weights`, and as `GoldenTest.refuse_changed_answers`."""
        classifier = cls(*load_weights(Path(path), fallback))
        classifier.trust = read_trust(Path(path), classifier.description)
        if classifier.trust:
            classifier.trust.golden.refuse_changed_answers(classifier, Path(path))
        return classifier

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Classifier.run`."""
        slices = np.array_split(batch, min(slices_in_use(), len(batch)))
        answers = threads().map(self._answer, slices) if len(slices) > 1 else [self._answer(batch)]
        outputs, features = zip(*answers, strict=True)
        return np.concatenate(outputs), np.concatenate(features)

    def _answer(self, images: np.ndarray):
        return self.with_features(images, training=False)

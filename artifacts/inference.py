"""A weights file to class probabilities."""

from pathlib import Path

import keras
import numpy as np

from artifacts import weights_file
from artifacts.description import Description
from artifacts.scores import Scores, score
from command_line import progress
from errors import UserError
from pipeline.datasets import ImageSet

# Pixel values that go through the network at once: 30 photos of 300x300x3, or 1,024 small images at most.
CHUNK_VALUES = 8_000_000
MAX_CHUNK = 1024


class Classifier:
    """A trained network with its class names and its preprocessing."""

    def __init__(self, model: keras.Model, description: Description):
        self.model = model
        self.description = description
        self.preprocessing = description.preprocessing
        self.class_names = description.class_names

    @classmethod
    def load(cls, path: Path | str, preset_name: str | None = None, class_names: list[str] | None = None):
        """From a weights file; arguments and errors as `weights_file.load`."""
        return cls(*weights_file.load(Path(path), preset_name, class_names))

    @property
    def chunk_size(self) -> int:
        """How many images to take at once: bounds the memory."""
        return min(MAX_CHUNK, max(1, CHUNK_VALUES // int(np.prod(self.preprocessing.image_shape))))

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities of uint8 images (n, height, width, channels).

        Returns:
            float32 (n, classes), each row summing to 1, whatever the network's head: one sigmoid unit,
            softmax, or logits.
        """
        chunks = [
            np.asarray(self.model(self.preprocessing.batch(images[start : start + self.chunk_size]), training=False))
            for start in range(0, len(images), self.chunk_size)
        ]
        outputs = np.concatenate(chunks) if chunks else np.empty((0, self.model.output_shape[-1]), np.float32)
        if not np.isfinite(outputs).all():
            raise UserError("the network's answer is no number (NaN or infinity); its weights are damaged, take others")
        return _to_probabilities(outputs, is_logits=self.model.layers[-1].activation is keras.activations.linear)


def score_images(classifier: Classifier, images: ImageSet) -> tuple[np.ndarray, Scores]:
    """Class probabilities, float32 (n, classes), and scores of labelled images; chunk by chunk, with a bar."""
    size, total = classifier.chunk_size, len(images.labels)
    starts = progress(range(0, total, size), label="scoring")
    chunks = [classifier.probabilities(images.take(np.arange(start, min(start + size, total)))) for start in starts]
    probabilities = np.concatenate(chunks)
    return probabilities, score(probabilities, images.labels, classifier.class_names)


def _to_probabilities(outputs: np.ndarray, is_logits: bool) -> np.ndarray:
    if outputs.shape[-1] == 1:
        return np.concatenate([1 - outputs, outputs], axis=-1)
    if is_logits:
        exponentials = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)
    return outputs

"""Where the network looked: a heat map of the picture for its answer."""

import keras
import numpy as np
import tensorflow as tf

from image_kit.answering import KerasClassifier
from image_kit.errors import UserError


class HeatMaps:
    """How much each place of the last convolution's output speaks for a class.

    Grad-CAM (Selvaraju et al., ICCV 2017) in the form of HiResCAM (Draelos, Carin, arXiv:2011.08891): activations
    times the gradients of the class's logit, place by place, summed over the channels, positive parts. Grad-CAM
    averages the gradients over all places first, which forgets where a network that flattens its last convolution
    looks; for one that pools it globally both are the same.

    The logit is the input of the head's activation, so that a sure answer still has a gradient. One sigmoid unit has
    one logit, of class 1; class 0's is its negative.
    """

    def __init__(self, classifier: KerasClassifier):
        """Raises UserError if the network has no convolution."""
        model = classifier.model
        convolution = next((layer for layer in model.layers[::-1] if isinstance(layer, keras.layers.Conv2D)), None)
        if convolution is None:
            name = classifier.description.model
            raise UserError(f"--explain: {name} has no convolution, so there is no map of places; leave it out")
        self._preprocessing, self._head = classifier.preprocessing, model.layers[-1]
        self._parts = keras.Model(model.inputs[0], [convolution.output, self._head.input])

    def __call__(self, image: np.ndarray, class_index: int) -> np.ndarray:
        """The map of a picture for a class.

        Args:
            image: uint8 (height, width, channels).
            class_index: of the class to explain.

        Returns:
            float32 (rows, columns) of the last convolution's output, 0..1; all 0 if nothing speaks for the class.
        """
        with tf.GradientTape() as tape:
            batch = _watched(tape, self._preprocessing.batch(image[None]))
            activations, features = self._parts(batch, training=False)
            logit = _logit(self._head, features, class_index)
        gradients = tape.gradient(logit, activations)
        evidence = np.maximum(tf.reduce_sum(activations * gradients, axis=-1)[0].numpy(), 0)
        return evidence / evidence.max() if evidence.max() > 0 else evidence


def _watched(tape: tf.GradientTape, batch: np.ndarray) -> tf.Tensor:
    """A batch that the tape follows even if no weight is trainable."""
    tensor = tf.convert_to_tensor(batch)
    tape.watch(tensor)
    return tensor


def _logit(head: keras.layers.Dense, features: tf.Tensor, class_index: int) -> tf.Tensor:
    logits = tf.matmul(features, head.kernel) + head.bias
    if logits.shape[-1] == 1:
        return logits[0, 0] if class_index == 1 else -logits[0, 0]
    return logits[0, class_index]

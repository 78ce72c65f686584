"""Heat maps: which places in an image are evidence for a class."""

import keras
import numpy as np
import tensorflow as tf

from image_kit.answering import KerasClassifier
from image_kit.errors import UserError

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.SeparableConv2D, keras.layers.DepthwiseConv2D)


class HeatMaps:
    """How much each place is evidence for a class, at the size that the last convolution outputs.

    This is HiResCAM (Draelos, Carin, arXiv:2011.08891), a form of Grad-CAM (Selvaraju et al., ICCV 2017): activations
    times the gradients of the class's logit, place by place, summed over the channels; negative sums become 0. Grad-CAM
    averages the gradients over all places first, which loses the places in a network that flattens its last
    convolution. In a network with global pooling, both give the same.

    The logit is the input of the head's activation, so a confident answer still has a gradient. A sigmoid unit has one
    logit, that of class 1; the logit of class 0 is its negative.
    """

    def __init__(self, classifier: KerasClassifier):
        """Prepare a network; raises UserError if it has no convolution."""
        model = classifier.model
        outputs = [layer.output for layer in model.layers if isinstance(layer, CONVOLUTIONS)]
        if not outputs:
            name = classifier.description.model
            raise UserError(f"--explain: {name} has no convolution, so there is no heat map; leave the option out")
        self._preprocessing, self._head = classifier.preprocessing, model.layers[-1]
        self._parts = keras.Model(model.inputs[0], [_last_places(model, outputs), self._head.input])

    def __call__(self, image: np.ndarray, class_index: int) -> np.ndarray:
        """The heat map of an image for a class.

        Args:
            image: uint8 (height, width, channels).
            class_index: 0..classes - 1.

        Returns:
            float32 (rows, columns) of the last convolution's size, 0..1; all 0 if nothing is evidence for the class.
        """
        with tf.GradientTape() as tape:
            batch = tf.convert_to_tensor(self._preprocessing.batch(image[None]))
            tape.watch(batch)  # else there are no gradients if no weight is trainable
            activations, features = self._parts(batch, training=False)
            logit = _logit(self._head, features, class_index)
        gradients = tape.gradient(logit, activations)
        evidence = np.maximum(tf.reduce_sum(activations * gradients, axis=-1)[0].numpy(), 0)
        return evidence / evidence.max() if evidence.max() > 0 else evidence


def _last_places(model: keras.Model, convolved: list[keras.KerasTensor]) -> keras.KerasTensor:
    """The output (n, rows, columns, channels) that heat maps are of, from the outputs of all convolutions.

    It is the last output with as many rows and columns as that of the last convolution, behind a normalization or the
    sum that ends a residual block. A convolution with one place, such as one behind a global pooling, does not count.
    """
    sizes = [tensor.shape[1:3] for tensor in convolved]
    size = next((size for size in reversed(sizes) if size != (1, 1)), sizes[-1])
    outputs = [layer.output for layer in model.layers if len(layer.output.shape) == 4]
    return next(tensor for tensor in reversed(outputs) if tensor.shape[1:3] == size)


def _logit(head: keras.layers.Dense, features: tf.Tensor, class_index: int) -> tf.Tensor:
    logits = tf.matmul(features, head.kernel) + (head.bias if head.use_bias else 0)
    if logits.shape[-1] == 1:
        return logits[0, 0] if class_index == 1 else -logits[0, 0]
    return logits[0, class_index]

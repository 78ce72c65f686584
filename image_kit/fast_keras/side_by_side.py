"""A batch of small images computed side by side: each CPU core takes a share of the images through all layers.

TensorFlow by itself splits each operation among the cores, which meet again at its end, a hundred times in a step. The
operations of small images take a tenth of a millisecond, and waiting for each other a fifth of the time. Shares meet
twice, at the loss and at the update. What is trained is the same function to rounding, but for dropout, which draws
share by share.
"""

import keras
import tensorflow as tf


def shares_in_use() -> int:
    """How many shares this process computes a batch in, as `compute.set_up` chose; 1: operations are split instead."""
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        return 1
    return max(1, tf.config.threading.get_inter_op_parallelism_threads())


class SideBySide(keras.Sequential):
    """A network whose batches are computed in shares; its layers and weights files are those of the plain one."""

    def __init__(self, model: keras.Sequential, shares: int):
        """
        Args:
            model: built; its layers become this one's.
            shares: at least 1.
        """
        super().__init__([keras.Input(model.input_shape[1:]), *model.layers], name=model.name)
        self._shares = shares

    def call(self, inputs, training=None, mask=None):
        """Called by Keras with a batch of at least 1 image; shares differ by one image at most."""
        size = tf.shape(inputs)[0]
        bounds = [size * share // self._shares for share in range(self._shares + 1)]
        outputs = []
        for start, end in zip(bounds, bounds[1:], strict=False):
            # TensorFlow's pooling on CPUs crashes without an image: an empty share takes one whose answer is left out.
            images = inputs[start : tf.maximum(end, start + 1)]
            outputs.append(super().call(images, training, mask)[: end - start])
        return tf.concat(outputs, 0)

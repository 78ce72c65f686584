"""A batch of small images computed side by side: each CPU core takes a slice of the images through all layers.

TensorFlow itself splits each operation among the cores, which wait for each other at its end, a hundred times in a
step. With small images an operation takes a tenth of a millisecond, and waiting takes a fifth of the time. Slices wait
for each other only twice: at the loss and at the update. The trained function is the same up to rounding, except that
each slice draws its own dropout.
"""

import math

import keras
import tensorflow as tf

# Images this small are computed in slices. Operations on larger ones are long enough to be split. On 2 cores,
# slices make a step up to a quarter shorter at 28 to 64 pixels a side, and no shorter at 128.
LARGEST_IMAGE = 64 * 64  # pixels
SMALLEST_SLICE = 16  # images: the smallest number that was measured
# With more weights, a step spends its time reading them, however many images there are, and slices would read them
# several times. Slices gain with mnist_dense (669,706) and lose with the network of tutorial 2 (692,609 at 28 x 28).
MOST_WEIGHTS = 680_000


def choose_slices(network: keras.Model, batch_size: int, cores: int) -> int:
    """How many slices to compute a batch in: one for each core, or 1 where splitting each operation is as fast.

    Args:
        network: built; a `keras.StatelessScope` will do, which starts no device.
        batch_size: images.
        cores: CPU cores that this process may use.
    """
    if not isinstance(network, keras.Sequential):
        return 1
    is_small = math.prod(network.input_shape[1:3]) <= LARGEST_IMAGE and batch_size >= cores * SMALLEST_SLICE
    # BatchNormalization takes its statistics from the whole batch.
    has_batch_statistics = any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    return cores if is_small and network.count_params() <= MOST_WEIGHTS and not has_batch_statistics else 1


def slices_in_use() -> int:
    """How many slices this process computes a batch in, as `compute.set_up` decided; 1: operations are split."""
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        return 1
    return max(1, tf.config.threading.get_inter_op_parallelism_threads())


class SideBySide(keras.Sequential):
    """A network that computes batches in slices. Its layers and weights files are those of the plain network."""

    def __init__(self, model: keras.Sequential, slices: int):
        """
        Args:
            model: built; this network uses its layers.
            slices: at least 1.
        """
        super().__init__([keras.Input(model.input_shape[1:]), *model.layers], name=model.name)
        self._slices = slices

    def call(self, inputs, training=None, mask=None):
        """Called by Keras with a batch of at least 1 image. Slices differ by at most one image."""
        size = tf.shape(inputs)[0]
        bounds = [size * number // self._slices for number in range(self._slices + 1)]
        outputs = []
        for start, end in zip(bounds, bounds[1:], strict=False):
            # On a CPU, TensorFlow's pooling crashes without an image. An empty slice computes one and drops the output.
            images = inputs[start : tf.maximum(end, start + 1)]
            outputs.append(super().call(images, training, mask)[: end - start])
        return tf.concat(outputs, 0)

"""A batch of small images computed side by side: each CPU core takes a slice of the images through all layers.

TensorFlow itself splits each operation among the cores, which wait for each other at its end, a hundred times in a
step. With small images an operation takes a tenth of a millisecond, and waiting a fifth of the time. Slices meet twice:
at the loss and at the update. The function that is trained is the same to rounding, except that each slice draws its
own dropout.
"""

import math

import keras
import tensorflow as tf

# Images this small are computed in slices. Operations on larger ones are long enough to be split. On 2 cores a step
# with slices takes up to a quarter less at 28 to 64 pixels a side, and as long at 128.
LARGEST_IMAGE = 64 * 64  # pixels
SMALLEST_SLICE = 16  # images: the fewest that were measured
# With more weights, reading them is what a step costs, whatever the number of images: slices would read them several
# times. Slices gained with the 669,706 of mnist_dense and lost with tutorial 2's network (692,609 at 28 x 28).
MOST_WEIGHTS = 680_000


def choose_slices(network: keras.Sequential, batch_size: int, cores: int) -> int:
    """In how many slices to compute a batch: one for each core, or 1 where splitting each operation is as fast.

    Args:
        network: built, if only in a `keras.StatelessScope`, which starts no device.
        batch_size: images.
        cores: CPU cores that this process may use.
    """
    is_small = math.prod(network.input_shape[1:3]) <= LARGEST_IMAGE and batch_size >= cores * SMALLEST_SLICE
    # It takes its statistics from the whole batch.
    has_batch_statistics = any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    return cores if is_small and network.count_params() <= MOST_WEIGHTS and not has_batch_statistics else 1


def slices_in_use() -> int:
    """In how many slices this process computes a batch, as `compute.set_up` arranged; 1: operations are split."""
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        return 1
    return max(1, tf.config.threading.get_inter_op_parallelism_threads())


class SideBySide(keras.Sequential):
    """A network whose batches are computed in slices. Its layers and weights files are those of the plain network."""

    def __init__(self, model: keras.Sequential, slices: int):
        """
        Args:
            model: built; this network takes its layers over.
            slices: at least 1.
        """
        super().__init__([keras.Input(model.input_shape[1:]), *model.layers], name=model.name)
        self._slices = slices

    def call(self, inputs, training=None, mask=None):
        """Called by Keras with a batch of at least 1 image. Slices differ by one image at most."""
        size = tf.shape(inputs)[0]
        bounds = [size * number // self._slices for number in range(self._slices + 1)]
        outputs = []
        for start, end in zip(bounds, bounds[1:], strict=False):
            # TensorFlow's pooling crashes on a CPU without any image. An empty slice computes one and drops the answer.
            images = inputs[start : tf.maximum(end, start + 1)]
            outputs.append(super().call(images, training, mask)[: end - start])
        return tf.concat(outputs, 0)

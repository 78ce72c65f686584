"""An array data set's batches made inside TensorFlow, so that no small batch passes through Python."""

import keras
import numpy as np
import tensorflow as tf

from compute import cpu_cores
from pipeline.batches import Batches
from pipeline.photo_store import CACHE_SHARE, free_memory

# Batches made ahead of the step, in case one takes longer than another; of small images they are a few MB.
PREFETCHED = 8


def feed(batches: Batches, model: keras.Model) -> tuple[Batches | tf.data.Dataset, list[keras.callbacks.Callback]]:
    """What to give to `model.fit` for these batches: they themselves, or the same made faster; and its callbacks."""
    is_alone = model.distribute_strategy.num_replicas_in_sync == 1  # else every replica or worker has a share of each
    if not (is_alone and suits(batches)):
        return batches, []
    faster = TensorBatches(batches)
    return faster.dataset, [faster]


def suits(batches: Batches) -> bool:
    """Whether the images are one array of which a copy fits in memory, and are rescaled at most."""
    return (
        isinstance(batches.images, np.ndarray)
        and not (batches.augment and batches.generator.is_random)
        and batches.generator.only_rescales
        and batches.images.nbytes <= free_memory() * CACHE_SHARE
    )


class TensorBatches(keras.callbacks.Callback):
    """The batches of a `Batches`, bit for bit, gathered and rescaled from uint8 tensors by TensorFlow's own threads.

    Of 32 images of CIFAR-10 a batch costs a quarter of what it does in Python (0.16 to 0.68 ms of a core).
    As a callback of the fit it sets each epoch's order.

    Attributes:
        dataset: tf.data.Dataset of one epoch.
    """

    def __init__(self, batches: Batches):
        """
        Args:
            batches: which `suits` says yes to.
        """
        super().__init__()
        self._batches = batches
        factor, size = np.float32(batches.generator.rescale or 1), batches.batch_size
        with tf.device("CPU"):  # where tf.data runs; a GPU gets its batches from there
            images, labels = tf.constant(batches.images), tf.constant(batches.labels)
            self._order = tf.Variable(batches.epoch_order())

        def batch(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            indices = self._order[start : start + size]
            return tf.cast(tf.gather(images, indices), tf.float32) * factor, tf.gather(labels, indices)

        starts = tf.data.Dataset.range(0, len(batches.images), size)
        self.dataset = starts.map(batch, num_parallel_calls=cpu_cores()).prefetch(PREFETCHED)

    def on_epoch_begin(self, epoch, logs=None):
        """Called by Keras before it draws from the dataset anew."""
        self._batches.epoch = epoch
        self._order.assign(self._batches.epoch_order())

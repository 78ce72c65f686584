"""An array data set's batches made inside TensorFlow, so that no small batch passes through Python."""

import keras
import numpy as np
import tensorflow as tf

from compute import cpu_cores
from pipeline.batches import Batches
from pipeline.photo_store import CACHE_SHARE, free_memory

# Batches made ahead of the step, in case one takes longer than another; of small images they are a few MB.
PREFETCHED = 8
# Images that one call into Python augments: enough to make the call itself cheap, few enough to begin soon.
AUGMENTED_AT_ONCE = 1024


def feed(batches: Batches, model: keras.Model) -> tuple[Batches | tf.data.Dataset, list[keras.callbacks.Callback]]:
    """What to give to `model.fit` for these batches: they themselves, or the same made faster; and its callbacks."""
    is_alone = model.distribute_strategy.num_replicas_in_sync == 1  # else every replica or worker has a share of each
    if not (is_alone and suits(batches)):
        return batches, []
    faster = TensorBatches(batches)
    return faster.dataset, [faster]


def suits(batches: Batches) -> bool:
    """Whether the images are one array of which a copy fits in memory, and are rescaled after the augmentation."""
    return (
        isinstance(batches.images, np.ndarray)
        and batches.generator.only_rescales  # and runs no code of the user's own, which one thread calls in order
        and batches.images.nbytes <= free_memory() * CACHE_SHARE
    )


class TensorBatches(keras.callbacks.Callback):
    """The batches of a `Batches`, bit for bit, with less Python: TensorFlow's own threads gather and rescale them.

    Of 32 images of CIFAR-10 a batch costs a quarter of what it does in Python (0.16 to 0.68 ms of a core). Images
    that are augmented come from Python, but many batches at once.
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
        factor = np.float32(batches.generator.rescale or 1)
        with tf.device("CPU"):  # where tf.data runs; a GPU gets its batches from there
            is_random = batches.augment and batches.generator.is_random
            uint8 = self._augmented() if is_random else self._gathered()
        self.dataset = uint8.map(
            lambda images, labels: (tf.cast(images, tf.float32) * factor, labels), num_parallel_calls=cpu_cores()
        ).prefetch(PREFETCHED)

    def _gathered(self) -> tf.data.Dataset:
        """Batches of uint8 images as they are, and labels."""
        size = self._batches.batch_size
        images, labels = tf.constant(self._batches.images), tf.constant(self._batches.labels)
        self._order = tf.Variable(self._batches.epoch_order())

        def batch(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            indices = self._order[start : start + size]
            return tf.gather(images, indices), tf.gather(labels, indices)

        starts = tf.data.Dataset.range(0, len(self._batches.images), size)
        return starts.map(batch, num_parallel_calls=cpu_cores())

    def _augmented(self) -> tf.data.Dataset:
        """Batches of augmented uint8 images, and labels."""
        self._order = None
        size, labels = self._batches.batch_size, self._batches.labels
        together = size * max(1, AUGMENTED_AT_ONCE // size)

        def some(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._batches.uint8_images(self._batches.epoch_order()[start : start + together])

        def tensors(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            made = tf.numpy_function(some, [start], (tf.uint8, labels.dtype))
            shapes = self._batches.image_shape, labels.shape[1:]
            return tuple(tf.ensure_shape(each, (None, *shape)) for each, shape in zip(made, shapes, strict=True))

        starts = tf.data.Dataset.range(0, len(labels), together)
        batches = starts.map(tensors, num_parallel_calls=1).prefetch(1).rebatch(size)
        return batches.apply(tf.data.experimental.assert_cardinality(len(self._batches)))

    def on_epoch_begin(self, epoch, logs=None):
        """Called by Keras before it draws from the dataset anew."""
        self._batches.epoch = epoch
        if self._order is not None:
            self._order.assign(self._batches.epoch_order())

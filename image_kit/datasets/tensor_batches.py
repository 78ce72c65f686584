"""How batches get into TensorFlow: many small ones inside it, without Python, and none of them late."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from image_kit.datasets.batches import Batches

# Batches made ahead of the step, in case one takes longer than another; of small images they are a few MB.
from image_kit.machine import cpu_cores, free_memory
from image_kit.photos import CACHE_SHARE

PREFETCHED = 8
# Images that one call into Python augments: enough to make the call itself cheap, few enough to begin soon.
AUGMENTED_AT_ONCE = 1024


def suits(batches: Batches) -> bool:
    """Whether the images are one array of which a copy fits in memory, and are rescaled after the augmentation; and
    the batches whole, not one machine's share of them.
    """
    return (
        batches.share == (0, 1)
        and isinstance(batches.images, np.ndarray)
        and batches.generator.only_rescales  # and runs no code of the user's own, which one thread calls in order
        and batches.images.nbytes <= free_memory() * CACHE_SHARE
    )


class TensorBatches(keras.callbacks.Callback):
    """The batches of a `Batches`, bit for bit, fed without the waiting and most of the Python of Keras's own way.

    Where `suits` says yes, TensorFlow's own threads gather and rescale them: of 32 images of CIFAR-10 a batch costs a
    quarter of what it does in Python (0.16 to 0.68 ms of a core), and images that are augmented come from Python many
    batches at once. Other batches come from Python one by one.
    As a callback of the fit it sets each epoch's order.

    Attributes:
        dataset: tf.data.Dataset of one epoch.
        error: that Python raised while it made a batch; TensorFlow raises an account of it, of ninety lines.
    """

    def __init__(self, batches: Batches):
        """
        Args:
            batches: whose epoch this sets.
        """
        super().__init__()
        self._batches, self._order, self.error = batches, None, None
        with tf.device("CPU"):  # where tf.data runs; a GPU gets its batches from there
            dataset = self._in_tensors() if suits(batches) else self._in_python()
        options = tf.data.Options()
        # All is set here; the thread that would tune it holds each new epoch up, the longer the longer epochs take: of
        # 4 s by up to 4 s. Keras feeds a PyDataset with that thread.
        options.autotune.enabled = False
        self.dataset = dataset.with_options(options)

    def _in_python(self) -> tf.data.Dataset:
        """Batches as `Batches` makes them."""
        numbers = tf.data.Dataset.range(len(self._batches))
        return self._from_python(self._batches.__getitem__, numbers, tf.float32).prefetch(1)

    def _in_tensors(self) -> tf.data.Dataset:
        """Batches of uint8 images, rescaled by TensorFlow."""
        is_random = self._batches.augment and self._batches.generator.is_random
        uint8 = self._augmented() if is_random else self._gathered()
        factor = np.float32(self._batches.generator.rescale or 1)
        return uint8.map(
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
        size = self._batches.batch_size
        together = size * max(1, AUGMENTED_AT_ONCE // size)

        def some(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._batches.uint8_images(self._batches.epoch_order()[start : start + together])

        starts = tf.data.Dataset.range(0, len(self._batches.labels), together)
        batches = self._from_python(some, starts, tf.uint8).prefetch(1).rebatch(size)
        return batches.apply(tf.data.experimental.assert_cardinality(len(self._batches)))

    def _from_python(self, make: Callable, numbers: tf.data.Dataset, dtype: tf.DType) -> tf.data.Dataset:
        """The images of this dtype, and the labels, that `make` returns for each number, one call after another."""
        labels = self._batches.labels
        shapes = self._batches.image_shape, labels.shape[1:]

        def make_one(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            try:
                return make(number)
            except Exception as error:
                self.error = error
                raise

        def tensors(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            made = tf.numpy_function(make_one, [number], (dtype, labels.dtype))
            return tuple(tf.ensure_shape(each, (None, *shape)) for each, shape in zip(made, shapes, strict=True))

        return numbers.map(tensors, num_parallel_calls=1)

    def on_epoch_begin(self, epoch, logs=None):
        """Called by Keras before it draws from the dataset anew."""
        self._batches.epoch = epoch
        if self._order is not None:
            self._order.assign(self._batches.epoch_order())

"""Feeds batches to TensorFlow, without Python if possible, so that no training step waits for one."""

import weakref
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from image_kit.datasets.batches import Batches
from image_kit.machine import cpu_cores, free_memory
from image_kit.photos import CACHE_FRACTION

# Batches made before they are needed, in case one takes longer than others; with small images they take a few MB.
PREFETCHED = 8
# Images that one call into Python augments: enough to make the call itself cheap, few enough to start soon.
AUGMENTED_AT_ONCE = 1024


def fits_in_tensors(batches: Batches) -> bool:
    """Whether TensorFlow itself can gather and rescale the batches.

    It can if the images are one array, a second copy of them fits in memory, nothing but rescaling follows the
    augmentation, and the batches are not sharded.
    """
    return (
        batches.shard == (0, 1)
        and isinstance(batches.images, np.ndarray)
        and batches.generator.only_rescales  # and has no user code, which must run in one thread and in order
        and batches.images.nbytes <= free_memory() * CACHE_FRACTION
    )


class TensorBatches(keras.callbacks.Callback):
    """The batches of a `Batches`, bit for bit, with less waiting and less Python than in Keras's own way.

    If `fits_in_tensors`, TensorFlow's own threads gather and rescale them: a batch of 32 images of CIFAR-10 then takes
    0.16 ms of a core instead of 0.68 ms in Python. Python augments the images of many batches in one call. Other
    batches come from Python one by one.
    As a callback of the fit, it sets the order of each epoch.

    Attributes:
        dataset: tf.data.Dataset of one epoch, to be used as long as this object is kept.
        error: an exception that Python raised while it made a batch, None if there was none. TensorFlow reports such an
            exception in ninety lines.
    """

    def __init__(self, batches: Batches):
        """
        Args:
            batches: what to feed; this callback sets its epoch.
        """
        super().__init__()
        self._batches = batches
        self._order: tf.Variable | None = None
        self._make: Callable = batches.__getitem__  # what Python does for each element of the dataset
        self.error: Exception | None = None
        with tf.device("CPU"):  # tf.data runs there; a GPU gets its batches from it
            dataset = self._in_tensors() if fits_in_tensors(batches) else self._in_python()
        options = tf.data.Options()
        # Everything is set here. The autotuning thread would delay each new epoch, by up to the duration of an epoch
        # (4 s for epochs of 4 s). Keras feeds a PyDataset with that thread.
        options.autotune.enabled = False
        self.dataset = dataset.with_options(options)

    def _in_python(self) -> tf.data.Dataset:
        """Batches as `Batches` makes them."""
        numbers = tf.data.Dataset.range(len(self._batches))
        return self._from_python(numbers, tf.float32).prefetch(1)

    def _in_tensors(self) -> tf.data.Dataset:
        """Batches of uint8 images, rescaled by TensorFlow."""
        is_random = self._batches.augment and self._batches.generator.is_random
        uint8 = self._augmented() if is_random else self._gathered()
        factor = np.float32(self._batches.generator.rescale or 1)
        return uint8.map(
            lambda images, labels: (tf.cast(images, tf.float32) * factor, labels), num_parallel_calls=cpu_cores()
        ).prefetch(PREFETCHED)

    def _gathered(self) -> tf.data.Dataset:
        """Batches of unchanged uint8 images, and labels."""
        size = self._batches.batch_size
        images, labels = tf.constant(self._batches.images), tf.constant(self._batches.labels)
        order = self._order = tf.Variable(self._batches.epoch_order())

        def gather(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            indices = order[start : start + size]
            return tf.gather(images, indices), tf.gather(labels, indices)

        starts = tf.data.Dataset.range(0, len(self._batches.images), size)
        return starts.map(gather, num_parallel_calls=cpu_cores())

    def _augmented(self) -> tf.data.Dataset:
        """Batches of augmented uint8 images, and labels."""
        size = self._batches.batch_size
        together = size * max(1, AUGMENTED_AT_ONCE // size)

        def augment(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._batches.uint8_images(self._batches.epoch_order()[start : start + together])

        starts = tf.data.Dataset.range(0, len(self._batches.labels), together)
        self._make = augment
        batches = self._from_python(starts, tf.uint8).prefetch(1).rebatch(size)
        return batches.apply(tf.data.experimental.assert_cardinality(len(self._batches)))

    def _from_python(self, numbers: tf.data.Dataset, dtype: tf.DType) -> tf.data.Dataset:
        """The images (of `dtype`) and labels that `_make` returns for each number; it is called by one thread."""
        labels = self._batches.labels
        shapes = self._batches.image_shape, labels.shape[1:]
        # TensorFlow keeps every function that Python runs for it until the process ends; not what it refers to weakly.
        weakly = weakref.ref(self)

        def make_one(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            batches = weakly()
            assert batches is not None, "its owner keeps it as long as it uses the dataset"
            try:
                return batches._make(number)
            except Exception as error:
                batches.error = error
                raise

        def tensors(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            made = tf.numpy_function(make_one, [number], (dtype, labels.dtype))
            return tuple(tf.ensure_shape(each, (None, *shape)) for each, shape in zip(made, shapes, strict=True))

        return numbers.map(tensors, num_parallel_calls=1)

    def on_epoch_begin(self, epoch, logs=None):
        """Called by Keras before each pass over the dataset."""
        self._batches.epoch = epoch
        if self._order is not None:
            self._order.assign(self._batches.epoch_order())

"""Images and labels as the batches that model.fit draws."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Protocol

import keras
import numpy as np

from compute import cpu_cores
from pipeline.image_generator import ImageDataGenerator

# Below this many pixels an image's work is mostly Python, which threads cannot share.
_THREADS_FROM_PIXELS = 96 * 96


class ImageSource(Protocol):
    """Images that do not lie in one array, for instance decoded photos in a cache."""

    image_shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The images at `indices` as uint8 (k, height, width, channels)."""


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cpu_cores(), thread_name_prefix="warp")


class Batches(keras.utils.PyDataset):
    """Batches of (standardised images, labels), the same for the same (seed, epoch) whatever draws them.

    Pass `shuffle=False` to fit: the order of an epoch is made here. Do not pass steps_per_epoch: Keras would run
    one pass over the batches across several epochs.

    Attributes:
        epoch: from 0, which pass over the data the batches belong to; set it to resume a training. Keras moves it
            on after every epoch of a fit.
    """

    def __init__(
        self,
        images: np.ndarray | ImageSource,
        labels: np.ndarray,
        generator: ImageDataGenerator,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = False,
        augment: bool = True,
        binary: bool = False,
    ):
        """
        Args:
            images: uint8 (n, height, width, channels), 0..255, or an `ImageSource`.
            labels: int (n,).
            generator: says how images are augmented and standardised.
            batch_size: images in a batch; the last one may be smaller.
            seed: of the order and the augmentation; not negative.
            shuffle: whether each epoch has an order of its own.
            augment: whether the generator's random transforms are applied.
            binary: whether labels are float32 (k, 1), for a sigmoid output; else int32 (k,).

        Raises:
            ValueError: labels and images differ in number, or the array is not uint8 of rank 4.
        """
        super().__init__()
        if isinstance(images, np.ndarray) and (images.dtype != np.uint8 or images.ndim != 4):
            raise ValueError(f"images are {images.dtype} {images.shape}; expected uint8 (n, height, width, channels)")
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images but {len(labels)} labels")
        self.images, self.generator = images, generator
        self.image_shape = tuple(images.shape[1:] if isinstance(images, np.ndarray) else images.image_shape)
        self.labels = np.asarray(labels, np.float32).reshape(-1, 1) if binary else np.asarray(labels, np.int32)
        self.batch_size, self.seed, self.shuffle, self.augment = batch_size, seed, shuffle, augment
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch, self._running, self._order = epoch, False, (None, None)

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._running = True

    def on_epoch_end(self) -> None:
        """Called by Keras: the next epoch follows.

        fit() and evaluate() also call this before their first epoch, which does not count.
        """
        if self._running:
            self.epoch += 1

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch i of this epoch: float32 (k, height, width, channels), standardised, and labels."""
        indices = self.indices(i)
        images = np.empty((len(indices), *self.image_shape), np.float32)
        self._fill(indices, images)
        return images, self.labels[indices]

    def uint8_batch(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch i before it is standardised: uint8 (k, height, width, channels) and labels."""
        indices = self.indices(i)
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        self._fill(indices, images)
        return images, self.labels[indices]

    def indices(self, i: int) -> np.ndarray:
        """Which images make up batch i of this epoch: int (k,).

        Raises:
            IndexError: there is no such batch.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"batch {i} of {len(self)}")
        return self._epoch_order()[i * self.batch_size : (i + 1) * self.batch_size]

    def _epoch_order(self) -> np.ndarray:
        epoch = self.epoch
        known, order = self._order
        if known != epoch:
            order = np.arange(len(self.images))
            if self.shuffle:
                order = np.random.default_rng(np.random.SeedSequence((self.seed, epoch))).permutation(order)
            self._order = epoch, order
        return order

    def _fill(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write the images at `indices` to `out`: as they are for uint8, standardised for float32."""
        in_memory = isinstance(self.images, np.ndarray)
        if not (self.augment and self.generator.is_random):
            self._finish(self.images[indices] if in_memory else self.images.take(indices), out)
            return
        # Views of one array spare a copy.
        images = [self.images[index] for index in indices.tolist()] if in_memory else self.images.take(indices)
        plan = self.generator.plan(self.image_shape, self.seed, self.epoch, indices)
        height, width, _ = self.image_shape
        parts = min(cpu_cores(), len(indices)) if height * width >= _THREADS_FROM_PIXELS else 1
        bounds = np.linspace(0, len(indices), parts + 1).astype(int).tolist()
        tasks = [(images[start:stop], plan[start:stop], out[start:stop]) for start, stop in pairwise(bounds)]
        if parts == 1:
            self._fill_part(*tasks[0])
        else:
            list(_pool().map(self._fill_part, *zip(*tasks, strict=True)))

    def _fill_part(self, images, plan, out: np.ndarray) -> None:
        transformed = out if out.dtype == np.uint8 else np.empty(out.shape, np.uint8)
        for image, planned, result in zip(images, plan, transformed, strict=True):
            self.generator.apply_planned(image, planned, result)
        if transformed is not out:
            self._finish(transformed, out)

    def _finish(self, images: np.ndarray, out: np.ndarray) -> None:
        if out.dtype == np.uint8:
            out[...] = images
        else:
            self.generator.standardize_into(images, out)

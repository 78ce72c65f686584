"""Images and labels as the batches that model.fit draws."""

from typing import TYPE_CHECKING, Protocol

import keras
import numpy as np

from image_kit.generator import BatchMemory, standardise, transform_batch

if TYPE_CHECKING:  # which imports this module, through its iterators
    from image_kit.generator import ImageDataGenerator


class ImageSource(Protocol):
    """Images that do not lie in one array, for instance decoded photos in a cache."""

    image_shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The images at `indices` as uint8 (k, height, width, channels)."""


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
        generator: "ImageDataGenerator",
        batch_size: int,
        seed: int = 0,
        shuffle: bool = False,
        augment: bool = True,
        binary: bool = False,
        share: tuple[int, int] = (0, 1),
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
            share: (number, of how many): batches hold only this part of their images, the other machines' the rest.

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
        self.share = share
        self._memory = BatchMemory()
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
        images = self._memory.empty((len(indices), *self.image_shape), np.float32)
        self._fill(indices, images)
        return images, self.labels[indices]

    def uint8_batch(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch i before it is standardised: uint8 (k, height, width, channels) and labels."""
        return self.uint8_images(self.indices(i))

    def uint8_images(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `uint8_batch`, of any images, as this epoch augments them."""
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        self._fill(indices, images)
        return images, self.labels[indices]

    def indices(self, i: int) -> np.ndarray:
        """Which images make up batch i of this epoch, or this machine's share of them: int (k,).

        Raises:
            IndexError: there is no such batch.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"batch {i} of {len(self)}")
        whole = self.epoch_order()[i * self.batch_size : (i + 1) * self.batch_size]
        number, shares = self.share
        return whole[len(whole) * number // shares : len(whole) * (number + 1) // shares]

    def epoch_order(self) -> np.ndarray:
        """The images of this epoch in the order of their batches: int (n,)."""
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
            standardise(self.generator, self.images[indices] if in_memory else self.images.take(indices), out)
            return
        # Views of one array spare a copy.
        images = [self.images[index] for index in indices.tolist()] if in_memory else self.images.take(indices)
        transform_batch(self.generator, images, indices, self.seed, self.epoch, out)

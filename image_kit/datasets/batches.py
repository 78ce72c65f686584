"""Images and labels in the batches that model.fit takes."""

from typing import Protocol

import keras
import numpy as np

from image_kit.datasets.image_sets import Data
from image_kit.generator import BatchMemory, ImageDataGenerator, RandomCropGenerator, standardise, transform_batch
from image_kit.recipe import Augmentation


class ImageSource(Protocol):
    """Images that are not one array, for instance decoded photos in a cache."""

    image_shape: tuple[int, int, int]

    def __len__(self) -> int: ...

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The images at `indices` as uint8 (k, height, width, channels)."""


class Batches(keras.utils.PyDataset):
    """Batches of (standardised images, labels). They depend on seed and epoch only, not on threads or calls.

    Pass `shuffle=False` to fit, since the order of an epoch is made here. Do not pass steps_per_epoch, with which
    Keras would spread one pass over the batches across several epochs.

    Attributes:
        epoch: the pass over the data that the batches belong to, from 0. Set it to resume a training. Keras
            increments it after every epoch of a fit.
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
        shard: tuple[int, int] = (0, 1),
    ):
        """
        Args:
            images: uint8 (n, height, width, channels), 0..255, or an `ImageSource`.
            labels: int (n,).
            generator: augments and standardises the images.
            batch_size: images per batch; the last batch may be smaller.
            seed: of the order and the augmentation; not negative.
            shuffle: whether each epoch has an order of its own.
            augment: whether the generator's random transforms are applied.
            binary: whether labels are float32 (k, 1), for a sigmoid output; otherwise they are int32 (k,).
            shard: (number, of how many): each batch contains this machine's part of its images only.

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
        self.shard = shard
        self._memory = BatchMemory()
        self._order: tuple[int, np.ndarray] | None = None  # the epoch, and its order
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch, self._running, self._order = epoch, False, None

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._running = True

    def on_epoch_end(self) -> None:
        """Called by Keras after an epoch, so that the next one follows.

        fit() and evaluate() also call this before their first epoch; that call is ignored.
        """
        if self._running:
            self.epoch += 1

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch i of this epoch: float32 (k, height, width, channels), standardised, and labels."""
        indices = self.indices(i)
        images = self._memory.empty((len(indices), *self.image_shape), np.dtype(np.float32))
        self._fill(indices, images)
        return images, self.labels[indices]

    def uint8_batch(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch i before standardisation: uint8 (k, height, width, channels) and labels."""
        return self.uint8_images(self.indices(i))

    def uint8_images(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `uint8_batch`, for the images at any indices, augmented as in this epoch."""
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        self._fill(indices, images)
        return images, self.labels[indices]

    def indices(self, i: int) -> np.ndarray:
        """The images of batch i of this epoch, or this machine's shard of them: int (k,).

        Raises:
            IndexError: there is no such batch.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"batch {i} of {len(self)}")
        whole = self.epoch_order()[i * self.batch_size : (i + 1) * self.batch_size]
        number, shards = self.shard
        return whole[len(whole) * number // shards : len(whole) * (number + 1) // shards]

    def epoch_order(self) -> np.ndarray:
        """The images of this epoch in the order of their batches: int (n,)."""
        epoch, known = self.epoch, self._order
        if known and known[0] == epoch:
            return known[1]
        order = np.arange(len(self.images))
        if self.shuffle:
            order = np.random.default_rng(np.random.SeedSequence((self.seed, epoch))).permutation(order)
        self._order = epoch, order
        return order

    def _fill(self, indices: np.ndarray, out: np.ndarray) -> None:
        """Write the images at `indices` to `out`: unchanged if it is uint8, standardised if it is float32."""
        if not (self.augment and self.generator.is_random):
            whole = self.images[indices] if isinstance(self.images, np.ndarray) else self.images.take(indices)
            standardise(self.generator, whole, out)  # type: ignore[arg-type]  # an array is a sequence of images
            return
        if isinstance(self.images, np.ndarray):
            some = [self.images[index] for index in indices.tolist()]  # views of one array, which spare a copy
        else:
            some = self.images.take(indices)  # type: ignore[assignment]  # as above
        transform_batch(self.generator, some, indices, self.seed, self.epoch, out)


def build_batches(
    data: Data,
    part: str,
    batch_size: int,
    binary: bool,
    seed: int = 0,
    augmentation: Augmentation | None = None,
    shuffle: bool = False,
    shard: tuple[int, int] = (0, 1),
) -> Batches:
    """The `Batches` of one part of the data, augmented if an `Augmentation` is given; see `Batches` for the rest."""
    generator = build_image_generator(augmentation or Augmentation(), data.preprocessing.rescale)
    images = data.parts[part]
    return Batches(
        images.images, images.labels, generator, batch_size, seed=seed, shuffle=shuffle, binary=binary, shard=shard
    )


def build_image_generator(augmentation: Augmentation, rescale: float | None = None) -> ImageDataGenerator:
    """The `ImageDataGenerator` that applies an `Augmentation`; `rescale` is a factor for every sample."""
    arguments = {"rescale": rescale, **augmentation.keras_arguments}
    if augmentation.random_resized_crop is None:
        return ImageDataGenerator(**arguments)
    return RandomCropGenerator(**arguments, random_resized_crop=augmentation.random_resized_crop)

"""What the iterators of ImageDataGenerator share: their order, epochs, batches and saved images."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import keras
import numpy as np

# Keras exports only some of its iterators, and under names that differ between versions.
from keras.src.legacy.preprocessing import image as keras_image

from image_kit.generator.batch_memory import BatchMemory
from image_kit.generator.image_draws import ImageDraws
from image_kit.generator.transform import transform_batch

_LARGEST_SEED = 2**31  # what is drawn where no seed is given stays below


class FlowIterator(keras_image.Iterator):
    """Keras's iterator, with batches that depend on (seed, epoch, index) only.

    An epoch is one pass over the data. Keras's fit, evaluate and predict begin the next one by themselves when every
    batch was drawn (steps_per_epoch may spread one pass over several of fit's epochs), and so does `next`. `reset`
    makes `next` begin a new one. NumPy's global generator is neither read nor written, but for one number that becomes
    the seed if none is given.

    Attributes beyond Keras's:
        epoch: which pass the batches belong to, from 0; set it to repeat or to resume.
        seed: never None: also a seed that was drawn can be noted and given again.

    A subclass says what `_images` and `_with_targets` are, and sets `_working_dtype`: Keras transforms photos in its
    default float type and casts the result to `dtype`, but casts arrays first.
    """

    def _begin(self, seed: int | None, workers: int, use_multiprocessing: bool, max_queue_size: int) -> None:
        """What follows the constructor of Keras's class."""
        self.seed = int(np.random.randint(_LARGEST_SEED)) if seed is None else int(seed)
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size
        self._ordered_epoch, self._memory = None, BatchMemory()
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch, self._drawn = epoch, set()
        self._begun_by_next = self._left_unfinished = False

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._running = True

    def on_epoch_end(self) -> None:
        """Called by Keras, also once before the first epoch of a fit or evaluate.

        With steps_per_epoch, Keras goes on with the same pass in its next epoch; so the pass ends when all of it was
        drawn, and a pass that was left ends when the next fit or evaluate begins. The outcome does not depend on how
        many batches Keras has drawn ahead.
        """
        running, self._running = getattr(self, "_running", False), False
        drawn = len(self._drawn) == len(self) or self.use_multiprocessing  # other processes do not tell
        if drawn if running else self._left_unfinished:
            self.epoch += 1
        elif running:
            self._left_unfinished = True

    def __getitem__(self, idx: int):
        """Batch `idx` of this epoch, as often as it is asked for.

        Raises ValueError if there is no such batch, as Keras does.
        """
        if not -len(self) <= idx < len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the iterator has {len(self)} batches")
        return self._batch(idx % len(self), self.epoch)

    def __next__(self):
        if self.n == 0:
            raise ValueError("there are no images to iterate over")
        with self.lock:
            if self.batch_index == 0 and self._begun_by_next:
                self.epoch += 1
            self._begun_by_next = True
            number, epoch = self.batch_index, self.epoch
            self.batch_index = (number + 1) % len(self)
        return self._batch(number, epoch)

    next = __next__  # as in Keras 2

    def _batch(self, number: int, epoch: int):
        indices = self._order(epoch)[number * self.batch_size :][: self.batch_size]
        batch = self._make(indices, epoch, lambda: self._read_ahead(number, epoch))
        with self.lock:
            self.total_batches_seen += 1
            if epoch == self.epoch:
                self._drawn.add(number)
        return batch

    def _order(self, epoch: int) -> np.ndarray:
        """The images of an epoch in its order, int (n,); Keras's `index_array` is that of the last one drawn."""
        with self.lock:
            if self._ordered_epoch != epoch:
                order = np.arange(self.n)
                if self.shuffle:
                    order = np.random.default_rng(np.random.SeedSequence((self.seed, epoch))).permutation(order)
                self.index_array, self._ordered_epoch = order, epoch
            return self.index_array

    def _set_index_array(self) -> None:
        self._order(self.epoch)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray):
        """Keras's name for: the batch of these images, in this epoch."""
        return self._make(np.asarray(index_array), self.epoch)

    def _make(self, indices: np.ndarray, epoch: int, meanwhile: Callable[[], None] = lambda: None):
        images, places = self._images(indices)
        batch = self._memory.empty((len(indices), *self.image_shape), self._working_dtype)
        self._fill(images, indices, epoch, batch, meanwhile)
        self._mend(images, places, indices, epoch, batch)
        batch = batch.astype(self.dtype, copy=False)
        if self.save_to_dir:
            self._save(batch, indices, epoch)
        return self._with_targets(batch, places)

    def _fill(self, images, indices: np.ndarray, epoch: int, out: np.ndarray, meanwhile=lambda: None) -> None:
        generator = self.image_data_generator
        exact = generator.is_random and not generator.uint8_suffices
        transform_batch(generator, images, indices, self.seed, epoch, out, exact, meanwhile)

    def _save(self, batch: np.ndarray, indices: np.ndarray, epoch: int) -> None:
        """Write images as Keras does: PREFIX_INDEX_NUMBER.FORMAT, the number being random; here it follows from the
        seed and the epoch."""
        numbers = (ImageDraws(self.seed, epoch, indices).random() * 1e7).astype(int)
        for image, index, number in zip(batch, indices, numbers, strict=True):
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            picture = keras.utils.array_to_img(image, self.data_format, scale=True)
            picture.save(Path(self.save_to_dir) / name)

    def _images(self, indices: np.ndarray) -> tuple[list[np.ndarray | Future], np.ndarray]:
        """k images as `transform_batch` takes them, and the places (k,) that their targets are found at."""
        raise NotImplementedError

    def _mend(self, images: list, places: np.ndarray, indices: np.ndarray, epoch: int, batch: np.ndarray) -> None:
        """Put right, in `batch` and `places`, what `images` turned out to lack."""

    def _with_targets(self, batch: np.ndarray, places: np.ndarray):
        """What the caller gets: the batch, alone or with targets and weights."""
        raise NotImplementedError

    def _read_ahead(self, number: int, epoch: int) -> None:
        """Called while batch `number` is being made."""


def split_places(strata: np.ndarray, share: float, seed: int | None, subset: str) -> np.ndarray:
    """A shuffled split in which every stratum has its share, to within one image.

    Args:
        strata: (n,), the class of each image, or anything that can be sorted.
        share: of the images that are for validation.
        seed: decides; it must be the same for both subsets, or they overlap.
        subset: "training" or "validation".

    Returns:
        int (m,): the places of the subset's images, ascending.

    Raises:
        ValueError: no seed, or another subset.
    """
    if subset not in ("training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation"')
    if seed is None:
        raise ValueError("shuffled_split needs a seed, the same for both subsets; otherwise they would overlap")
    rng = np.random.default_rng(np.random.SeedSequence((seed,), spawn_key=(2,)))
    order = np.lexsort((rng.random(len(strata)), strata))
    # Along the sorted images, one is picked whenever their share reaches the next whole number.
    reached = np.floor(np.arange(len(strata) + 1) * share + 1e-9)
    return np.sort(order[(np.diff(reached) > 0) == (subset == "validation")])

"""The base of all iterators of ImageDataGenerator: order, epochs, batches and saved images."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from image_kit.generator.batch_memory import BatchMemory
from image_kit.generator.image_draws import ImageDraws
from image_kit.generator.keras_classes import keras, keras_image
from image_kit.generator.transform import transform_batch

_LARGEST_SEED = 2**31  # a seed that is drawn because none is given stays below this


class FlowIterator(keras_image.Iterator):
    """Keras's iterator, with batches that depend on (seed, epoch, index) only.

    An epoch is one pass over the data. Keras's fit, evaluate and predict begin the next one by themselves after every
    batch was drawn (steps_per_epoch may spread one pass over several of fit's epochs), and so does `next`. `reset`
    makes `next` begin a new one. If no seed is given, one number from NumPy's global generator becomes the seed;
    apart from that, the global generator is neither read nor changed.

    Attributes beyond Keras's:
        epoch: which pass the batches belong to, from 0; set it to repeat a pass or to resume.
        seed: never None, so that a seed that was drawn can be noted and given again.

    A subclass says what `_images` and `_with_targets` are, and sets `_working_dtype`: Keras transforms photos in its
    default float type and casts the result to `dtype`, but casts arrays first.
    """

    # Set by Keras.
    batch_index: int
    batch_size: int
    n: int

    def _start(self, seed: int | None, workers: int, use_multiprocessing: bool, max_queue_size: int) -> None:
        """Finish the constructor, after that of Keras's class."""
        self.seed = int(np.random.randint(_LARGEST_SEED)) if seed is None else int(seed)
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size
        self._ordered_epoch: int | None = None
        self._memory = BatchMemory()
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._drawn: set[int] = set()
        self._begun_by_next = self._left_unfinished = False

    def on_epoch_begin(self) -> None:
        """Called by Keras."""
        self._running = True

    def on_epoch_end(self) -> None:
        """Called by Keras, also once before the first epoch of a fit or evaluate.

        With steps_per_epoch, Keras continues the same pass in its next epoch. So the pass ends when all of it was
        drawn, and an unfinished pass ends when the next fit or evaluate begins. The outcome does not depend on how
        many batches Keras has drawn ahead.
        """
        running, self._running = getattr(self, "_running", False), False
        drawn = len(self._drawn) == len(self) or self.use_multiprocessing  # other processes do not say what they drew
        if drawn if running else self._left_unfinished:
            self.epoch += 1
        elif running:
            self._left_unfinished = True

    def __getitem__(self, idx: int):
        """Batch `idx` of this epoch, the same each time.

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
        batch = self._make_batch(indices, epoch, lambda: self._read_ahead(number, epoch))
        with self.lock:
            self.total_batches_seen += 1
            if epoch == self.epoch:
                self._drawn.add(number)
        return batch

    def _order(self, epoch: int) -> np.ndarray:
        """int (n,): the images' places in the order of an epoch; `index_array` is kept up to date, as in Keras."""
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
        """The batch of these images in this epoch. The name is Keras's."""
        return self._make_batch(np.asarray(index_array), self.epoch)

    def _make_batch(self, indices: np.ndarray, epoch: int, meanwhile: Callable[[], None] = lambda: None):
        images, places = self._load_images(indices)
        batch = self._memory.empty((len(indices), *self.image_shape), self._working_dtype)
        self._transform_into(images, indices, epoch, batch, meanwhile)
        self._replace_unreadable(images, places, indices, epoch, batch)
        batch = batch.astype(self.dtype, copy=False)
        if self.save_to_dir:
            self._save(batch, indices, epoch)
        return self._with_targets(batch, places)

    def _transform_into(self, images, indices: np.ndarray, epoch: int, out: np.ndarray, meanwhile=lambda: None) -> None:
        generator = self.image_data_generator
        exact = generator.is_random and not generator.uint8_suffices
        transform_batch(generator, images, indices, self.seed, epoch, out, exact, meanwhile)

    def _save(self, batch: np.ndarray, indices: np.ndarray, epoch: int) -> None:
        """Write images as Keras does: PREFIX_INDEX_NUMBER.FORMAT with a random number, here from seed and epoch."""
        numbers = (ImageDraws(self.seed, epoch, indices).random() * 1e7).astype(int)
        for image, index, number in zip(batch, indices, numbers, strict=True):
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            picture = keras.utils.array_to_img(image, self.data_format, scale=True)
            picture.save(Path(self.save_to_dir) / name)

    def _load_images(self, indices: np.ndarray) -> tuple[Sequence[np.ndarray | Future], np.ndarray]:
        """k images as `transform_batch` takes them, and the places (k,) of their targets."""
        raise NotImplementedError

    def _replace_unreadable(
        self, images: Sequence, places: np.ndarray, indices: np.ndarray, epoch: int, batch: np.ndarray
    ) -> None:
        """Put other images, with their places, where `images` turned out to be unreadable."""

    def _with_targets(self, batch: np.ndarray, places: np.ndarray):
        """What the caller receives: the batch, alone or with targets and weights."""
        raise NotImplementedError

    def _read_ahead(self, number: int, epoch: int) -> None:
        """Called while batch `number` is being made."""


def split_places(strata: np.ndarray, fraction: float, seed: int | None, subset: str | None) -> np.ndarray:
    """A shuffled split that takes the same fraction of every stratum, to within one image.

    Args:
        strata: (n,), the class of each image, or anything that can be sorted.
        fraction: how much of the images is for validation, 0..1.
        seed: decides the split; it must be the same for both subsets, or they overlap.
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
    # Along the sorted images, one is picked whenever count * fraction reaches the next whole number.
    reached = np.floor(np.arange(len(strata) + 1) * fraction + 1e-9)
    return np.sort(order[(np.diff(reached) > 0) == (subset == "validation")])

"""Photos decoded once, in parallel threads, and kept in memory while they fit."""

import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np

from image_kit.errors import UserError
from image_kit.machine import free_memory
from image_kit.photos.photo import KerasLoading, PhotoError, Preprocessing, content_hash
from image_kit.threads import threads

# Of the memory that is free, for all stores of a process together: the rest is for the network and other programs.
CACHE_SHARE = 1 / 4


def _left_for_caches() -> int:
    """Bytes of CACHE_SHARE that no store of this process was promised."""
    stores = list(_sharing)
    in_use = sum(int(store._is_cached.sum()) * store.image_bytes for store in stores)  # no longer counted as free
    promised = sum(store._cache.nbytes for store in stores)
    return max(0, int((free_memory() + in_use) * CACHE_SHARE) - promised)


_sharing: "weakref.WeakSet[PhotoStore]" = weakref.WeakSet()  # those of no budget of their own
_promising = threading.RLock()  # held while a store is added


class PhotoStore:
    """Photos as uint8 arrays of one shape, by index.

    The first ones that fit `budget` bytes stay in memory once decoded; the others are decoded each time.

    Args:
        paths: the photo files.
        preprocessing: makes an array of each.
        budget: bytes of memory for decoded photos; by default the stores of a process share a quarter of what is free.
    """

    def __init__(
        self, paths: Sequence[Path | str], preprocessing: Preprocessing | KerasLoading, budget: int | None = None
    ):
        self.paths = list(paths)
        self.preprocessing = preprocessing
        self.image_shape = preprocessing.image_shape
        self.image_bytes = int(np.prod(self.image_shape))
        if budget is None:
            with _promising:
                self._make_cache(self._shared())
                _sharing.add(self)
        else:
            self._make_cache(budget)
        self._coming: dict[int, Future] = {}
        self._coming_in = os.getpid()

    def _make_cache(self, budget: int) -> None:
        cached = min(len(self.paths), budget // self.image_bytes)
        self._cache = np.empty((cached, *self.image_shape), np.uint8)
        self._is_cached = np.zeros(cached, bool)

    def _shared(self) -> int:
        """The bytes that this store may take of what all share."""
        left = _left_for_caches()
        if left < len(self.paths) * self.image_bytes:
            gc.collect()  # Keras's iterators refer to themselves: one that nobody uses any more may still hold a cache
            left = _left_for_caches()
        return left

    def __len__(self) -> int:
        return len(self.paths)

    def load(
        self,
        progress: Callable[[Iterable], Iterable] = iter,
        see: Callable[[int, np.ndarray], None] = lambda index, image: None,
    ) -> tuple[list[str | None], dict[Path, str]]:
        """Read and decode every photo once, ahead of the first use.

        Args:
            progress: wraps the iterable of finished photos, to show a bar.
            see: called in threads with the index and the image of each photo that can be decoded.

        Returns:
            The content hash of each photo, None for one that cannot be decoded; and the reason by path of those.
        """
        hashes, errors = [], {}
        results = threads().map(partial(self._load_one, see), range(len(self)))
        for path, result in progress(zip(self.paths, results, strict=True)):
            if isinstance(result, PhotoError):
                errors[path] = str(result)
            hashes.append(None if isinstance(result, PhotoError) else result)
        return hashes, errors

    def _load_one(self, see: Callable[[int, np.ndarray], None], index: int) -> str | PhotoError:
        try:
            data = Path(self.paths[index]).read_bytes()
            image = self.preprocessing.photo(data)
        except OSError as error:
            return PhotoError(error.strerror or str(error))
        except PhotoError as error:
            return error
        self._keep(index, image)
        see(index, image)
        return content_hash(data)

    def _keep(self, index: int, image: np.ndarray) -> None:
        if index < len(self._cache):
            self._cache[index] = image
            self._is_cached[index] = True  # only now: another thread may look meanwhile

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Photos by index, uint8 (n, height, width, channels).

        Raises UserError if a photo that was readable before no longer is.
        """
        indices = np.asarray(indices, np.int64)
        if (indices < len(self._cache)).all() and self._is_cached[indices].all():
            return self._cache[indices]
        images = self.views(indices)
        for index, image in zip(indices, images, strict=True):
            if isinstance(image, PhotoError):
                raise UserError(f"{self.paths[index]}: changed while in use ({image}); start again")
        return np.stack(images)

    def started(self, indices: np.ndarray) -> list[np.ndarray | Future]:
        """As `views`, without waiting: a photo that is not in memory is a future of what `views` gives for it."""
        if self._coming_in != os.getpid():  # a fork has the futures but not the threads that would fulfil them
            self._coming, self._coming_in = {}, os.getpid()
        started = [self._coming.pop(index, None) or self._start(index) for index in np.asarray(indices).tolist()]
        return [self._cache[image] if isinstance(image, int) else image for image in started]

    def views(self, indices: np.ndarray) -> list[np.ndarray | PhotoError]:
        """Photos by index, uint8 of `image_shape` each, not to be written to; in place of a bad one, the error."""
        return [image.result() if isinstance(image, Future) else image for image in self.started(indices)]

    def read_ahead(self, indices: np.ndarray) -> None:
        """Start to decode photos that `views` will be asked for next; what is under way and not among them is dropped.

        At most the photos of one call are held, beyond the budget.
        """
        coming = {index: self._coming.get(index) or self._start(index) for index in np.asarray(indices).tolist()}
        self._coming = {index: image for index, image in coming.items() if not isinstance(image, int)}

    def _start(self, index: int) -> int | Future:
        """The index of a photo in memory; else its decoding, under way in a thread."""
        if index < len(self._cache) and self._is_cached[index]:
            return index
        return threads().submit(self._decode, index)

    def _decode(self, index: int) -> np.ndarray | PhotoError:
        try:
            image = self.preprocessing.photo(self.paths[index])
        except PhotoError as error:
            return error
        except OSError as error:  # no permission
            return PhotoError(error.strerror or str(error))
        self._keep(index, image)
        return image


class Subset:
    """Some images of a source, numbered from 0: what belongs to one part of the data.

    Args:
        source: has `take(indices)` and `image_shape`.
        indices: int array (n,) into the source.
    """

    def __init__(self, source: PhotoStore, indices: np.ndarray):
        self.source = source
        self.indices = np.asarray(indices, np.int64)
        self.image_shape = source.image_shape

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Images by their number in this subset, uint8 (n, height, width, channels)."""
        return self.source.take(self.indices[indices])

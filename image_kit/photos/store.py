"""Photos decoded once, in several threads, and kept in memory as long as they fit."""

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
from image_kit.photos.keras_loading import KerasLoading
from image_kit.photos.photo_files import PhotoError, content_hash, read_file
from image_kit.photos.preprocessing import Preprocessing
from image_kit.terminal import Counted
from image_kit.threads import threads

# Of the free memory, for all stores of a process together: the rest is for the network and other programs.
CACHE_FRACTION = 1 / 4
# Of that, what stores take together if not even half of their photos fit. Most photos are decoded each time then, and
# more memory saves little: of 100,000 photos at 300x300, 27 GB, 6 GB leave 78 % to be decoded and 1.5 GB 94 %.
INCOMPLETE_BYTES = 1_500_000_000


def _left_for_caches() -> int:
    """Bytes of the CACHE_FRACTION that no store of this process has reserved."""
    in_use = sum(int(store._is_cached.sum()) * store.image_bytes for store in list(_sharing))  # not counted as free
    return max(0, int((free_memory() + in_use) * CACHE_FRACTION) - _reserved())


def _reserved() -> int:
    """Bytes that the stores of this process have reserved."""
    return sum(store._cache.nbytes for store in list(_sharing))


_sharing: "weakref.WeakSet[PhotoStore]" = weakref.WeakSet()  # the stores without a budget of their own
_reserving = threading.RLock()  # held while a store is added


class PhotoStore:
    """Photos as uint8 arrays of one shape, by index.

    The first ones, as many as fit `budget` bytes, stay in memory once decoded; the others are decoded each time.

    Args:
        paths: the photo files.
        preprocessing: turns each file into an array.
        budget: bytes of memory for decoded photos. By default the stores of a process share a quarter of the free
            memory, and INCOMPLETE_BYTES of it if not even half of their photos fit.

    Attributes:
        image_shape: of one photo.
        image_bytes: memory of one decoded photo.
    """

    def __init__(
        self, paths: Sequence[Path | str], preprocessing: Preprocessing | KerasLoading, budget: int | None = None
    ):
        self.paths = list(paths)
        self.preprocessing = preprocessing
        self.image_shape = preprocessing.image_shape
        self.image_bytes = int(np.prod(self.image_shape))
        if budget is None:
            with _reserving:
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
        """The bytes that this store may take of the memory that all share."""
        needed = len(self.paths) * self.image_bytes
        if needed <= (left := _left_for_caches()):
            return left
        gc.collect()  # Keras's iterators refer to themselves: one that is no longer used may still hold a cache
        left = _left_for_caches()
        return left if needed <= 2 * left else min(left, max(0, INCOMPLETE_BYTES - _reserved()))

    def __len__(self) -> int:
        return len(self.paths)

    def decode_all(
        self,
        show_progress: Callable[[Iterable], Iterable] = iter,
        on_image: Callable[[int, np.ndarray], None] | None = None,
    ) -> tuple[list[str | None], dict[Path | str, str]]:
        """Read and decode every photo once, before the first use. Not for a store with a `KerasLoading`.

        Args:
            show_progress: wraps the iterable of finished photos, to show a progress bar.
            on_image: called in several threads with the index and the image of each photo that can be decoded, uint8;
                of one with fewer pixels than `image_shape` as it is in the file, (height, width, channels).

        Returns:
            The content hash of each photo, None for one that cannot be decoded; and for these {path: reason}.
        """
        hashes: list[str | None] = []
        errors: dict[Path | str, str] = {}
        results = threads().map(partial(self._decode_and_hash, on_image), range(len(self)))
        for path, result in show_progress(Counted(zip(self.paths, results, strict=True), len(self))):
            if isinstance(result, PhotoError):
                errors[path] = str(result)
            hashes.append(None if isinstance(result, PhotoError) else result)
        return hashes, errors

    def _decode_and_hash(self, on_image: Callable[[int, np.ndarray], None] | None, index: int) -> str | PhotoError:
        assert isinstance(self.preprocessing, Preprocessing)
        try:
            data = read_file(self.paths[index])
            photo = self.preprocessing.open(data)
        except PhotoError as error:
            return error
        # To resize a small photo takes five times as long as to decode it, and most are not kept if there are many.
        is_small = photo.width * photo.height < self.image_bytes / self.image_shape[2]
        if index < len(self._cache) or (on_image and not is_small):
            image = self.preprocessing.resize(photo)
            self._keep(index, image)
        if on_image:
            on_image(index, np.asarray(photo).reshape(photo.height, photo.width, -1) if is_small else image)
        return content_hash(data)

    def _keep(self, index: int, image: np.ndarray) -> None:
        if index < len(self._cache):
            self._cache[index] = image
            self._is_cached[index] = True  # only now, since another thread may read it at once

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Photos by index, uint8 (n, height, width, channels).

        Raises:
            UserError: a photo can no longer be read.
        """
        indices = np.asarray(indices, np.int64)
        if (indices < len(self._cache)).all() and self._is_cached[indices].all():
            return self._cache[indices]
        images = []
        for index, image in zip(indices, self.views(indices), strict=True):
            if isinstance(image, PhotoError):
                raise UserError(f"{self.paths[index]}: changed while in use ({image}); start again")
            images.append(image)
        return np.stack(images)

    def request(self, indices: np.ndarray) -> list[np.ndarray | Future]:
        """As `views`, but without waiting: for a photo that is not in memory, a future of what `views` returns."""
        if self._coming_in != os.getpid():  # a fork has the futures but not the threads that would complete them
            self._coming, self._coming_in = {}, os.getpid()
        wanted = np.asarray(indices).tolist()
        requested = [self._coming.pop(index) if index in self._coming else self._start(index) for index in wanted]
        return [self._cache[image] if isinstance(image, int) else image for image in requested]

    def views(self, indices: np.ndarray) -> list[np.ndarray | PhotoError]:
        """Photos by index, each uint8 of `image_shape`, not to be written to; for an unreadable photo, the error."""
        return [image.result() if isinstance(image, Future) else image for image in self.request(indices)]

    def read_ahead(self, indices: np.ndarray) -> None:
        """Start to decode photos that will be requested next; other photos that are being decoded are dropped.

        Beyond the budget, the photos of at most one call are held in memory.
        """
        coming = {index: self._coming.get(index) or self._start(index) for index in np.asarray(indices).tolist()}
        self._coming = {index: image for index, image in coming.items() if not isinstance(image, int)}

    def _start(self, index: int) -> int | Future:
        """The index itself if the photo is in memory; otherwise the future of its decoding in a thread."""
        if index < len(self._cache) and self._is_cached[index]:
            return index
        return threads().submit(self._decode, index)

    def _decode(self, index: int) -> np.ndarray | PhotoError:
        try:
            image = self.preprocessing.photo(self.paths[index])
        except PhotoError as error:
            return error
        self._keep(index, image)
        return image


class Subset:
    """Some photos of a store, numbered from 0: the photos of one part of the data.

    Args:
        store: all photos.
        indices: int array (n,) into the store.
    """

    def __init__(self, store: PhotoStore, indices: np.ndarray):
        self.store = store
        self.indices = np.asarray(indices, np.int64)
        self.image_shape = store.image_shape

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Photos by their number in this subset, uint8 (n, height, width, channels)."""
        return self.store.take(self.indices[indices])

"""Photos decoded once, in parallel threads, and kept in memory while they fit."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from compute import cpu_cores
from errors import UserError
from pipeline.photos import PhotoError, Preprocessing, content_hash

# Of the memory that is free when training starts: the rest is for the network and for other programs.
CACHE_SHARE = 1 / 4


def free_memory() -> int:
    """Bytes that a program can take without pushing others out, as Linux estimates it; 4 GiB where it does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4 * 2**30


class PhotoStore:
    """Photos as uint8 arrays of one shape, by index.

    The first ones that fit `budget` bytes stay in memory; the others are decoded each time they are taken.

    Args:
        paths: the photo files.
        preprocessing: makes an array of each.
        budget: bytes of memory for decoded photos; default a quarter of what is free.
    """

    def __init__(self, paths: list[Path], preprocessing: Preprocessing, budget: int | None = None):
        self.paths = list(paths)
        self.preprocessing = preprocessing
        self.image_shape = preprocessing.image_shape
        budget = int(free_memory() * CACHE_SHARE) if budget is None else budget
        cached = min(len(self.paths), budget // int(np.prod(self.image_shape)))
        self._cache = np.empty((cached, *self.image_shape), np.uint8)
        self._threads = ThreadPoolExecutor(cpu_cores(), "photos")

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, progress: Callable[[Iterable], Iterable] = iter) -> tuple[list[str | None], dict[Path, str]]:
        """Read and decode every photo once; call it before `take`.

        Args:
            progress: wraps the iterable of finished photos, to show a bar.

        Returns:
            The content hash of each photo, None for one that cannot be decoded; and the reason by path of those.
        """
        hashes, errors = [], {}
        for path, result in progress(zip(self.paths, self._threads.map(self._load_one, range(len(self))), strict=True)):
            if isinstance(result, PhotoError):
                errors[path] = str(result)
            hashes.append(None if isinstance(result, PhotoError) else result)
        return hashes, errors

    def _load_one(self, index: int) -> str | PhotoError:
        try:
            data = self.paths[index].read_bytes()
            image = self.preprocessing.photo(data)
        except OSError as error:
            return PhotoError(error.strerror or str(error))
        except PhotoError as error:
            return error
        if index < len(self._cache):
            self._cache[index] = image
        return content_hash(data)

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Photos by index, uint8 (n, height, width, channels).

        Raises UserError if a photo that was readable before no longer is.
        """
        indices = np.asarray(indices, np.int64)
        if (indices < len(self._cache)).all():
            return self._cache[indices]
        return np.stack(list(self._threads.map(self._take_one, indices)))

    def _take_one(self, index: int) -> np.ndarray:
        if index < len(self._cache):
            return self._cache[index]
        try:
            return self.preprocessing.photo(self.paths[index])
        except PhotoError as error:
            raise UserError(f"{self.paths[index]}: changed while in use ({error}); start again") from None


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

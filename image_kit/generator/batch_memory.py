"""Memory for batches, used again once nobody holds the batch."""

import sys
import threading

import numpy as np

# TensorFlow takes an array over without a copy if it begins at a multiple of this many bytes.
_ALIGNMENT = 64
# Smaller batches come from memory that the process already has.
_KEEP_FROM_BYTES = 2**20
# The most that one BatchMemory keeps: seven batches of 16 photos of 300x300. A larger array is not kept.
_KEPT_BYTES = 2**27


class BatchMemory:
    """Makes arrays that are not initialised, as np.empty does.

    A large new array is fresh memory from the system, page by page, which costs about as much as writing to it. So a
    few arrays are kept (128 MB at most) and given out again once no array, view or tensor of them is left, which
    their reference counts tell.

    Args:
        most: how many arrays are kept; more are made when more are in use.
    """

    def __init__(self, most: int = 3):
        self._most, self._lock = most, threading.Lock()
        self._kept: list[np.ndarray] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of this shape that shares no memory with any array in use."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size < _KEEP_FROM_BYTES:
            return np.empty(shape, dtype)
        with self._lock:
            memory = self._free(size)
            start = -memory.ctypes.data % _ALIGNMENT
            return memory[start : start + size].view(dtype).reshape(shape)

    def _free(self, size: int) -> np.ndarray:
        for place in range(len(self._kept)):
            # Two references: the list's and the call's own. Every view of an array holds one more.
            if self._kept[place].size >= size + _ALIGNMENT and sys.getrefcount(self._kept[place]) == 2:
                return self._kept[place]
        memory = np.empty(size + _ALIGNMENT, np.uint8)
        newest_first = [memory, *self._kept][: self._most]
        held = np.cumsum([each.size for each in newest_first])
        self._kept = newest_first[: np.searchsorted(held, _KEPT_BYTES, side="right")]
        return memory

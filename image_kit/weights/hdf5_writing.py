"""Write an HDF5 file atomically: first in memory, then to the disk as a whole.

The HDF5 library does not recover from a write that fails: h5py prints its errors when Python ends, and the process then
often crashes. In memory no write fails.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

from image_kit.files import replacing


class HDF5InMemory(io.BytesIO):
    """An HDF5 file in memory, for h5py and for Keras's `model.save_weights`, which looks at the suffix of its name."""

    def __init__(self, name: str, content: bytes = b""):
        super().__init__(content)
        self._name = name

    def __str__(self) -> str:
        return self._name


@contextlib.contextmanager
def replacing_hdf5(path: Path, content: bytes = b"") -> Iterator[HDF5InMemory]:
    """As `replacing`, for a body that writes through h5py or Keras into the memory that it is given.

    It takes as much memory as the file takes bytes.

    Args:
        path: the file.
        content: what the file begins with.

    Raises:
        OSError: see `replacing`.
    """
    memory = HDF5InMemory(path.name, content)
    yield memory
    # The view must not outlive a write that fails: Python 3.13 would complain when it frees the memory.
    with replacing(path) as temporary, memory.getbuffer() as view, temporary.open("wb") as file:
        file.write(view)

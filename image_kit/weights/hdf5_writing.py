"""Write an HDF5 file atomically, with an error that names the file and the cause if the disk is full."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from image_kit.files import replacing


@contextlib.contextmanager
def replacing_hdf5(path: Path) -> Iterator[Path]:
    """As `replacing`, for a body that writes through h5py or Keras.

    Raises:
        OSError: with `path` and the system's words. h5py gives its own in several lines, and a RuntimeError when it
            then fails to close the file.
    """
    try:
        with replacing(path) as temporary:
            yield temporary
    except (OSError, RuntimeError, ValueError) as error:
        cause = _find_system_error(error)
        if cause is None:
            raise
        raise OSError(cause, os.strerror(cause), str(path)) from error


def _find_system_error(error: BaseException | None) -> int | None:
    """The number of the system's error among an exception and those that it followed."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error.errno
        error = error.__cause__ or error.__context__
    return None

"""What a program may give as a photo: a path, the bytes of a file, an array, or a Pillow image."""

import os
import threading
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from image_kit.photos import PhotoError, PhotoSource, Preprocessing, convert_image

Photo: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | np.ndarray | Image.Image
_ONE_PHOTO = (str, os.PathLike, bytes, bytearray, memoryview, np.ndarray, Image.Image)
_KINDS = "a path, the bytes of a file, a NumPy array or a Pillow image"
_SHAPES = "(height, width), (height, width, 1), (height, width, 3) or (height, width, 4)"


def is_one_photo(photos: Any) -> bool:
    """Whether this is one photo, and not several.

    Raises:
        TypeError: neither one photo nor an iterable.
    """
    if isinstance(photos, _ONE_PHOTO):
        return True
    if hasattr(photos, "read"):  # a file is an iterable of its lines
        raise TypeError("an open file is not a photo; give its content: file.read()")
    if not isinstance(photos, Iterable):
        raise TypeError(f"a photo must be {_KINDS}; received {type(photos).__name__}")
    return False


def to_source(photo: Any, name: str, preprocessing: Preprocessing) -> PhotoSource:
    """A photo as `answer_photos` takes it.

    Pixels are resized here and now, in the caller's thread. So at most one full-size image is held, and the caller may
    write the next one into the same memory.

    Args:
        photo: one of `Photo`.
        name: for a photo that is not a path.
        preprocessing: of the network.

    Raises:
        TypeError: it is none of `Photo`.
        ValueError: an array whose meaning is not certain.
    """
    if isinstance(photo, np.ndarray):
        return PhotoSource(name, preprocessing.resize(convert_image(image_of(photo))))
    if isinstance(photo, Image.Image):
        try:
            with _reading(os.getpid()):
                return PhotoSource(name, preprocessing.resize(convert_image(photo, preprocessing.sample_bits)))
        except PhotoError as error:
            return PhotoSource(name, error=str(error))
    if isinstance(photo, bytes | bytearray | memoryview):
        return PhotoSource(name, bytes(photo))
    if isinstance(photo, str | os.PathLike):
        path = os.fspath(photo)
        if isinstance(path, str):
            return PhotoSource(path, Path(path))
    raise TypeError(f"a photo must be {_KINDS}; received {type(photo).__name__}")


@cache
def _reading(process: int) -> threading.Lock:
    """For one thread at a time: Pillow decodes an opened file at its first use, and two threads may share the image.

    A forked process has a lock of its own, since its parent's may be held by a thread that is not in it.
    """
    return threading.Lock()


def image_of(array: np.ndarray) -> Image.Image:
    """A Pillow image of the pixels of an array.

    Raises:
        ValueError: the array has another type than uint8 or another shape than those of one image.
    """
    if array.dtype.kind in "OSTU":  # paths, as a column of a table has them
        raise ValueError(f"an array of {array.dtype} is no image; for several photos give list(photos)")
    if array.dtype != np.uint8:
        # A float image may be on 0..1, on 0..255 or standardized, and a wrong guess would be a wrong answer.
        raise ValueError(
            f"an image must be an array of uint8, 0 to 255, received {array.dtype}; "
            'one on 0..1 becomes that by (image * 255).round().astype("uint8")'
        )
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        many = "; for several images give list(images)" if array.ndim == 4 else ""
        raise ValueError(f"an image must be an array of shape {_SHAPES}, received {array.shape}{many}")
    if not array.size:
        raise ValueError(f"an image must have pixels, received an array of shape {array.shape}")
    return Image.fromarray(np.ascontiguousarray(array[..., 0] if array.ndim == 3 and channels == 1 else array))

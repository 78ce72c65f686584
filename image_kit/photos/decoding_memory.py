"""Memory for large photos: a small file may hold very many pixels, and threads decode several photos at once."""

import contextlib
import threading
from collections.abc import Iterator

from image_kit.machine import free_memory
from image_kit.photos.photo_files import PhotoError

LARGE_BYTES = 2**27  # what takes less never waits: a photo of 16 million pixels takes as much
RECHECKED_SECONDS = 0.5
# Pillow stores a pixel of several samples in 4 bytes. The result is a second image, of the same size, and decoders of
# WebP, AVIF and JPEG 2000 have a third one. Measured with photos of 98 million pixels.
PILLOW_BYTES, DECODERS_BYTES = 8, 16
_changed = threading.Condition()
_taken: list[int] = []


@contextlib.contextmanager
def memory_for(width: int, height: int, bytes_per_pixel: float) -> Iterator[None]:
    """Have a photo decoded where there is memory for it: a large one waits until others are done.

    Args:
        width, height: pixels that are decoded.
        bytes_per_pixel: that decoding and conversion take at once.

    Raises:
        PhotoError: there is too little memory though no other large photo is decoded.
    """
    needed = int(width * height * bytes_per_pixel)
    if needed < LARGE_BYTES:
        yield
        return
    with _changed:
        # What others take may be counted twice: they may have taken it already. To wait longer is safe.
        while needed + sum(_taken) > (free := free_memory()):
            if not _taken:
                raise PhotoError(
                    f"{width} x {height} pixels take {needed / 1e6:,.0f} MB of memory to decode, and {free / 1e6:,.0f} "
                    "MB are free; make it smaller, or end other programs"
                )
            _changed.wait(RECHECKED_SECONDS)
        _taken.append(needed)
    try:
        yield
    finally:
        with _changed:
            _taken.remove(needed)
            _changed.notify_all()

"""Memory for decoding: kept by the process, instead of asked for again for each photo."""

import contextlib
import ctypes
import sys

from PIL import Image

from image_kit.machine import cpu_cores

MAX_BLOCKS = 16  # of 16 MB each
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's names, in malloc.h


def tune_memory() -> None:
    """Have this process keep the memory of decoded photos for the next ones.

    To get it from the system for each photo takes a fifth of the decoding time once TensorFlow runs, since the system
    then takes memory back at once. This changes the whole process, so a command calls it when it starts; a program
    that imports the kit decides for itself.

    Pillow then keeps two blocks of memory for each core. glibc keeps what is freed, up to 128 MB, and takes blocks
    below 32 MB (its limit) from there; its own limits start at 128 kB, and a photo is larger. Other C libraries are
    left as they are.
    """
    Image.core.set_blocks_max(min(2 * cpu_cores(), MAX_BLOCKS))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # not glibc
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_TRIM_THRESHOLD, 2**27)
            libc.mallopt(_M_MMAP_THRESHOLD, 2**25)

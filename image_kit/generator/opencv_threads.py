"""OpenCV's own threads, switched off while the images of a batch share the cores."""

import contextlib
import threading
from collections.abc import Iterator

import cv2

_lock = threading.Lock()
_batches_in_work = 0
_threads_before = 1


@contextlib.contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Let each call of OpenCV use its caller's thread only; the caller's setting comes back afterwards.

    The setting is one for the whole process. Without this, each warp of an image beyond about 310 x 310 would start
    threads of its own among ours: 10 % more processor time at 800 x 800.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _batches_in_work, _threads_before
    with _lock:
        if _batches_in_work == 0:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _batches_in_work += 1


def _leave() -> None:
    global _batches_in_work
    with _lock:
        _batches_in_work -= 1
        if _batches_in_work == 0 and cv2.getNumThreads() == 1:  # otherwise the program has set it in the meantime
            cv2.setNumThreads(_threads_before)

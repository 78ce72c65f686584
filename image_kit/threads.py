"""The threads of the process: the one pool, which decodes photos and warps images, and those of linear algebra."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from image_kit.machine import cpu_cores


def threads() -> ThreadPoolExecutor:
    """The pool, with one thread for each core. A task must not wait for a task that comes after it in the queue."""
    return _of_process(os.getpid())


@cache
def _of_process(process: int) -> ThreadPoolExecutor:
    """A pool for each process, because a forked process inherits the object but not its threads."""
    return ThreadPoolExecutor(cpu_cores(), thread_name_prefix=f"image_kit-{process}")


@contextlib.contextmanager
def one_thread_for_algebra() -> Iterator[None]:
    """In the body, NumPy's matrix products and factorizations run in the calling thread only.

    Their library's threads wait for each other by spinning. Beside another busy program, a fit of 1.8 s took 14 s on
    two threads of two cores.
    """
    from threadpoolctl import threadpool_limits  # .02 s, which a prediction need not wait for

    with threadpool_limits(1, user_api="blas"):
        yield

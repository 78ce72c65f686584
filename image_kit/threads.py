"""One pool of threads for the whole process, which decodes photos and warps images."""

import os
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

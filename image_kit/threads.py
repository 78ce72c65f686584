"""The threads that decode photos and warp images, shared by all that do."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from image_kit.machine import cpu_cores


def threads() -> ThreadPoolExecutor:
    """One thread for each core. A task must not wait for another task: both might sit in the same queue."""
    return _of_process(os.getpid())


@cache
def _of_process(process: int) -> ThreadPoolExecutor:
    """Keyed by process, because a fork inherits the object but not its threads."""
    return ThreadPoolExecutor(cpu_cores(), thread_name_prefix=f"pipeline-{process}")

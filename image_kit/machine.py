"""What this process may use of its machine: cores, memory, instructions."""

import contextlib
import os
from pathlib import Path


def cpu_cores() -> int:
    """How many CPU cores this process may use."""
    # Only Linux tells a process from its machine (a container, taskset).
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_flags() -> set[str]:
    """The instruction sets of the first CPU as Linux names them; empty where Linux does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return set(line.partition(":")[2].split())
    return set()


def free_memory() -> int:
    """Bytes that a program can take without pushing others out, as Linux estimates it; 4 GiB where it does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4 * 2**30

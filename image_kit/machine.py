"""What this process may use of its machine: cores, memory, instructions."""

import contextlib
import os
from functools import cache
from pathlib import Path

from image_kit.cgroups import cpu_quota, free_group_memory

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ROOT = Path("/")
# Assumed where neither /proc nor psutil says how much memory is free.
ASSUMED_FREE_BYTES = 4 * 2**30


def cpu_cores() -> int:
    """How many CPU cores this process may use, at least 1: its affinity (taskset), but no more than its CPU quota."""
    cores = _cores_of_affinity()
    return max(1, min(cores, _quota(ROOT) or cores))


def free_memory(root: Path = ROOT) -> int:
    """Bytes that this process can take without pushing other programs out or reaching a limit.

    This is the least of what the machine has available (4 GiB where it does not say), what the limits of the control
    groups leave (a container's memory), and what the limit on address space leaves (`ulimit -v`).
    """
    limits = (_available_memory(root), free_group_memory(root), _free_address_space(root))
    return min(limit for limit in limits if limit is not None)


def cpu_flags() -> set[str]:
    """The instruction sets of the first CPU as Linux names them; empty where Linux does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return set(line.partition(":")[2].split())
    return set()


def _cores_of_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    process = _psutil_process()
    if hasattr(process, "cpu_affinity"):  # Windows; macOS has no affinity
        return len(process.cpu_affinity())
    return os.cpu_count() or 1


# Read once: this is asked for every batch, and a process's quota hardly ever changes.
_quota = cache(cpu_quota)


@cache
def _psutil_process():
    try:
        import psutil  # 20 ms, which Linux does not need
    except ImportError:
        return None
    return psutil.Process()


def _available_memory(root: Path) -> int:
    """Bytes available on the machine as Linux or psutil estimate it."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        import psutil  # 20 ms, which Linux does not need
    except ImportError:
        return ASSUMED_FREE_BYTES
    return psutil.virtual_memory().available


def _free_address_space(root: Path) -> int | None:
    """Bytes that the limit on address space leaves; None without a limit, or where the space in use is not known."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    with contextlib.suppress(OSError):
        pages = int((root / "proc/self/statm").read_text().split()[0])
        return max(0, limit - pages * resource.getpagesize())
    return None

"""What the control groups of Linux let this process use: the limits of a container, a service or a batch job.

/proc/meminfo and the CPU affinity describe the whole machine; a container's limits are only in these files. Every
function takes the root of the file system, so that tests can read small trees of their own.

Sources: the manual pages cgroups(7) and proc(5); the Linux kernel's documentation of cgroup-v1/memory, cgroup-v2 and
sched-bwc.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Limits, memory in use, and the lines of memory.stat that count file cache, which the kernel takes back when it must.
_MEMORY_FILES = {
    1: (("memory.limit_in_bytes",), "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
    2: (("memory.max", "memory.high"), "memory.current", ("inactive_file", "active_file")),
}


def cpu_quota(root: Path) -> int | None:
    """CPU cores that this process may keep busy, rounded up, at least 1; None without a quota."""
    quotas = []
    for version, folder in _folders(root, "cpu"):
        with contextlib.suppress(OSError, ValueError, IndexError, ZeroDivisionError):
            if version == 2:  # "150000 100000", or "max 100000"
                quota, period = (folder / "cpu.max").read_text().split()[:2]
            else:  # 150000, or -1
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            if int(quota) > 0:  # "max" raises ValueError
                quotas.append(math.ceil(int(quota) / int(period)))
    return max(1, min(quotas)) if quotas else None


def free_group_memory(root: Path) -> int | None:
    """Bytes that this process can still take before a group reaches its limit; None without a limit.

    File cache counts as free.
    """
    free = []
    for version, folder in _folders(root, "memory"):
        limits, used, cached = _MEMORY_FILES[version]
        limit = min((value for name in limits if (value := _number(folder / name)) is not None), default=None)
        in_use = _number(folder / used)
        if limit is not None and in_use is not None:
            free.append(max(0, limit - max(0, in_use - _sum_of_lines(folder / "memory.stat", cached))))
    return min(free, default=None)


def _folders(root: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """The process's own group, its parent, and so on up to the top of the mount: (version, folder).

    Each of them limits the process. Version 1 has a tree for each controller, version 2 one tree for all; a machine
    may have both.
    """
    groups = _groups_of_process(root, controller)
    for version, mounted, mount_point in _mounts(root, controller):
        if version not in groups:
            continue
        top, path = root / mount_point.lstrip("/"), PurePosixPath(groups[version])
        # In a container the mount may show only a part of the tree: the group's path begins with that part.
        inside = path.relative_to(mounted) if path.is_relative_to(mounted) else PurePosixPath()
        parts = () if ".." in inside.parts else tuple(part for part in inside.parts if part != "/")
        for depth in range(len(parts), -1, -1):
            yield version, top.joinpath(*parts[:depth])


def _groups_of_process(root: Path, controller: str) -> dict[int, str]:
    """Version -> the path of this process's group, as in /proc/self/cgroup."""
    groups = {}
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "", "")
        if number == "0" and not controllers:
            groups[2] = path
        elif controller in controllers.split(","):
            groups[1] = path
    return groups


def _mounts(root: Path, controller: str) -> Iterator[tuple[int, str, str]]:
    """Where the trees of groups are mounted: (version, the group at the mount's top, mount point)."""
    for line in _lines(root / "proc/self/mountinfo"):
        place, _, kind = line.partition(" - ")
        fields, kinds = place.split(), kind.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == "cgroup2":
            yield 2, _unescaped(fields[3]), _unescaped(fields[4])
        elif kinds[0] == "cgroup" and controller in kinds[2].split(","):
            yield 1, _unescaped(fields[3]), _unescaped(fields[4])


def _unescaped(path: str) -> str:
    """A path of mountinfo, which writes a space as \\040."""
    for letter in " \t\n\\":
        path = path.replace(f"\\{ord(letter):03o}", letter)
    return path


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []


def _number(file: Path) -> int | None:
    """The file's whole number; None where there is no file, or it says "max"."""
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _sum_of_lines(file: Path, names: tuple[str, ...]) -> int:
    """The sum of some lines of a file of lines such as "active_file 4096"."""
    pairs = (line.split() for line in _lines(file))
    return sum(int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in names and pair[1].isdecimal())

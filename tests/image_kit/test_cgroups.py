"""image_kit.cgroups: the limits of control groups, read from small trees of files as Linux writes them."""

import os
import sys
from pathlib import Path

import pytest

from image_kit.cgroups import cpu_quota, free_group_memory

MB = 2**20
V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
"""
V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_GROUPS = "9:name=systemd:/\n4:memory:/batch/job\n3:cpu,cpuacct:/batch/job\n"


@pytest.fixture
def tree(tmp_path):
    """`tree({"proc/self/cgroup": "0::/a", ...})` writes the files below a root of their own and returns it."""

    def write(files: dict[str, str | int]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")
        return tmp_path

    return write


@pytest.fixture
def version_1(tree):
    """A process in /batch/job of version 1; the keyword arguments of the files are below sys/fs/cgroup."""

    def write(files: dict[str, str | int]) -> Path:
        below = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
        return tree({"proc/self/cgroup": V1_GROUPS, "proc/self/mountinfo": V1_MOUNTS, **below})

    return write


@pytest.fixture
def version_2(tree):
    """A process in /app.slice/job of version 2."""

    def write(files: dict[str, str | int]) -> Path:
        below = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
        return tree({"proc/self/cgroup": "0::/app.slice/job\n", "proc/self/mountinfo": V2_MOUNT, **below})

    return write


def test_nothing_is_limited_without_groups(tmp_path, tree):
    assert (cpu_quota(tmp_path), free_group_memory(tmp_path)) == (None, None)
    broken = tree({"proc/self/cgroup": "no colons", "proc/self/mountinfo": "too few - fields\n"})
    assert (cpu_quota(broken), free_group_memory(broken)) == (None, None)


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000", None), ("200000 100000", 2), ("150000 100000", 2), ("20000 100000", 1), ("", None), ("1 0", None)],
)
def test_cpu_quota_of_version_2_is_rounded_up(version_2, text, cores):
    assert cpu_quota(version_2({"app.slice/job/cpu.max": text})) == cores


@pytest.mark.parametrize(("quota", "cores"), [(-1, None), (250_000, 3), (50_000, 1)])
def test_cpu_quota_of_version_1_is_rounded_up(version_1, quota, cores):
    folder = "cpu,cpuacct/batch/job"
    assert cpu_quota(version_1({f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": 100_000})) == cores


def test_the_smallest_quota_on_the_way_up_counts(version_2):
    files = {"app.slice/job/cpu.max": "800000 100000", "app.slice/cpu.max": "300000 100000", "cpu.max": "max 100000"}
    assert cpu_quota(version_2(files)) == 3


def test_memory_of_version_1_counts_file_cache_as_free(version_1):
    folder = "memory/batch/job"
    stat = f"cache 1\ntotal_inactive_file {30 * MB}\ntotal_active_file {10 * MB}\ntotal_active_anon {90 * MB}"
    files = {"memory.limit_in_bytes": 200 * MB, "memory.usage_in_bytes": 150 * MB, "memory.stat": stat}
    assert free_group_memory(version_1({f"{folder}/{name}": text for name, text in files.items()})) == 90 * MB


def test_memory_of_version_2_is_bounded_by_high_too(version_2):
    folder = "app.slice/job"
    stat = f"anon 5\nfile {50 * MB}\ninactive_file {20 * MB}\nactive_file {MB}"
    files = {"memory.max": "max", "memory.high": 100 * MB, "memory.current": 61 * MB, "memory.stat": stat}
    assert free_group_memory(version_2({f"{folder}/{name}": text for name, text in files.items()})) == 60 * MB


def test_the_parent_group_may_have_less_left(version_2):
    own = {"app.slice/job/memory.max": 100 * MB, "app.slice/job/memory.current": 10 * MB}
    parent = {"app.slice/memory.max": 120 * MB, "app.slice/memory.current": 110 * MB}
    assert free_group_memory(version_2({**own, **parent})) == 10 * MB


def test_beyond_the_limit_no_memory_is_free(version_2):
    assert free_group_memory(version_2({"app.slice/memory.max": 5 * MB, "app.slice/memory.current": 6 * MB})) == 0


@pytest.mark.parametrize(
    ("group", "mounted"),
    [
        ("/docker/abc", "/docker/abc"),  # without a namespace the mount shows the container's part of the tree
        ("/", "/"),  # with a namespace the container's group is the root
        ("/../other", "/"),  # a process that entered the namespace from outside
        ("/elsewhere", "/docker/abc"),
    ],
)
def test_a_container_finds_its_limit_at_the_top_of_the_mount(tree, group, mounted):
    files = {"sys/fs/cgroup/memory.max": 7 * MB, "sys/fs/cgroup/memory.current": 2 * MB}
    mount = V2_MOUNT.replace("0:28 /", f"0:28 {mounted}")
    root = tree({"proc/self/cgroup": f"0::{group}", "proc/self/mountinfo": mount, **files})
    assert free_group_memory(root) == 5 * MB


def test_mount_points_may_have_spaces(tree):
    files = {"my groups/memory.max": 7 * MB, "my groups/memory.current": 2 * MB}
    mount = V2_MOUNT.replace("/sys/fs/cgroup", r"/my\040groups")
    assert free_group_memory(tree({"proc/self/cgroup": "0::/", "proc/self/mountinfo": mount, **files})) == 5 * MB


@pytest.fixture
def limited_group():
    """A real control group with a limit of 600 MB, where this machine lets us make one: the file to join it by."""
    for top, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = top / f"image-kit-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(600 * MB))
            break
        except OSError:
            if group.is_dir():
                group.rmdir()
    else:
        pytest.skip("needs root and the memory controller")
    yield group / "cgroup.procs"
    group.rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has control groups")
def test_a_real_group_limits_free_memory(limited_group, run_python):
    code = f"""
import os
open({str(limited_group)!r}, "w").write(str(os.getpid()))
from image_kit.machine import free_memory
print(free_memory())
held = b"x" * {200 * MB}
print(free_memory())
"""
    process = run_python("-c", code)
    assert process.returncode == 0, process.stderr
    before, after = map(int, process.stdout.split())
    assert 500 * MB < before <= 600 * MB
    assert 180 * MB < before - after < 220 * MB


@pytest.fixture
def real_group():
    """`real_group(controller, {folder: {file: value}})`: real groups of version 1, each in the one before it.

    Returns the file by which a process joins the innermost; skips where this machine does not let us make them.
    """
    made = []

    def make(controller: str, groups: dict[str, dict[str, int]]) -> Path:
        group = Path("/sys/fs/cgroup", controller)
        try:
            for number, (name, files) in enumerate(groups.items()):
                group /= name if number else f"image-kit-{name}-{os.getpid()}"
                group.mkdir()
                made.append(group)
                for file, value in files.items():
                    (group / file).write_text(str(value))
        except OSError:
            pytest.skip("needs root and control groups of version 1")
        return group / "cgroup.procs"

    yield make
    for group in reversed(made):
        group.rmdir()


CPU_100_MS = {"cpu.cfs_period_us": 100_000}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has control groups")
@pytest.mark.parametrize(
    ("controller", "groups", "cores", "bytes_free"),
    [
        ("cpu", {"one": {**CPU_100_MS, "cpu.cfs_quota_us": 50_000}}, 1, None),
        ("cpu", {"one": {**CPU_100_MS, "cpu.cfs_quota_us": 120_000}}, 2, None),
        ("cpu", {"outer": {**CPU_100_MS, "cpu.cfs_quota_us": 80_000}, "inner": CPU_100_MS}, 1, None),
        ("memory", {"outer": {"memory.limit_in_bytes": 700 * MB}, "inner": {}}, None, 700 * MB),
    ],
    ids=["half a core", "1.2 cores", "the parent's quota", "the parent's memory"],
)
def test_real_groups_limit_cores_and_memory(real_group, run_python, controller, groups, cores, bytes_free):
    """Cores are those of this machine, but no more than the quota."""
    code = f"""
import os
open({str(real_group(controller, groups))!r}, "w").write(str(os.getpid()))
from image_kit.machine import cpu_cores, free_memory
print(cpu_cores(), free_memory())
"""
    process = run_python("-c", code)
    assert process.returncode == 0, process.stderr
    found, free = map(int, process.stdout.split())
    assert found == min(len(os.sched_getaffinity(0)), cores or 1_000)
    assert bytes_free is None or bytes_free - 100 * MB < free <= bytes_free

"""image_kit.machine: what a process may use, under real limits and from small trees of files."""

import os
from pathlib import Path

import pytest

from image_kit.machine import ASSUMED_FREE_BYTES, cpu_cores, free_memory

GB = 2**30


def test_this_machine():
    assert isinstance(cpu_cores(), int)
    assert 1 <= cpu_cores() <= os.cpu_count()
    assert 2**20 < free_memory() < 2**50


def test_free_memory_is_what_the_machine_has_available(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 100 kB\nMemAvailable:       7 kB\n")
    assert free_memory(tmp_path) == 7 * 1024


def test_free_memory_is_what_a_group_leaves(tmp_path):
    files = {
        "proc/meminfo": f"MemAvailable: {20 * GB // 1024} kB\n",
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/memory.max": str(3 * GB),
        "sys/fs/cgroup/memory.current": str(GB),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert free_memory(tmp_path) == 2 * GB


def test_psutil_answers_where_proc_does_not(tmp_path):
    psutil = pytest.importorskip("psutil")
    assert free_memory(tmp_path) == pytest.approx(psutil.virtual_memory().available, rel=0.5)


def test_free_memory_is_assumed_if_nothing_reports_it(run_python, tmp_path):
    code = """
import sys
from pathlib import Path
sys.modules["psutil"] = None  # its import fails
from image_kit.machine import free_memory
print(free_memory(Path(sys.argv[1])))
"""
    assert run_python("-c", code, tmp_path).stdout.strip() == str(ASSUMED_FREE_BYTES)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says how much address space is in use")
def test_the_limit_on_address_space_counts(run_python):
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, ({GB}, resource.RLIM_INFINITY))
from image_kit.machine import free_memory
before = free_memory()
held = bytearray({GB // 4})
print(before, free_memory())
"""
    before, after = map(int, run_python("-c", code).stdout.split())
    assert before < GB
    assert before - after == pytest.approx(GB // 4, rel=0.1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux sets a process's cores")
def test_cores_follow_the_affinity(run_python):
    code = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from image_kit.machine import cpu_cores
print(cpu_cores())
"""
    assert run_python("-c", code).stdout.strip() == "1"


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="elsewhere psutil is needed")
def test_psutil_is_not_imported_where_proc_answers(run_python):
    code = """
import sys
from image_kit.machine import cpu_cores, free_memory
cpu_cores(), free_memory()
print("psutil" in sys.modules)
"""
    assert run_python("-c", code).stdout.strip() == "False"


def test_cores_without_linuxs_affinity(run_python):
    code = """
import os
for name in ("sched_getaffinity", "sched_setaffinity"):
    if hasattr(os, name):
        delattr(os, name)
from image_kit.machine import cpu_cores
print(cpu_cores())
"""
    assert 1 <= int(run_python("-c", code).stdout) <= os.cpu_count()

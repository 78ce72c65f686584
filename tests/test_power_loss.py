"""After a power failure each file is the old or the new one: read from the system calls of real commands."""

import shutil

import pytest

from tests.fixtures.disk_log import STRACE, Disk, faults_after_power_failures
from tests.fixtures.scene import Scene
from tests.kill_anywhere import JOBS, QUICK

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")]


def run(scene, name):
    """The system calls of a job, after those that it needs."""
    job, log = JOBS[name], scene.base / "log"
    if job.needs:
        assert scene.run(JOBS[job.needs].command)[0] == 0
    status, said = scene.run(job.command, *STRACE, "-o", str(log))
    assert status == job.status, said
    return log.read_text(encoding="utf-8", errors="replace")


def faults(scene, log):
    return faults_after_power_failures(log, str(scene.folder), str(scene.top))


@pytest.mark.parametrize(
    "name", [name if name in ("head", "split") else pytest.param(name, marks=pytest.mark.nightly) for name in JOBS]
)
def test_no_power_failure_leaves_half_a_file(tmp_path, name):
    scene = Scene(tmp_path)
    scene.restore(None)
    log = run(scene, name)
    assert faults(scene, log) == []
    # The same calls without one kind of sync would be found out.
    without_files = "\n".join(line for line in log.splitlines() if "fsync(" not in line or ".tmp-" not in line)
    assert any("named before" in fault for fault in faults(scene, without_files))
    without_folders = "\n".join(line for line in log.splitlines() if "fsync(" not in line or ".tmp-" in line)
    assert any("a name in it" in fault for fault in faults(scene, without_folders))


def test_what_the_replay_calls_a_fault():
    def see(*calls):
        disk = Disk("/top/work", "/top")
        for call in calls:
            disk.see(*call)
        return [fault.partition(": ")[2] for fault in disk.faults], sorted(map(str, disk.unsynced_folders))

    make = ("openat", 'AT_FDCWD</top/work>, ".tmp-1.a", O_WRONLY|O_CREAT, 0666) = 3</top/work/.tmp-1.a>')
    write = ("write", '3</top/work/.tmp-1.a>, ""..., 5) = 5')
    sync = ("fsync", "3</top/work/.tmp-1.a>) = 0")
    rename = ("rename", '".tmp-1.a", "a") = 0')
    sync_folder = ("fsync", "3</top/work>) = 0")
    assert see(make, write, sync, rename, sync_folder) == ([], [])
    assert see(make, write, rename, sync_folder) == (["named before /top/work/.tmp-1.a was synced"], [])
    assert see(make, sync, write, rename, sync_folder) == (["named before /top/work/.tmp-1.a was synced"], [])
    assert see(make, write, sync, rename) == ([], ["/top/work"])
    assert see(("openat", '4</top/work>, "a", O_WRONLY|O_TRUNC) = 3</top/work/a>')) == (
        ["written under its final name"],
        [],
    )
    assert see(("openat", '4</top/work>, "/other/a", O_WRONLY|O_CREAT) = 3</other/a>')) == ([], [])


def test_the_quick_jobs_are_jobs():
    assert set(QUICK) < set(JOBS)

"""What killed processes left is removed; what others still write, on this machine or another, never is."""

import os
import subprocess
import sys
import time

import pytest

from image_kit import leftovers
from image_kit.files import hidden_folder, new_folder, replacing, write_text
from image_kit.leftovers import scratch_folder
from tests.conftest import ROOT

WRITES = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from image_kit.files import hidden_folder, replacing
folder = Path(sys.argv[1])
with replacing(folder / "a.weights.h5") as file, hidden_folder(folder, "new") as new:
    file.write_text("half")
    (new / "deep").mkdir()
    (new / "deep/a.txt").write_text("half")
    print("written", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writing(tmp_path):
    """Start a process that has a temporary file and a temporary folder in tmp_path."""
    process = subprocess.Popen([sys.executable, "-c", WRITES, tmp_path, ROOT], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def remove(folder):
    leftovers._remove_once.cache_clear()  # as in a new process
    leftovers.remove_leftovers(folder)


def test_a_living_process_keeps_its_own_and_a_killed_one_leaves_nothing(tmp_path, writing):
    before = names(tmp_path)
    assert len(before) == 2
    remove(tmp_path)
    assert names(tmp_path) == before
    writing.kill()
    if sys.platform != "win32":
        os.waitid(os.P_PID, writing.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie until its parent looks
        remove(tmp_path)
        assert names(tmp_path) == []
    writing.wait()
    remove(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", ["replacing", "new_folder", "hidden_folder"])
def test_whatever_writes_into_a_folder_cleans_it(tmp_path, writing, write):
    writing.kill()
    writing.wait()
    leftovers._remove_once.cache_clear()
    if write == "replacing":
        write_text(tmp_path / "b.txt", "b")
    elif write == "new_folder":
        with new_folder(tmp_path / "b") as unfinished:
            (unfinished / "b.txt").touch()
    else:
        with hidden_folder(tmp_path, "b"):
            assert len(names(tmp_path)) == 1
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_number_that_is_used_again_is_another_process(tmp_path):
    ours = leftovers.temporary_name("a")
    place, process, start, _ = ours.removeprefix(".tmp-").split(".")[0].split("-")
    earlier = f".tmp-{place}-{process}-{int(start, 16) - 1:x}-0.a"
    for name in (ours, earlier):
        (tmp_path / name).touch()
    remove(tmp_path)
    assert names(tmp_path) == [ours]


def test_of_another_machine_only_what_has_not_changed_for_a_day_is_removed(tmp_path):
    other = leftovers.temporary_name("a").replace(leftovers._place(), "00000000")
    long_ago = time.time() - leftovers.OLD_SECONDS - 60
    for name in (other, ".tmp-0123abcd.best.weights.h5"):  # the second by an earlier version
        (tmp_path / "old" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "old" / name).touch()
        os.utime(tmp_path / "old" / name, (long_ago, long_ago))
        (tmp_path / "new" / name / "deep").mkdir(parents=True)
        (tmp_path / "new" / name / "deep/a.txt").touch()
        os.utime(tmp_path / "new" / name, (long_ago, long_ago))  # a file in it is new
    for folder in ("old", "new"):
        remove(tmp_path / folder)
    assert names(tmp_path / "old") == []
    assert len(names(tmp_path / "new")) == 2


def test_names_that_are_not_ours_stay_however_old(tmp_path):
    for name in (".tmp-notes.txt", ".tmp-", "tmp-0123abcd.x", ".tmp-0123abcdef.x", ".tmp-xyzxyzxy-1-1-0.x"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    before = names(tmp_path)
    remove(tmp_path)
    assert names(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_has_names_of_its_own(tmp_path):
    with replacing(tmp_path / "a") as ours:
        ours.touch()
        child = os.fork()
        if not child:
            os._exit(leftovers.temporary_name("a").split("-")[2] == f"{os.getppid():x}")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").touch()
    place = leftovers._place()
    (tmp_path / f".tmp-{place}-{os.getpid():x}-1-0.x").symlink_to(tmp_path / "photos")
    remove(tmp_path)
    assert names(tmp_path) == ["photos"]
    assert names(tmp_path / "photos") == ["a.jpg"]


GATHERS = """
import sys, tempfile
sys.path.insert(0, sys.argv[1])
from image_kit import leftovers
leftovers.gather_temporary_files()
print(tempfile.mkdtemp(), flush=True)
if len(sys.argv) > 2:
    sys.stdin.read()
leftovers.stop_gathering()
print(tempfile.gettempdir())
"""


def test_what_libraries_leave_among_temporary_files_goes_at_the_end_or_with_the_next_command(tmp_path):
    variables = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    command, pipe = [sys.executable, "-c", GATHERS, str(ROOT)], subprocess.PIPE
    with subprocess.Popen([*command, "waits"], env=variables, stdin=pipe, stdout=pipe, text=True) as killed:
        folder = killed.stdout.readline().rstrip()
        assert os.path.isdir(folder)
        again = subprocess.run(command, env=variables, stdout=pipe, text=True, check=True).stdout.splitlines()
        assert not os.path.exists(again[0])
        assert again[1] == str(tmp_path)
        assert os.path.isdir(folder)  # of a living process
        killed.kill()
    subprocess.run(command, env=variables, stdout=pipe, check=True)
    assert names(tmp_path) == []


def test_a_scratch_folder_is_found_again_by_the_next_command(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert leftovers._OWNED.match(folder.name)
        remove(tmp_path)
        assert folder.is_dir()
    assert names(tmp_path) == []


def test_a_temporary_folder_that_was_cleaned_up_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "own"))
    with scratch_folder() as folder:
        (folder / "a").touch()
    assert list((tmp_path / "own").iterdir()) == []


def test_a_write_that_is_refused_names_the_folder_of_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No space left on device") as caught, scratch_folder():
        raise OSError(28, "No space left on device")  # as of `write`, which knows no name
    assert caught.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as caught, scratch_folder():
        (tmp_path / "photo.jpg").read_bytes()
    assert caught.value.filename == str(tmp_path / "photo.jpg")  # not one of ours


def test_a_scratch_folder_that_cannot_be_made_names_its_place(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("image_kit.leftovers.temporary_name", lambda name: "file/")
    with pytest.raises(NotADirectoryError) as caught, scratch_folder():
        pass
    assert caught.value.filename == str(tmp_path)


def test_only_temporary_files_that_cannot_be_removed_are_not_told(run_python):
    code = """
import sys
from image_kit import leftovers
def tell_of_others(error):
    print("told", error.exc_value.filename)
sys.unraisablehook = tell_of_others
class Removes:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        raise OSError(30, "Read-only file system", self.name)
leftovers.gather_temporary_files()
leftovers.gather_temporary_files()  # a second command of a notebook
import tempfile
Removes(tempfile.gettempdir() + "/a.py")
Removes("photos/a.jpg")
"""
    done = run_python("-c", code)
    assert (done.stdout, done.stderr) == ("told photos/a.jpg\n", "")

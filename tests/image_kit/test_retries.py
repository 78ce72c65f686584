"""A read that fails for a moment is tried again; a disk that fails for good is named, and not waited for endlessly."""

import errno
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from image_kit import retries
from image_kit.errors import UserError, name_disk_failure
from image_kit.retries import read_again
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(retries, "WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(retries, "_in_vain", 0)


class Disk:
    """Fails so many times with an error, then reads."""

    def __init__(self, fails, number=errno.EIO):
        self.fails, self.number, self.tries = fails, number, 0

    def read(self, path):
        self.tries += 1
        if self.tries <= self.fails:
            raise OSError(self.number, os.strerror(self.number))
        return b"content"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EINTR, errno.ETIMEDOUT])
@pytest.mark.parametrize("fails", [0, 1, 3])
def test_what_fails_for_a_moment_is_read(number, fails):
    disk = Disk(fails, number)
    assert read_again(disk.read)("a.jpg") == b"content"
    assert disk.tries == fails + 1


def test_what_fails_for_good_names_the_file():
    disk = Disk(99)
    with pytest.raises(OSError, match="Input/output error") as caught:
        read_again(disk.read)("photos/a.jpg")
    assert (disk.tries, caught.value.filename) == (4, "photos/a.jpg")


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR])
def test_other_errors_are_final(number):
    disk = Disk(1, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        read_again(disk.read)("a.jpg")
    assert disk.tries == 1


def test_a_read_within_another_is_tried_by_itself_only():
    disk = Disk(99)
    inner = read_again(disk.read)
    with pytest.raises(OSError, match="Input/output error"):
        read_again(lambda path: inner(path))("a.jpg")
    assert disk.tries == 4


def test_a_disk_that_is_gone_ends_the_work():
    read = read_again(Disk(10**6).read)
    for _ in range(retries.MOST_IN_VAIN - 1):
        with pytest.raises(OSError, match="Input/output error"):
            read("a.jpg")
    with pytest.raises(UserError, match=r"nor the 19 files before it .*: its disk or network fails"):
        read("a.jpg")


@pytest.mark.parametrize(
    ("error", "is_disk"),
    [
        (OSError(errno.EIO, "x"), True),
        (OSError(errno.ENOENT, "x"), False),
        (OSError("Unable to synchronously open file (file read failed: errno = 5, error message = 'x')"), True),
        (ValueError("errno = 5"), False),
    ],
)
def test_libraries_tell_of_a_failing_disk_in_words_of_their_own(error, is_disk):
    behind = RuntimeError("not an image, or damaged")
    behind.__context__ = error
    assert bool(name_disk_failure(behind)) == is_disk


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="strace")
@pytest.mark.parametrize(
    ("source", "name"),
    [("{!r}", "EIO"), ("read_file({!r})", "EIO"), ("read_file({!r})", "EAGAIN")],  # Python makes None of the last
)
def test_a_photo_on_a_network_disk_is_read_and_not_called_damaged(tmp_path, photo, source, name):
    """Through the kernel: the first read of the photo fails, or all of them."""
    path = photo(tmp_path / "a.jpg")
    code = "from image_kit.photos import open_photo, read_file\n"
    code += f"print(open_photo({source.format(str(path))}).size)"

    def ask(when):
        inject = ["-f", "-qq", "-o", "/dev/null", "-P", path, "-etrace=read", f"-einject=read:error={name}:when={when}"]
        command = ["strace", *map(str, inject), sys.executable, "-c", code]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert ask("1").stdout == "(16, 12)\n"
    began = time.monotonic()
    failure = os.strerror(getattr(errno, name))
    assert f"PhotoError: {failure}: its disk or network fails" in ask("1+").stderr
    assert time.monotonic() - began > 1.5  # it has waited


KINDS = """
import sys
from image_kit.datasets import load_array_dataset
from image_kit.errors import UserError
from image_kit.photos import list_photos
from image_kit.retries import is_folder
try:
    print(is_folder("folder"))
    print([path.name for path in list_photos("folder")])
    print(len(load_array_dataset("mnist", "folder").x_test))
except (OSError, UserError) as error:
    print(error)
"""


PATTERN = """
from image_kit.photos import find_photos
for source in find_photos(["folder/**/*.jpg"]):
    print(source.name, source.error or "")
"""


@pytest.fixture
def disk(tmp_path):
    """A folder with a link to a second one, each with a photo, and a data set; and a function that asks about it."""
    for place in ("folder", "elsewhere"):
        (tmp_path / place).mkdir()
        (tmp_path / place / f"{place}.jpg").touch()
    (tmp_path / "folder/link").symlink_to("../elsewhere")
    images, labels = np.zeros((2, 28, 28), np.uint8), np.arange(2)
    np.savez(tmp_path / "folder/mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)

    def ask(call, path, when, code=KINDS):
        inject = ["-P", path, f"-etrace={call}", f"-einject={call}:error=ESTALE:when={when}"]
        command = ["strace", "-f", "-qq", "-o", "/dev/null", *inject, sys.executable, "-c", code]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return ask


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="strace")
@pytest.mark.parametrize(
    ("call", "path", "answers"),
    [
        ("newfstatat", "folder", 0),  # what os.path takes for no folder
        ("newfstatat", "folder/link", 1),  # what os.walk takes for a file, and passes over
        ("lseek", "folder/mnist.npz", 2),  # what zipfile takes for damage
    ],
)
def test_a_disk_that_fails_when_it_is_asked_about_a_path(disk, call, path, answers):
    whole = ["True", "['folder.jpg', 'elsewhere.jpg']", "2"]
    assert disk(call, path, "1") == whole
    said = disk(call, path, "1+")
    assert said[:-1] == whole[:answers]
    assert path in said[-1]
    assert "Stale file handle" in said[-1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="strace")
def test_a_pattern_names_the_folder_whose_disk_fails(disk):
    """Python's glob passes over it."""
    whole = ["folder/folder.jpg ", "folder/link/elsewhere.jpg "]
    assert disk("getdents64", "folder/link", "1", PATTERN) == whole
    first, refused = disk("getdents64", "folder/link", "1+", PATTERN)
    assert first == whole[0]
    assert refused.startswith("folder/link Stale file handle: its disk or network fails")

"""image_kit.cache_folder: where it is, and what is removed from it first."""

import os
import sys

import pytest

from image_kit import cache_folder


def test_it_is_the_users_unless_the_environment_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv(cache_folder.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder.folder().name == "image-classification-kit"
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert cache_folder.folder() == tmp_path / "mine"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, os.path.join("~", "mine"))  # from a file, not from a shell
    if os.name == "posix":
        assert cache_folder.folder() == tmp_path / "mine"


HOMELESS = """
import os, sys
sys.modules["pwd"] = None  # this user's number has no name
from image_kit import cache_folder
print(cache_folder.folder().is_dir(), cache_folder.folder() == cache_folder.NO_HOME)
cache_folder.folder().mkdir(parents=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other variables")
@pytest.mark.parametrize("home", [None, "", "."])
def test_a_user_without_a_home_has_a_folder_in_which_nothing_is_kept(run_python, home):
    """As a service's user may have neither HOME nor a name; platformdirs raises RuntimeError."""
    gone = {cache_folder.FOLDER_VARIABLE: None, "XDG_CACHE_HOME": None}
    process = run_python("-c", HOMELESS, HOME=home, **gone)
    assert process.stdout == "False True\n", process.stderr
    assert process.stderr.splitlines()[-1].startswith("NotADirectoryError")


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"max_bytes": 1000}, "01234"),
        ({"max_bytes": 300}, "234"),
        ({"max_bytes": 299}, "34"),
        ({"max_bytes": 1000, "max_files": 2}, "34"),
        ({"max_bytes": 0}, ""),
    ],
)
def test_the_least_recently_used_files_are_removed(tmp_path, limits, kept):
    paths = [tmp_path / name for name in "01234"]
    for age, path in enumerate(paths):
        path.write_bytes(bytes(100))
        os.utime(path, (age + 100, age + 100))
    cache_folder.trim([*paths, tmp_path / "missing"], **limits)
    assert "".join(sorted(path.name for path in tmp_path.iterdir())) == kept


def test_a_file_that_was_used_is_removed_last(tmp_path):
    for age, name in enumerate("012"):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (age + 100, age + 100))
    cache_folder.mark_used(tmp_path / "0")
    cache_folder.trim(tmp_path.iterdir(), 200)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2"]

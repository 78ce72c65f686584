"""image_kit.cache_folder: where it is, and what is removed from it first."""

import os

import pytest

from image_kit import cache_folder


def test_it_is_the_users_unless_the_environment_says_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv(cache_folder.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder.folder().name == "image-classification-kit"
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert cache_folder.folder() == tmp_path / "mine"


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

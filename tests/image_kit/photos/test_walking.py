"""Folders are gone through as os.walk does; what cannot be read is told (test_retries.py: by a disk that fails)."""

import os

import pytest

from image_kit.errors import UserError
from image_kit.photos.walking import list_photos, walk


@pytest.fixture
def tree(tmp_path):
    for name in ("b/2.jpg", "b/deep/3.jpg", "a/1.jpg", "a/.git/4.jpg", "c.txt"):
        (tmp_path / "top" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / name).touch()
    (tmp_path / "top/b/circle").symlink_to("..")
    (tmp_path / "top/nowhere").symlink_to("missing")
    return tmp_path / "top"


def pruned(found):
    """What is found if hidden folders are left out and the others are sorted."""
    seen = []
    for where, folders, names in found:
        folders[:] = sorted(name for name in folders if name != ".git")
        seen.append((where, list(folders), sorted(names)))
    return seen


def test_a_tree_is_gone_through_as_by_the_standard_library(tree):
    assert pruned(walk(tree)) == pruned(os.walk(tree))


def test_links_are_followed_once(tree):
    assert list_photos(tree) == [tree / "a/1.jpg", tree / "b/2.jpg", tree / "b/deep/3.jpg"]


def test_each_name_is_counted(tree):
    counted = []
    list(walk(tree / "a", count=lambda: counted.append(1)))
    assert len(counted) == 3  # 1.jpg, .git and 4.jpg in it


def test_a_folder_that_cannot_be_read_is_refused_or_given_to_the_caller(tree):
    with pytest.raises(
        UserError, match=r"missing: cannot be read \(No such file or directory\); make it readable, or move it"
    ):
        list(walk(tree / "missing"))
    errors = []
    assert list(walk(tree / "missing", on_error=errors.append)) == []
    assert errors[0].filename == str(tree / "missing")

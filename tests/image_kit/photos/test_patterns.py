"""Patterns mean what they mean to Python's own glob, apart from folders that it passes over in silence."""

import glob
import itertools
import os

import pytest

from image_kit.photos.patterns import expand

PARTS = ("a", "*", "**", "?", "*.jpg", "x[[]1]", ".*", "[ab]", "link", "..", "b*")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    tmp_path = tmp_path / "in/side"  # "../.." are not the folders of other tests
    for name in ("a/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg", "a/.h/4.jpg", "a/.5.jpg", "a/x[1]/6.jpg", "a/b.jpg/7.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "broken").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_patterns_match_what_glob_matches(tree):
    for parts in itertools.chain.from_iterable(itertools.product(PARTS, repeat=length) for length in (1, 2)):
        for pattern in ("/".join(parts), "./" + "/".join(parts) + "/", "**/" + "/".join(parts)):
            # Where there is nothing, glob takes "nowhere/**" for a match.
            wanted = {os.path.normpath(path) for path in glob.glob(pattern, recursive=True) if os.path.lexists(path)}
            assert {os.path.normpath(path) for path in expand("", pattern, pytest.fail)} == wanted, pattern


def test_folders_of_the_system_match_no_pattern(tree):
    (tree / "lost+found").mkdir()
    (tree / "@eaDir").mkdir()
    (tree / "@eaDir/thumb.jpg").touch()
    for pattern in ("**/thumb.jpg", "*/thumb.jpg", "lost*", "**/lost+found"):
        assert list(expand("", pattern, pytest.fail)) == [name for name in ("lost+found",) if pattern.endswith(name)]
    assert list(expand("", "@eaDir/*.jpg", pytest.fail)) == [os.path.join("@eaDir", "thumb.jpg")]  # asked for by name


def test_a_circle_of_links_is_gone_through_once(tree):
    (tree / "a/b/circle").symlink_to("..")
    found = list(expand("a", "**/2.jpg", pytest.fail))
    assert found == [os.path.join("a", "b", "2.jpg")]


def test_a_folder_that_cannot_be_read_is_told(tree):
    told = []
    (tree / ("n" * 255)).mkdir()
    assert list(expand("n" * 255 + "/" + "n" * 256, "*.jpg", told.append)) == []
    assert [error.filename for error in told] == ["n" * 255 + "/" + "n" * 256]

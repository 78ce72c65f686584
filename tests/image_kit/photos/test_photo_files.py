"""Which names photos have, and how their files are read."""

import os
from pathlib import Path

import pytest

from image_kit.photos import KerasLoading, open_photo
from image_kit.photos.photo_files import PhotoError, content_hash, is_hidden, is_photo_name, read_file


def test_names():
    for name in (
        "a.jpg",
        "A.JPEG",
        "b.PnG",
        "c.webp",
        "d.gif",
        "e.tif",
        "f.bmp",
        "g.avif",
        "with space.jfif",
        *("h.jp2", "i.J2K", "j.jpe", "k.apng", "l.jpx"),
        "__a.jpg",
    ):
        assert is_photo_name(Path("folder", name))
    for name in (".jpg", "._a.jpg", "a.txt", "a", "a.jpg.part", "Thumbs.db", "a.mp4"):
        assert not is_photo_name(Path("folder", name))
    systems = (
        *("files_trashbin", "DfsrPrivate", "@GMT-2024.01.01-00.00.00", "Old.photolibrary", "My.cocatalog", "_svn"),
        *("Helper.lrcat-data", "Backups.backupdb", "~$cats.docx", "@SynoFinder-log", "THMBNL", "Windows.old"),
    )
    for name in (
        *systems,
        ".git",
        ".DS_Store",
        "__MACOSX",
        "Thumbs.db",
        "THUMBS.DB",
        "desktop.ini",
        ".ipynb_checkpoints",
    ):
        assert is_hidden(Path("folder", name))
    assert not is_hidden(Path(".hidden", "cats"))
    assert not is_hidden(Path("waste", "trashbox"))  # a thing that photos show


def test_the_content_hash_is_sha_256():
    assert content_hash(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"abc")
    assert read_file(tmp_path / "a.jpg") == read_file(str(tmp_path / "a.jpg")) == b"abc"


def test_what_cannot_be_read_says_why(tmp_path):
    for path, reason in (("gone.jpg", "no such file"), (".", "not a file"), ("a" * 5000, "File name too long")):
        with pytest.raises(PhotoError, match=f"^{reason}$"):
            read_file(tmp_path / path)


def test_a_link_to_nothing_is_called_so(tmp_path):
    """As of git-annex and DVC, until the files are fetched."""
    (tmp_path / "a.jpg").symlink_to(tmp_path / ".git/annex/objects/a.jpg")
    with pytest.raises(PhotoError, match=r"^a link to a file that is not there$"):
        read_file(tmp_path / "a.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match=r"^not a file$"):
        read_file(tmp_path / "pipe.jpg")


def test_a_file_that_would_fill_the_memory_is_named_and_not_read(tmp_path):
    """It takes no place on the disk; a photo on a broken disk may claim such a size."""
    for name, start in (("a.jpg", b"\xff\xd8\xff\xe0"), ("b.tif", b"II*\0"), ("c.png", b"")):
        (tmp_path / name).write_bytes(start)
        os.truncate(tmp_path / name, 10**11)
        for read in (read_file, open_photo, KerasLoading((8, 8)).photo):
            with pytest.raises(
                PhotoError, match=r"^a file of 100,000,000,000 bytes, of which at most 2,000,000,000 are read$"
            ):
                read(tmp_path / name)

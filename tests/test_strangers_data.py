"""Whatever a stranger's file contains: it is read, or one line says why not; and nothing of it runs."""

import h5py
import pytest

from image_kit.errors import UserError
from image_kit.photos import PhotoError, open_photo
from image_kit.programs.access import is_from_own_page
from image_kit.tables import read_table
from image_kit.weights import verify_checksum
from image_kit.weights.newest import find_weights
from image_kit.weights.other_kinds import name_other_kind


def test_a_drawing_that_ghostscript_would_run_is_no_photo(tmp_path):
    drawing = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "photo.jpg").write_bytes(drawing)
    for source in (drawing, tmp_path / "photo.jpg"):
        with pytest.raises(PhotoError, match="is a drawing in EPS"):
            open_photo(source)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://a]b", "null", ""])
def test_a_page_of_a_damaged_address_is_none_of_ours(origin):
    assert not is_from_own_page(origin, None, "localhost:8000")


def test_a_checksum_is_not_computed_of_a_file_that_expands(tmp_path):
    path = tmp_path / "last.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (2**34,), "f4", chunks=(2**24,), compression="gzip")
        file.attrs["crc32"] = 0
    with pytest.raises(UserError, match="is damaged"):
        verify_checksum(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *((b"\x80" + bytes([protocol]) + b"N.", "is a pickle") for protocol in range(2, 6)),
        (b'{"error": "not found"}', "is JSON and not a weights file"),
        (b"\xef\xbb\xbf<html>", "is a web page"),
        ("<!DOCTYPE html>".encode("utf-16"), "is a web page"),
        (bytes(257) + b"ustar" + bytes(99), "is a tar archive"),
        (b'\x08\0\0\0\0\0\0\0{"a": 1}', "is a safetensors file"),
        (b"BZh91AY", "is packed with bzip2"),
    ],
    ids=range(10),
)
def test_more_files_that_are_no_weights_are_named(content, words, tmp_path):
    (tmp_path / "mine.h5").write_bytes(content)
    assert name_other_kind(tmp_path / "mine.h5").startswith(words)


def test_a_saved_model_is_named(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(UserError, match="is a SavedModel of TensorFlow; in Keras, load it"):
        find_weights(tmp_path)


def test_tables_in_more_encodings(tmp_path):
    path = tmp_path / "groups.csv"
    for encoding in ("utf-32", "utf-16", "utf-8-sig"):
        path.write_bytes("a/é.jpg;g\nb/1.jpg;h\n".encode(encoding))
        assert read_table(path, 2) == [(1, ["a/é.jpg", "g"]), (2, ["b/1.jpg", "h"])]
    path.write_bytes("a/1.jpg,g\n".encode("utf-16-le"))
    with pytest.raises(UserError, match="contains zero bytes"):
        read_table(path, 2)

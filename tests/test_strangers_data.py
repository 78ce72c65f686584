"""Whatever a stranger's file contains: it is read, or one line says why not; and nothing of it runs."""

import gzip
import io
import re
import zipfile

import h5py
import numpy as np
import pytest

from image_kit.answering import lite_model
from image_kit.datasets import load_array_dataset
from image_kit.errors import UserError
from image_kit.photos import PhotoError, open_photo
from image_kit.programs.access import is_from_own_page
from image_kit.tables import read_table
from image_kit.weights import read_description, verify_checksum
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


def npz_with(folder, member, data):
    rest = {
        f"{axis}_{part}": np.zeros((2, 28, 28) if axis == "x" else 2, np.uint8)
        for axis in "xy"
        for part in ("train", "test")
    }
    with zipfile.ZipFile(folder / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in rest.items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", data if name == member else content.getvalue())


def test_arrays_that_claim_too_much_or_are_none_are_refused_before_they_take_memory(tmp_path):
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)})
    pickled = io.BytesIO()
    np.save(pickled, np.array([print], object), allow_pickle=True)
    for data in (huge.getvalue(), pickled.getvalue(), b"no array", b""):
        npz_with(tmp_path, "x_train", data)
        with pytest.raises(UserError, match=r"is not a readable \.npz file"):
            load_array_dataset("mnist", tmp_path)


def test_a_packed_file_is_not_unpacked_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("image_kit.datasets.array_datasets.MAX_BYTES", 10**6)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\xff\xff\xff\xff" + bytes(10**7)))
    with pytest.raises(UserError, match="damaged or missing"):
        load_array_dataset("fashion_mnist", tmp_path / "none", tmp_path)


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


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(40)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HDF5.replace(b"\r\n", b"\n"), "line ends were changed"),
        (HDF5.replace(b"\n", b"\r\n"), "line ends were changed"),
        (HDF5.decode("latin-1").encode(), "was opened and saved as text"),
        (HDF5.decode("utf-8", "replace").encode(), "was opened and saved as text"),
        (bytes(2_000), "begins with zeros only"),
    ],
    ids=range(5),
)
def test_hdf5_that_a_transfer_has_changed_is_named(content, words, tmp_path):
    (tmp_path / "mine.h5").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_description(tmp_path / "mine.h5")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty: a download or a copy was cut short"),
        (b"<html></html>", "it is a web page"),
        (b'{"error": 404}', "it is JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a pointer of Git LFS"),
        (HDF5, "not a model.tflite of this kit, or damaged"),
        (b"\x1c\0\0\0TFL3" + bytes(500), "a network of LiteRT without this kit's description"),
        (b"PK\3\4" + bytes(90), "it is a damaged ZIP archive"),
    ],
    ids=range(7),
)
def test_a_tflite_file_that_is_something_else_is_named(content, words, tmp_path):
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(words)):
        lite_model.read(tmp_path / "model.tflite")


def test_a_saved_model_is_named(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(UserError, match="is a SavedModel of TensorFlow; in Keras 2"):
        find_weights(tmp_path)


def test_tables_in_more_encodings(tmp_path):
    path = tmp_path / "groups.csv"
    for encoding in ("utf-32", "utf-16", "utf-8-sig"):
        path.write_bytes("a/é.jpg;g\nb/1.jpg;h\n".encode(encoding))
        assert read_table(path, 2) == [(1, ["a/é.jpg", "g"]), (2, ["b/1.jpg", "h"])]
    path.write_bytes("a/1.jpg,g\n".encode("utf-16-le"))
    with pytest.raises(UserError, match="contains zero bytes"):
        read_table(path, 2)


def test_every_line_end_of_a_name_is_shown_so_that_a_message_stays_one_line():
    ends = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    assert len(ends.splitlines()) == len(ends)
    message = str(UserError(f"a{ends}b.jpg: é is no photo"))
    assert message.splitlines() == [r"a\x0a\x0d\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029b.jpg: é is no photo"]

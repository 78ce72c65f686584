import struct

import h5py
import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.weights import hdf5_safety
from image_kit.weights.description import read_description
from image_kit.weights.hdf5_safety import HostileFile


def test_a_plain_file_passes_and_its_numbers_are_counted(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one/two"] = np.zeros((3, 4), np.float32)
        file["three"] = 1.0
        file["again"] = file["one"]  # a second hard link, and one upwards: each data set counts once
        file["one/up"] = file["/"]
    assert hdf5_safety.count_numbers(tmp_path / "a.h5") == 13


def external_link(file):
    file["x"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file):
    file["x"] = h5py.SoftLink("/nowhere")


def external_storage(file):
    file.create_dataset("x", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def virtual(file):
    layout = h5py.VirtualLayout((10,), "u1")
    layout[:] = h5py.VirtualSource("other.h5", "x", (10,))
    file.create_virtual_dataset("x", layout)


def never_written(file):
    file.create_dataset("x", (2**40,), "f4")


def compressed(file):
    file.create_dataset("x", data=np.zeros(10**7), compression="gzip")


def overflowing(file):
    file.create_dataset("x", (2**33, 2**33), "u1", chunks=(1, 1))


def many_small_claims(file):
    for number in range(100):
        file.create_dataset(f"x{number}", (1_000,), "f4")


def many_objects(file):
    for number in range(hdf5_safety.MAX_OBJECTS + 1):
        file.create_group(str(number))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (external_link, "/x is a link to another place"),
        (soft_link, "/x is a link to another place"),
        (external_storage, "/x points into another file"),
        (virtual, "/x points into another file"),
        (never_written, "/x claims to be larger than the file"),
        (compressed, "/x claims to be larger than the file"),
        (overflowing, "/x claims to be larger than the file"),
        (many_small_claims, "claims to be larger than the file"),
        (many_objects, "more than 20,000 objects"),
    ],
)
def test_what_weights_do_not_need_is_refused_unread(tmp_path, write, message):
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        write(file)
    with pytest.raises(HostileFile, match=message):
        hdf5_safety.count_numbers(path)
    with pytest.raises(UserError, match=rf"a\.weights\.h5: is not a plain weights file.*{message}"):
        read_description(path)


@pytest.mark.parametrize(("index", "length"), [(0, 0), (5, 2**64 - 16)], ids=["empty free space", "overflow"])
def test_texts_that_libhdf5_would_read_without_end_are_refused(index, length, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["text"] = "weights"
    assert hdf5_safety.count_numbers(path) == 0
    data = bytearray(path.read_bytes())
    first = data.index(b"GCOL") + 16
    data[first : first + 16] = struct.pack("<HHIQ", index, 0, 0, length)
    path.write_bytes(data)
    with pytest.raises(HostileFile, match=f"its texts near byte {first:,} are damaged"):
        hdf5_safety.count_numbers(path)


@pytest.mark.parametrize("version", ["earliest", "latest"])  # which pad a text's description, and do not
@pytest.mark.parametrize("piece", [2**20, 41, 64])  # bytes read at once: a text may lie across two pieces
def test_a_text_that_claims_more_than_the_file_has_is_not_read(tmp_path, monkeypatch, version, piece):
    monkeypatch.setattr(hdf5_safety, "PIECE", piece)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=version) as file:
        file.attrs["text"] = "x" * 77
    hdf5_safety.count_numbers(path)
    content, length = path.read_bytes(), struct.pack("<I", 77)
    said = []
    for place in range(len(content)):
        if content.startswith(length, place):  # the length is in the attribute, and in the heap
            path.write_bytes(content[:place] + struct.pack("<I", 2**31) + content[place + 4 :])
            with pytest.raises(HostileFile) as error:
                hdf5_safety.count_numbers(path)
            said.append(str(error.value))
    assert len(said) == 2
    assert sum("claims to be larger than the file" in each for each in said) == 1

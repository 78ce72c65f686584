import gzip
import io
import os
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import example, given, strategies as st
from PIL import Image

from image_kit.errors import UserError
from image_kit.weights import find_weights, read_description
from image_kit.weights.other_kinds import name_other_kind


def archive(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(name, "{}")
    return file.getvalue()


def arrays():
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3), b=np.ones(2))
    return file.getvalue()


def photo():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty: a download or a copy was cut short"),
        (b"<!DOCTYPE html><title>Sign in</title>", "is a web page, such as a login or an error"),
        (b"\n <html>404", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (archive("config.json", "metadata.json", "model.weights.h5"), "is a whole model of Keras 3; in Keras, load it"),
        (archive("model/data.pkl", "model/data/0"), "is a file of PyTorch"),
        (archive("photos/1.jpg"), "is a ZIP archive; unpack it"),
        (archive("a.npy")[:40], "is a damaged ZIP archive"),
        (arrays(), "is arrays of NumPy"),
        (b"\x80\x02}q\x00.", "is a pickle"),
        (gzip.compress(b"x", mtime=0), "is packed with gzip"),
        (b"\x1c\0\0\0TFL3" + bytes(90), "is a network of LiteRT"),
        (photo(), "is a photo"),
        (b'{"module": "keras", "class_name": "Sequential"}', "is JSON that describes a network, without its weights"),
        (b'{"format": "layers-model", "modelTopology": {}}', "is JSON that describes a network, without its weights"),
        (b'{"metadata": {}, "weight_map": {}}', "is the index of weights in several files; in Keras, load it"),
        (b'{"error": "not found"}', "is JSON and not a weights file"),
        (b"0 cats\r\n1 dogs\r\n", "is a text, such as labels or settings, and not a weights file; give the .h5 file"),
        ("Hühner\n".encode() * 64, "is a text"),  # the 512th byte is within a letter
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bytes of an archive hold the time
)
def test_a_file_of_another_kind_is_named_and_not_called_damaged(tmp_path, content, words):
    path = tmp_path / "mine.h5"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_description(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert "damaged?" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cp.ckpt.index", "is a checkpoint of TensorFlow; in Keras 2"),
        ("cp.ckpt.data-00000-of-00001", "is a checkpoint of TensorFlow"),
        ("saved_model.pb", "is a graph of TensorFlow"),
        ("Mine.ONNX", "is a network of ONNX"),
    ],
)
def test_files_that_no_beginning_tells_are_named_by_their_own_name(tmp_path, name, words):
    path = tmp_path / name
    path.write_bytes(b"\x08\x01\x12\xff" * 9)
    with pytest.raises(UserError) as caught:
        read_description(path)
    assert str(caught.value).startswith(f"{path}: {words}")


@pytest.mark.parametrize("name", ["cp.ckpt", ""], ids=["prefix", "folder"])
def test_a_checkpoint_by_its_prefix_or_folder(tmp_path, name):
    (tmp_path / "cp.ckpt.index").write_bytes(b"\0\0\x06")
    with pytest.raises(UserError, match="is a checkpoint of TensorFlow"):
        find_weights(tmp_path / name)


def test_a_folder_of_nothing_known_is_looked_into_for_its_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (".", "..", "/"):
        assert find_weights(Path(folder)) == Path(folder) / "best.weights.h5"


def test_a_folder_without_its_best_weights_names_what_may_be_meant(tmp_path):
    """A browser or a disk in a cloud has given it another name, or only a part of the run was sent."""
    for name in ("best.weights (1).h5", "model.tflite", "settings.json"):
        (tmp_path / name).touch()
    said = (
        r"has no best\.weights\.h5; if you mean another file in it, give that: best\.weights \(1\)\.h5, model\.tflite"
    )
    with pytest.raises(UserError, match=f"{said}$"):
        find_weights(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="os.devnull is no path there")
def test_a_pipe_is_no_missing_file():
    with pytest.raises(UserError, match=f"{os.devnull}: is a pipe or a device, not a file; save the weights in a file"):
        read_description(Path(os.devnull))


def test_hdf5_is_read_and_what_is_nothing_known_is_left_to_it(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1.0]
    assert name_other_kind(tmp_path / "a.h5") is None
    (tmp_path / "b.h5").write_bytes(b"what is this?\0")
    assert name_other_kind(tmp_path / "b.h5") is None
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        read_description(tmp_path / "b.h5")


@example(b"\0")
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda data: b"PK\x03\x04" + data)))
def test_any_bytes_get_an_answer(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.h5"
    path.write_bytes(data)
    kind = name_other_kind(path)
    assert kind is None or kind.startswith(("is ", "begins with zeros only"))

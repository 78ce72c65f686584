"""What a file is that was given as weights and is not HDF5, so that the message can say what to do instead."""

import codecs
import re
import zipfile
from pathlib import Path

from image_kit.retries import FileForZip
from image_kit.terminal import name_some

HDF5 = b"\x89HDF\r\n\x1a\n"
MOST_HEADER = 10**8  # bytes of a safetensors file's header, its own limit
START = 512  # bytes that tell the kind of a file
SAVE_WEIGHTS = "in Keras, load it and call model.save_weights('mine.weights.h5')"
# Beginnings of files, by https://en.wikipedia.org/wiki/List_of_file_signatures and the programs' own pages.
BEGINNINGS = (
    *(
        (b"\x80" + bytes([number]), "a pickle, as PyTorch or scikit-learn saves it; this kit reads weights of Keras")
        for number in range(2, 6)
    ),
    (b"\x93NUMPY", "an array of NumPy; this kit reads weights of Keras"),
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself; run: git lfs pull"),
    (b"\x1f\x8b", "packed with gzip; unpack it"),
    (b"BZh", "packed with bzip2; unpack it"),
    (b"\xfd7zXZ", "packed with xz; unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard; unpack it"),
    (b"\x89HDF", "HDF5 whose line ends were changed, as by FTP in text mode or Git; get it again, as a binary file"),
    (b"\xc2\x89HDF", "HDF5 that was opened and saved as text; get it again, as a binary file"),
    (b"\xef\xbf\xbdHDF", "HDF5 that was opened and saved as text; get it again, as a binary file"),
    (b"GGUF", "a network of GGUF; this kit reads weights of Keras"),
    (b"MATLAB", "a file of MATLAB; this kit reads weights of Keras"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"%PDF", "a PDF document; give a weights file"),
    (b"\xff\xd8\xff", "a photo; give a weights file"),
    (b"\x89PNG", "a picture; give a weights file"),
    (b"GIF8", "a picture; give a weights file"),
)
OF_TENSORFLOW = "in Keras 2 (pip install tf_keras), load it and call model.save_weights('mine.weights.h5')"
CHECKPOINT = f"a checkpoint of TensorFlow; {OF_TENSORFLOW}"
# Files that no beginning tells, by the end of their names.
ENDS = (
    (r"\.index|\.data-\d+-of-\d+|\.ckpt", CHECKPOINT),
    (r"\.pb", f"a graph of TensorFlow; if it is of a SavedModel, {OF_TENSORFLOW}"),
    (r"\.onnx", "a network of ONNX; this kit reads weights of Keras"),
    (r"\.mlmodel", "a network of Core ML; this kit reads weights of Keras"),
)
WEIGHTS = (".h5", ".hdf5", ".keras", ".tflite")  # files that a folder may have instead of a run's best weights
# What JSON contains near its beginning that describes a network: of Keras, of TensorFlow.js, and its weights beside it.
NETWORKS = (b'"class_name"', b'"modeltopology"', b'"weightsmanifest"', b'"format": "layers-model"')


def name_other_kind(path: Path) -> str | None:
    """What a file is, and what to do: "is a web page; ...". None if it is HDF5, or nothing that is known.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(START)
    if not start:
        return "is empty: a download or a copy was cut short; get it again"
    if start.startswith(HDF5):
        return None
    if not start.strip(b"\0"):
        return "begins with zeros only: a download or a copy was cut short; get it again"
    if start.startswith(b"PK"):
        return f"is {_name_archive(path)}"
    for beginning, kind in BEGINNINGS:
        if start.startswith(beginning):
            return f"is {kind}"
    if start[4:8] == b"TFL3":
        return "is a network of LiteRT; give its .weights.h5, or name it .tflite for predict.py"
    if start[257:262] == b"ustar":
        return "is a tar archive; unpack it"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < MOST_HEADER:
        return "is a safetensors file; this kit reads weights of Keras"
    by_name = (f"is {kind}" for end, kind in ENDS if re.search(f"({end})$", path.name.lower()))
    return _name_text(start) or next(by_name, None)


def name_other_folder(path: Path) -> str | None:
    """What a folder is that was given as a run, or as weights by their prefix, and is neither; None if not known."""
    if (path / "saved_model.pb").is_file():
        return f"is a SavedModel of TensorFlow; {OF_TENSORFLOW}"
    if Path(f"{path}.index").is_file() or any(path.glob("*.index")):
        return f"is {CHECKPOINT}"
    inside = sorted(each.name for each in path.glob("*") if each.suffix in WEIGHTS and each.is_file())
    return f"has no best.weights.h5; if you mean another file in it, give that: {name_some(inside)}" if inside else None


def _name_text(start: bytes) -> str | None:
    """What a text is; None if the bytes are none that is known."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", "replace").encode()
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return "is a web page, such as a login or an error, and not the file itself; download it again"
    if start.startswith(b"{") and any(mark in start for mark in NETWORKS):
        return f"is JSON that describes a network, without its weights; give those, or {SAVE_WEIGHTS}"
    if start.startswith(b"{") and b'"weight_map"' in start:
        return f"is the index of weights in several files; {SAVE_WEIGHTS}"
    if start.startswith((b"{", b"[")) and start.isascii():
        return "is JSON and not a weights file; if it was downloaded, it may be an error message: get it again"
    is_text = all(letter >= 32 or letter in b"\t\n\r\f" for letter in start) and _is_utf8(start)
    return "is a text, such as labels or settings, and not a weights file; give the .h5 file" if is_text else None


def _is_utf8(start: bytes) -> bool:
    """Whether bytes begin a text; their last letter may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _name_archive(path: Path) -> str:
    """What a ZIP file holds; only the names in it are read."""
    file = None
    try:
        with FileForZip(path) as file, zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if file and file.failure:
            raise file.failure from error
        return "a damaged ZIP archive; get it again"
    if "config.json" in names and "model.weights.h5" in names:
        return f"a whole model of Keras 3; {SAVE_WEIGHTS}"
    if any(name.endswith("data.pkl") for name in names):
        return "a file of PyTorch; this kit reads weights of Keras"
    if names and all(name.endswith(".npy") for name in names):
        return "arrays of NumPy; this kit reads weights of Keras"
    return "a ZIP archive; unpack it"

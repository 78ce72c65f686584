"""model.tflite: the network for LiteRT, which starts in a tenth of a second, with its description inside.

A TFLite flatbuffer with a zip archive appended, as the TFLite Metadata convention has it for "associated files": any
TFLite runtime reads it as usual, any unzip program shows what it holds. `lite_export.write` makes it from a weights
file, whose content hash it records: a copy of other weights is known as such.
"""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from image_kit.errors import UserError, first_line
from image_kit.trust import HEADS, Trust
from image_kit.weights import Description

LITE = "model.tflite"
DESCRIPTION, ORIGIN, TRUST = "description.json", "origin.json", "trust.bin"  # the archive's members
MAX_MEMBER = 2**24  # bytes: a thousand times what they take, and what a hostile file may ask memory for
BLOCK = 2**20  # bytes read at once while hashing


@dataclass(frozen=True)
class LiteModel:
    """A file that `read` has found whole.

    Attributes:
        path: of the file.
        description: as in the weights file.
        head: what its output is, one of `classifier.HEADS`.
        weights_sha256: of the weights file that it was made from, hexadecimal.
        flatbuffer_sha256: of the network alone, as it was made.
        trust: what that file held, None if nothing.
    """

    path: Path
    description: Description
    head: str
    weights_sha256: str
    flatbuffer_sha256: str
    trust: Trust | None


def append_members(path: Path, description: Description, head: str, weights_sha256: str, trust: Trust | None) -> str:
    """Add to a bare flatbuffer what `read` reads; returns its `flatbuffer_sha256`."""
    length = path.stat().st_size
    origin = {
        "weights_sha256": weights_sha256,
        "head": head,
        "flatbuffer_bytes": length,
        "flatbuffer_sha256": sha256(path, length),
    }
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(DESCRIPTION, description.to_json())
        archive.writestr(ORIGIN, json.dumps(origin))
        if trust:
            archive.writestr(TRUST, trust.to_bytes())
    return origin["flatbuffer_sha256"]


def read(path: Path) -> LiteModel:
    """Check a model.tflite and read what it says of itself; the network itself is not loaded.

    Raises UserError: no such file, not written by this kit, or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a .tflite or .h5 file, or train one: python train.py")
    try:
        with zipfile.ZipFile(path) as archive:
            description = Description.from_json(_member(archive, DESCRIPTION).decode())
            origin = json.loads(_member(archive, ORIGIN))
            trusted = _member(archive, TRUST) if TRUST in archive.namelist() else None
        if origin["head"] not in HEADS:
            raise ValueError(f"unknown head {origin['head']!r}")
        if sha256(path, int(origin["flatbuffer_bytes"])) != origin["flatbuffer_sha256"]:
            raise ValueError("its network differs from what was written")
        shape, classes = description.preprocessing.image_shape, len(description.class_names)
        trust = None if trusted is None else Trust.from_bytes(trusted, shape, classes)
        return LiteModel(
            path, description, origin["head"], str(origin["weights_sha256"]), origin["flatbuffer_sha256"], trust
        )
    # On damaged archives zipfile raises over ten kinds, NotImplementedError and struct.error among them.
    except Exception as error:
        reason = f"not a model.tflite of this kit, or damaged ({first_line(error)})"
        raise UserError(f"{path}: {reason}; delete it, it is made anew from the weights") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > MAX_MEMBER:
        raise ValueError(f"{name} must be stored as it is, in {MAX_MEMBER:,} bytes at most")
    return archive.read(info)


def sha256(path: Path, length: int | None = None) -> str:
    """Hexadecimal SHA-256 of a file, or of its first `length` bytes."""
    digest, left = hashlib.sha256(), path.stat().st_size if length is None else length
    with open(path, "rb") as file:
        while block := file.read(min(BLOCK, max(0, left))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()

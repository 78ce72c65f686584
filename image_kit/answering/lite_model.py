"""model.tflite: a network for LiteRT, which starts in a tenth of a second, together with its description.

The file is a TFLite flatbuffer followed by a zip archive, as the TFLite Metadata convention has it for "associated
files": every TFLite runtime can read it, and every unzip program shows the description. `write_lite_model` makes it
from a weights file and records the SHA-256 of that file, so that it is not used for other weights.
"""

import contextlib
import hashlib
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from image_kit.call import call
from image_kit.errors import UserError, first_line, name_disk_failure
from image_kit.retries import FileForZip, read_again
from image_kit.trust import HEADS, Trust
from image_kit.weights import Description, name_other_kind

LITE = "model.tflite"
DESCRIPTION, ORIGIN, TRUST = "description.json", "origin.json", "trust.bin"  # the archive's members
MAX_MEMBER = 2**24  # bytes, the most memory that a forged file can claim; the largest member, the trust data, has 2 MB
IDENTIFIER = b"TFL3"  # the second four bytes of a network of LiteRT
BLOCK = 2**20  # bytes read at once for a hash


@dataclass(frozen=True)
class LiteModel:
    """What `read` returns about a file that is complete.

    Attributes:
        path: the file.
        description: the same as in the weights file.
        head: one of HEADS.
        weights_sha256: of the weights file that it was made from, hexadecimal.
        flatbuffer_sha256: of the network alone, hexadecimal.
        trust: calibration and golden self-test of the weights file; None if it has none.
        notes: what else is known about how it was made, as JSON has it.
    """

    path: Path
    description: Description
    head: str
    weights_sha256: str
    flatbuffer_sha256: str
    trust: Trust | None
    notes: dict[str, Any] = field(default_factory=dict)


def append_members(
    path: Path,
    description: Description,
    head: str,
    weights_sha256: str,
    trust: Trust | None,
    notes: dict[str, Any] | None = None,
) -> str:
    """Append to a flatbuffer the archive that `read` reads; returns the `flatbuffer_sha256`."""
    length = path.stat().st_size
    origin: dict[str, Any] = {
        "weights_sha256": weights_sha256,
        "head": head,
        "flatbuffer_bytes": length,
        "flatbuffer_sha256": (flatbuffer_sha256 := sha256(path, length)),
    }
    if notes:
        origin["notes"] = notes
    with zipfile.ZipFile(path, "a") as archive:
        # ZipInfo has a fixed date, so that equal runs end in equal files; a name alone would get the time.
        archive.writestr(zipfile.ZipInfo(DESCRIPTION), description.to_json())
        archive.writestr(zipfile.ZipInfo(ORIGIN), json.dumps(origin))
        if trust:
            archive.writestr(zipfile.ZipInfo(TRUST), trust.to_bytes())
    return flatbuffer_sha256


@read_again
def read(path: Path) -> LiteModel:
    """Read the description in a model.tflite and check the file; the network itself is not loaded.

    Raises:
        UserError: no such file, not written by this kit, or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a .tflite or .h5 file, or train one: {call('train.py')}")
    file = None
    try:
        with FileForZip(path) as file, zipfile.ZipFile(file) as archive:
            description = Description.from_json(_read_member(archive, DESCRIPTION).decode())
            origin = json.loads(_read_member(archive, ORIGIN))
            trust_bytes = _read_member(archive, TRUST) if TRUST in archive.namelist() else None
        if origin["head"] not in HEADS:
            raise ValueError(f"unknown head {origin['head']!r}")
        if sha256(path, int(origin["flatbuffer_bytes"])) != origin["flatbuffer_sha256"]:
            raise ValueError("its network differs from what was written")
        shape, classes = description.preprocessing.image_shape, len(description.class_names)
        trust = None if trust_bytes is None else Trust.from_bytes(trust_bytes, shape, classes)
        digests = str(origin["weights_sha256"]), origin["flatbuffer_sha256"]
        return LiteModel(path, description, origin["head"], *digests, trust, dict(origin.get("notes", {})))
    # On damaged archives zipfile raises more than ten kinds of error, such as NotImplementedError and struct.error.
    except Exception as error:
        cause = (file and file.failure) or error
        if failure := name_disk_failure(cause):
            raise UserError(f"{path}: cannot be read ({failure})") from cause
        raise UserError(f"{path}: {_name_reason(path, error)}") from None


def _name_reason(path: Path, error: Exception) -> str:
    """Why a file is no model.tflite: what it is instead, if that is known; and what to do."""
    again = "; delete it, and it is made again from the weights"
    with contextlib.suppress(OSError):
        with path.open("rb") as file:
            is_network = file.read(8)[4:] == IDENTIFIER
        kind = None if is_network else name_other_kind(path)
        if kind:
            return f"not a model.tflite: it {kind}{again}"
        if is_network and not _is_described(path):  # nobody should delete the only copy of another program's network
            error = ValueError("a network of LiteRT without this kit's description: made elsewhere, or cut short")
            again = f"; give the .weights.h5 of a run, or train one: {call('train.py')}"
    return f"not a model.tflite of this kit, or damaged ({first_line(error)}){again}"


def _is_described(path: Path) -> bool:
    """Whether a description follows the network; other programs append other files, such as labels.txt."""
    try:
        with zipfile.ZipFile(path) as archive:
            return DESCRIPTION in archive.namelist()
    except Exception:  # see `read`
        return False


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > MAX_MEMBER:
        raise ValueError(f"{name} must be stored uncompressed, in {MAX_MEMBER:,} bytes at most")
    return archive.read(info)


@read_again
def sha256(path: Path, length: int | None = None) -> str:
    """Hexadecimal SHA-256 of a file, or of its first `length` bytes."""
    digest, left = hashlib.sha256(), path.stat().st_size if length is None else length
    with open(path, "rb") as file:
        while block := file.read(min(BLOCK, max(0, left))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()

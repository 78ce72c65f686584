"""A shard: one file with the features of some photos, written whole and never changed afterwards.

    header     magic, kind, count of photos, CRC-32 of the kind, the count and the digests
    digests    SHA-256 of each photo's file, 32 bytes each
    rows       for each photo: its features and its look-alike signature, float16; CRC-32 of kind, digest and both

All numbers are little-endian. The kind says what the rows are (backbone, view, length); its checksum in each row makes
sure that a row is never taken for that of another photo, backbone or view, whatever happened to the file. Rows are read
one by one with ordinary reads: a memory map would end the process if the file is cut while it is mapped.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from image_kit.files import replacing

SUFFIX = ".features"
_MAGIC = b"KITFEAT1"
_HEADER = struct.Struct("<8s32sII")
_CHECKSUM = struct.Struct("<I")
DIGEST_BYTES = 32


class DamagedShard(Exception):
    """The file is not a shard of this kind, or its header or digests have changed."""


@dataclass(frozen=True)
class ShardFormat:
    """How the shards of one kind of features are laid out.

    Attributes:
        kind: 32 bytes that identify backbone, view and length.
        row_bytes: of features and signature together, without the checksum.
    """

    kind: bytes
    row_bytes: int

    def write(self, path: Path, rows: Mapping[bytes, bytes]) -> None:
        """Write a shard of {digest: row}.

        Raises:
            OSError: see `replacing`; no file is left.
        """
        digests = b"".join(rows)
        header = _HEADER.pack(_MAGIC, self.kind, len(rows), self._checksum_of_digests(len(rows), digests))
        with replacing(path) as temporary, open(temporary, "wb") as file:
            file.write(header + digests)
            for digest, row in rows.items():
                file.write(row + self._checksum_of_row(digest, row))

    def read_digests(self, path: Path) -> list[bytes]:
        """The photos of a shard in the order of its rows; the last rows may be missing.

        Raises:
            OSError: the file cannot be read.
            DamagedShard: see there.
        """
        with open(path, "rb") as file:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise DamagedShard
            magic, kind, count, checksum = _HEADER.unpack(header)
            if (magic, kind) != (_MAGIC, self.kind) or count * DIGEST_BYTES > path.stat().st_size:
                raise DamagedShard
            digests = file.read(count * DIGEST_BYTES)
        if len(digests) < count * DIGEST_BYTES or checksum != self._checksum_of_digests(count, digests):
            raise DamagedShard
        return [digests[start : start + DIGEST_BYTES] for start in range(0, len(digests), DIGEST_BYTES)]

    def read_row(self, path: Path, count: int, number: int, digest: bytes) -> bytes | None:
        """One row of a shard of `count` photos; None if it is damaged or missing.

        Raises:
            OSError: the file cannot be read.
        """
        with open(path, "rb", buffering=0) as file:
            file.seek(_HEADER.size + count * DIGEST_BYTES + number * (self.row_bytes + _CHECKSUM.size))
            return self._checked(digest, file.read(self.row_bytes + _CHECKSUM.size))

    def read_rows(self, path: Path) -> dict[bytes, bytes]:
        """All undamaged rows of a shard, {digest: row}.

        Raises:
            OSError: the file cannot be read.
            DamagedShard: see there.
        """
        digests = self.read_digests(path)
        with open(path, "rb") as file:
            file.seek(_HEADER.size + len(digests) * DIGEST_BYTES)
            rows = {digest: self._checked(digest, file.read(self.row_bytes + _CHECKSUM.size)) for digest in digests}
        return {digest: row for digest, row in rows.items() if row is not None}

    def _checked(self, digest: bytes, data: bytes) -> bytes | None:
        row, checksum = data[: self.row_bytes], data[self.row_bytes :]
        return row if checksum == self._checksum_of_row(digest, row) else None

    def _checksum_of_row(self, digest: bytes, row: bytes) -> bytes:
        return _CHECKSUM.pack(zlib.crc32(row, zlib.crc32(self.kind + digest)))

    def _checksum_of_digests(self, count: int, digests: bytes) -> int:
        return zlib.crc32(digests, zlib.crc32(self.kind + _CHECKSUM.pack(count)))


def is_shard(path: Path) -> bool:
    """Whether a file's name is that of a complete shard."""
    return path.suffix == SUFFIX and not path.name.startswith(".")

"""Is an HDF5 file from a stranger safe to read? This is checked before anything in it is read.

HDF5 can point into other files (external links, external storage, virtual data sets) and can expand a few bytes
to huge sizes (compression, chunks that were never written). Weights files need none of that.
"""

import itertools
import math
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import h5py

MAX_OBJECTS = 20_000  # groups and data sets: a hundred times as many as these networks and their optimizers have
# A global heap, where HDF5 keeps texts: signature and version, then its size, then objects: index, references, size.
HEAP, OBJECT = b"GCOL\x01\0\0\0", struct.Struct("<HHIQ")
# A text of an attribute: its type (class 9, of 16 bytes, made of single bytes), the description of a single value, with
# padding in old files, and the length in 4 bytes. Source: HDF5 File Format Specification 3.0, IV.A.2.b, d and m.
TEXT_SIZE, TEXT_BYTES = b"\x10\0\0\0", 36  # what all such types have at their byte 4; the most that a text takes
TEXT = re.compile(
    rb"[\x19\x29\x39].{3}\x10\0\0\0[\x10\x20\x30].{3}\x01\0\0\0.{4}"
    rb"(?:(?:.{4})?\x02\0..|.{4}\x01\0.{6})(.{4})",
    re.DOTALL,
)
PIECE = 2**20  # bytes read at once


class HostileFile(Exception):
    """The file contains something that weights files never need and that can do harm."""


def count_numbers(path: Path) -> int:
    """How many numbers all data sets of the file contain together. None of them is read.

    Raises:
        HostileFile: the file points into other files, its data sets claim to be larger than it is, or reading its texts
            would never end, or take more memory than the file has bytes.
        Exception: h5py's, of many kinds, if the file is damaged or is not HDF5.
    """
    refuse_damaged_texts(path)
    size, elements = path.stat().st_size, 0
    with h5py.File(path, "r") as file:
        claimed = 0
        for name, dataset in datasets(file):
            if dataset.external or dataset.is_virtual:
                raise HostileFile(f"{name} points into another file")
            # Computed with Python's integers, since NumPy's would overflow.
            count = math.prod(dataset.shape or ())
            elements, claimed = elements + count, claimed + count * dataset.dtype.itemsize
            if claimed > size:
                raise HostileFile(f"{name} claims to be larger than the file")
    return elements


def refuse_damaged_texts(path: Path) -> None:
    """Raise HostileFile if a text is damaged such that libhdf5 reads without end, or takes up to 4 GB of memory.

    libhdf5 1.14 adds up the sizes of a global heap's objects to find their ends. An empty object of free space, or a
    size that overflows, leaves it where it is, and not even Ctrl-C ends it. And it takes the memory that an attribute
    claims for its text before it looks for the text.
    """
    size, heaps = path.stat().st_size, []
    with path.open("rb") as file:
        for place, data in _overlapping_pieces(file):
            heaps += [place + start for start in _find_all(HEAP, data)]
            for start in _find_all(TEXT_SIZE, data):
                text = TEXT.match(data, start - 4) if start >= 4 else None
                if text and int.from_bytes(text[1], "little") > size:
                    raise HostileFile(f"its text near byte {place + start:,} claims to be larger than the file")
        for start in heaps:
            _check_heap(file, start)


def _find_all(wanted: bytes, data: bytes) -> Iterator[int]:
    start = data.find(wanted)
    while start >= 0:
        yield start
        start = data.find(wanted, start + 1)


def _overlapping_pieces(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The content in pieces, with their places. The file is not mapped: one that is cut would end the process."""
    before = b""
    for number in itertools.count():
        piece = file.read(PIECE)
        yield number * PIECE - len(before), before + piece
        if not piece:
            return
        before = (before + piece)[-(TEXT_BYTES - 1) :]


def _check_heap(file: IO[bytes], start: int) -> None:
    place = start + 16
    file.seek(start + 8)
    size = int.from_bytes(file.read(8), "little")
    end = min(start + size, os.fstat(file.fileno()).st_size)
    while place + OBJECT.size <= end:
        file.seek(place)
        header = file.read(OBJECT.size)
        if len(header) < OBJECT.size:  # cut meanwhile
            return
        index, _, _, length = OBJECT.unpack(header)
        # Free space, of index 0, counts its own header, and is the last.
        if length > size or (index == 0 and length < OBJECT.size):
            raise HostileFile(f"its texts near byte {place:,} are damaged")
        if index == 0:
            return
        place += OBJECT.size + -(-length // 8) * 8


def datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every data set once, with its name. Only hard links are followed, each object once, so cycles end."""
    waiting, seen = [file], set()
    while waiting:
        group = waiting.pop()
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise HostileFile(f"{_path(group, key)} is a link to another place")
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise HostileFile(f"it contains more than {MAX_OBJECTS:,} objects")
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                yield _path(group, key), item


def _path(group: h5py.Group, key: str) -> str:
    return f"{(group.name or '').rstrip('/')}/{key}"

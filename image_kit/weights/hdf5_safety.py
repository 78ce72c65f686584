"""Is an HDF5 file from a stranger safe to read? This is checked before anything in it is read.

HDF5 can point into other files (external links, external storage, virtual data sets) and can expand a few bytes
to huge sizes (compression, chunks that were never written). Weights files need none of that.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import h5py

MAX_OBJECTS = 20_000  # groups and data sets: a hundred times as many as these networks and their optimizers have


class HostileFile(Exception):
    """The file contains something that weights files never need and that can do harm."""


def count_numbers(path: Path) -> int:
    """How many numbers all data sets of the file contain together. None of them is read.

    Raises:
        HostileFile: the file points into other files, or its data sets claim to be larger than it is.
        Exception: h5py's, of many kinds, if the file is damaged or is not HDF5.
    """
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

"""Is a weights file still what was written? A CRC-32 of its data sets and its description, as zip and PNG have one.

It finds a single flipped bit, where the golden self-test finds what moves answers. It is no seal: who forges a file
computes it anew.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from image_kit.errors import UserError
from image_kit.weights import hdf5_check

ATTRIBUTE = "crc32"
BLOCK = 2**20  # values read at once


def write(file: h5py.File) -> None:
    """Note the checksum of all that an open file holds now; to be called after the last change."""
    file.attrs[ATTRIBUTE] = _of(file)


def check_checksum(path: Path, advice: str = "take another copy of it") -> None:
    """Raise UserError, with this advice, unless a file holds what was written; one that has no checksum passes."""
    try:
        with h5py.File(path, "r") as file:
            is_whole = ATTRIBUTE not in file.attrs or int(file.attrs[ATTRIBUTE]) == _of(file)
    except Exception:  # on damaged files h5py raises ten kinds
        is_whole = False
    if not is_whole:
        raise UserError(f"{path}: is damaged: its checksum is not that of what was written; {advice}")


def _of(file: h5py.File) -> int:
    """Of the root's attributes and of every data set with its name and type, in the order of their names."""
    checksum = 0
    for name in sorted(file.attrs.keys() - {ATTRIBUTE}):
        checksum = zlib.crc32(f"{name} {file.attrs[name]}".encode(), checksum)
    for name, dataset in sorted(hdf5_check.datasets(file)):
        if dataset.dtype.hasobject:  # of them memory has but addresses
            raise TypeError(f"{name} holds no numbers")
        checksum = zlib.crc32(f"{name} {dataset.dtype} {dataset.shape}".encode(), checksum)
        for block in _blocks(dataset):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _blocks(dataset: h5py.Dataset) -> Iterator[np.ndarray]:
    """The values, a few rows at a time: weights of 300 MB are not held twice."""
    if dataset.ndim == 0:
        yield np.asarray(dataset[()])
        return
    rows = max(1, BLOCK * len(dataset) // max(1, dataset.size))
    for start in range(0, len(dataset), rows):
        yield dataset[start : start + rows]

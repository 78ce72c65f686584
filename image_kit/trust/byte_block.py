"""Numbers and float arrays as one block of bytes. Reading a block runs no code, as pickle would.

A block is a line of ASCII JSON, then the values of the arrays, one array after another, as little-endian float32; as
float16 if the header names them under "float16".
"""

import json
import math
from typing import Any

import numpy as np

MAX_HEADER = 1_000_000  # bytes of JSON, far more than a few numbers and shapes need
FLOAT, HALF = np.dtype("<f4"), np.dtype("<f2")


def pack(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """Write a block.

    Args:
        values: anything that JSON can represent, by name.
        arrays: numbers of any dtype and shape, by name; stored as float32, but as float16 if they are that.
    """
    halves = [name for name, array in arrays.items() if np.asarray(array).dtype == np.float16]
    shapes = {name: list(np.shape(array)) for name, array in arrays.items()}
    header = json.dumps({**values, **({"float16": halves} if halves else {}), "arrays": shapes})
    stored = [np.asarray(array, HALF if name in halves else FLOAT).tobytes() for name, array in arrays.items()]
    return b"\n".join([header.encode("ascii"), b"".join(stored)])


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
        dtypes = dict.fromkeys(shapes, FLOAT) | dict.fromkeys(values.pop("float16", ()), HALF)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header is damaged ({error})") from None
    numbers = data[end + 1 :]
    if dtypes.keys() != shapes.keys():
        raise ValueError("its header names an array that it lacks")
    if sum(dtypes[name].itemsize * math.prod(shape) for name, shape in shapes.items()) != len(numbers):
        raise ValueError("its length is not the one in its header")
    arrays, start = {}, 0
    for name, shape in shapes.items():
        array = np.frombuffer(numbers, dtypes[name], math.prod(shape), start).reshape(shape)
        if not np.isfinite(array).all():
            raise ValueError("it contains NaN or an infinite value")
        arrays[name] = array
        start += array.nbytes
    return values, arrays


def _valid_shape(shape: Any) -> tuple[int, ...]:
    # No side may be 0: the other sides could then have any size.
    if not isinstance(shape, list) or not all(type(side) is int and 0 < side < 2**31 for side in shape):
        raise ValueError(f"bad shape {str(shape)[:80]}")
    return tuple(shape)


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a finite number")

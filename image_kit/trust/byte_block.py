"""Numbers and float32 arrays as one block of bytes that reads without running code: no pickle, no archive.

A line of ASCII JSON, then the arrays' raw little-endian float32 values, one array after the other.
"""

import json
import math
from typing import Any

import numpy as np

MAX_HEADER = 1_000_000  # bytes of JSON: far more than a handful of numbers and shapes takes
FLOAT = np.dtype("<f4")


def pack(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """The block; `values` must have a JSON form, `arrays` become float32."""
    shapes = {name: list(np.shape(array)) for name, array in arrays.items()}
    header = json.dumps({**values, "arrays": shapes})
    return b"\n".join([header.encode("ascii"), b"".join(np.asarray(a, FLOAT).tobytes() for a in arrays.values())])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inverse of `pack`; takes no more memory than a few times `data`, whatever its header claims.

    Raises:
        ValueError: not such a block, cut short, or with a value that is no finite number.
    """
    end = data.find(b"\n", 0, MAX_HEADER)
    if end < 0:
        raise ValueError("it has no header")
    try:
        values = json.loads(data[:end].decode("ascii"), parse_constant=_refuse)
        shapes = {str(name): _checked_shape(shape) for name, shape in values.pop("arrays").items()}
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header is damaged ({error})") from None
    numbers = data[end + 1 :]
    if FLOAT.itemsize * sum(map(math.prod, shapes.values())) != len(numbers):
        raise ValueError("it is not as long as it says")
    flat, arrays, start = np.frombuffer(numbers, FLOAT), {}, 0
    if not np.isfinite(flat).all():
        raise ValueError("it holds a value that is no finite number")
    for name, shape in shapes.items():
        arrays[name] = flat[start : start + math.prod(shape)].reshape(shape)
        start += math.prod(shape)
    return values, arrays


def _checked_shape(shape: Any) -> tuple[int, ...]:
    # A side of 0 would let the other sides be of any size.
    if not isinstance(shape, list) or not all(type(side) is int and 0 < side < 2**31 for side in shape):
        raise ValueError(f"bad shape {str(shape)[:80]}")
    return tuple(shape)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")

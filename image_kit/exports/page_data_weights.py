"""Arrays in a compact form: whole numbers of a small step, whose bytes deflate well.

A channel's weights are spread about like a normal distribution, so equal steps spend fewer bits for the same error
than float16 does, whose steps are finest where no answer needs them. A step is a fraction of the channel's root mean
square. The upper bytes of all numbers stand together, since they are nearly all the same; the lower ones are noise.
"""

import math
from typing import Any

import numpy as np

# Steps in one root mean square. The error of a weight is then 1/1,770 of it, as large as float16's rounding of the
# larger weights, and a weight takes 11 bits (log2(512 sqrt(2 pi e))) where float16 takes 13.5 after deflate.
STEPS = 1024  # in a layer of WEIGHTS weights; those of fewer cost less, and so have finer steps
WEIGHTS = 400_000
MAX_PER_RMS = 8192
MAX_STEPS = 32_767  # of int16; a channel with a few far larger weights gets larger steps
SMALL = 1_000  # values up to which an array stays float32: biases, scales, heads of small networks


class Block:
    """Arrays that are put one after another into one block of bytes, for `engine.js` to read.

    Attributes:
        data: the bytes so far.
    """

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, array: np.ndarray) -> dict[str, Any]:
        """Append a float32 array as it is; returns its entry."""
        return self._append("float32", array.shape, array.astype("<f4").tobytes())

    def add_bytes(self, data: bytes) -> dict[str, Any]:
        """Append bytes; returns their entry."""
        return self._append("uint8", (len(data),), data)

    def add_weights(self, array: np.ndarray) -> dict[str, Any]:
        """Append float32 weights in the compact form; the last dimension numbers the channels. Returns their entry."""
        if array.size <= SMALL or array.ndim < 2:
            return self.add(array)
        numbers, steps = to_steps(array)
        return {**self._append("steps", array.shape, _planes(numbers)), "steps": self.add(steps)}

    def _append(self, kind: str, shape: tuple[int, ...], data: bytes) -> dict[str, Any]:
        self.data += bytes(-len(self.data) % 4)  # a Float32Array must begin at a multiple of 4
        start = len(self.data)
        self.data += data
        return {"kind": kind, "shape": list(shape), "start": start}


def to_steps(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights as whole numbers of steps: int16 numbers of the array's shape, and the steps, float32 (channels,)."""
    rows = array.reshape(-1, array.shape[-1])
    rms, largest = np.sqrt(np.square(rows, dtype=np.float64).mean(axis=0)), np.abs(rows).max(axis=0)
    per_rms = min(MAX_PER_RMS, STEPS * math.sqrt(WEIGHTS / array.size))
    steps = np.maximum(rms / per_rms, largest / MAX_STEPS).astype(np.float32)
    steps[steps == 0] = 1
    return _round(rows / steps).reshape(array.shape), steps


def _round(rows: np.ndarray) -> np.ndarray:
    """Rounded so that the errors of a channel's weights, first to last, nearly add up to 0.

    Inputs of a layer are mostly above 0, after a ReLU. Errors that add up to nothing then cancel each other.
    """
    rounded, carried = np.empty(rows.shape, np.int16), np.zeros(rows.shape[1])
    for number, row in enumerate(rows):
        wanted = row + carried
        rounded[number] = np.clip(np.rint(wanted), -MAX_STEPS, MAX_STEPS)
        carried = wanted - rounded[number]
    return rounded


def _planes(numbers: np.ndarray) -> bytes:
    """The lower bytes of all numbers, then the upper bytes."""
    pairs = numbers.astype("<i2").reshape(-1, 1).view(np.uint8)
    return np.ascontiguousarray(pairs.T).tobytes()

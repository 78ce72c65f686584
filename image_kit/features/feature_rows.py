"""Features as the head is fitted to them: unit length, centred, and turned so that the fit takes few steps."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MAX_TURNED_BYTES = 256 * 2**20  # turned features up to this size are kept in memory; others are read block by block
BLOCK_ROWS = 2_048  # features in float32: 10 MB at 1,280 columns
# A direction with a smaller part of the largest sum of squares is noise of float32, and any penalty suppresses it.
SMALLEST_PART = 1e-6


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """The features of n photos in the basis of their principal directions; made by `prepare_rows`.

    A linear head with a squared penalty gives the same probabilities in any turned basis, and its bias is not
    penalised, so centring changes nothing either. What photos that are held out add to the basis therefore tells a fit
    nothing about them. In this basis the columns are uncorrelated, so that a diagonal matrix preconditions the fit
    well, and with fewer photos than features there are only as many columns as photos.

    Attributes:
        features: (n, d) as given, any float type, any length; may be memory-mapped.
        turned: float32 (n, r): unit length, centred, turned; None if that would take too much memory.
        mean: float32 (d,), the mean of the features of unit length.
        directions: float32 (d, r), orthonormal columns.
        spread: float32 (r,), the mean square of the turned features in each direction.
    """

    features: np.ndarray
    turned: np.ndarray | None
    mean: np.ndarray
    directions: np.ndarray
    spread: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    def blocks(self, columns: int) -> Iterator[tuple[slice, np.ndarray]]:
        """The rows in blocks that take about as much memory as `columns` float32 numbers a row leave in the cache."""
        size = int(np.clip(2**19 // columns, 64, BLOCK_ROWS))
        for part in _slices(len(self), size):
            yield part, self.features_of(part) if self.turned is None else self.turned[part]

    def features_of(self, part: slice | np.ndarray) -> np.ndarray:
        """Features of some photos: float32, unit length, centred, not turned."""
        rows = unit_length(self.features[part])
        rows -= self.mean
        return rows

    def to_columns(self, weights: np.ndarray) -> np.ndarray:
        """Weights (r, k) of the principal directions as weights of the columns that `blocks` gives."""
        return weights if self.turned is not None else self.directions @ weights

    def to_directions(self, gradient: np.ndarray) -> np.ndarray:
        """A gradient by the columns that `blocks` gives as one by the principal directions, (r, k)."""
        return gradient if self.turned is not None else self.directions.T @ gradient


def unit_length(features: np.ndarray) -> np.ndarray:
    """Features (n, d) in float32, each row divided by its Euclidean length; a row of zeros stays."""
    rows = np.array(features, np.float32)  # a copy, divided in place: half a gigabyte for 100,000 photos, not a whole
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.maximum(lengths, 1e-12)[:, None]  # the epsilon of Keras's UnitNormalization
    return rows


def prepare_rows(features: np.ndarray) -> FeatureRows:
    """Find the principal directions of features (n, d). Takes memory for d squared numbers, not for all features.

    Raises:
        ValueError: there are no features, or some are not finite.
    """
    n, d = features.shape
    if n == 0 or d == 0:
        raise ValueError(f"features must be (n, d), received {features.shape}")
    mean = np.zeros(d)
    for part in _slices(n, BLOCK_ROWS):
        mean += unit_length(features[part]).sum(axis=0, dtype=np.float64)
    if not np.isfinite(mean).all():
        raise ValueError("features must be finite numbers")
    mean = (mean / n).astype(np.float32)
    directions, squares = _few_rows(features, mean) if n < d else _many_rows(features, mean)
    rows = FeatureRows(features, None, mean, directions, (squares / n).astype(np.float32))
    if n * directions.shape[1] * 4 > MAX_TURNED_BYTES:
        return rows
    turned = np.empty((n, directions.shape[1]), np.float32)
    for part in _slices(n, BLOCK_ROWS):
        np.matmul(rows.features_of(part), directions, out=turned[part])
    return FeatureRows(features, turned, mean, directions, rows.spread)


def _few_rows(features: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions and sums of squares by the products of rows, (n, n)."""
    centred = unit_length(features) - mean
    squares, vectors = _eigen(centred @ centred.T)
    return centred.T @ (vectors / np.sqrt(squares)), squares


def _many_rows(features: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions and sums of squares by the products of columns, (d, d)."""
    products = np.zeros((len(mean), len(mean)), np.float32)
    for part in _slices(len(features), BLOCK_ROWS):
        centred = unit_length(features[part]) - mean
        products += centred.T @ centred
    squares, vectors = _eigen(products)
    return vectors, squares


def _eigen(products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, without those that are noise, and eigenvectors of a symmetric matrix; at least one of each."""
    values, vectors = np.linalg.eigh(products)
    kept = values > max(values[-1] * SMALLEST_PART, 1e-12)
    kept[-1] = True
    return np.maximum(values[kept], 1e-12), vectors[:, kept]


def _slices(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, start + size)

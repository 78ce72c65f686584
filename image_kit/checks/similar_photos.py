"""The most similar photos of each photo, in blocks, so that the memory grows with the photos and not their square."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from image_kit.features import FeatureRows, unit_length

BLOCK = 2**23  # similarities at once: 32 MB
BLOCK_ROWS = 1_024  # photos compared with the others at once, at most


@dataclass(frozen=True, eq=False)
class SimilarPhotos:
    """The k most similar photos of each of n photos, outside of its group, most similar first.

    Attributes:
        photos: int (n, k), indices.
        similarities: float32 (n, k), cosines, -1 to 1; -inf where there are fewer than k photos outside of the group.
    """

    photos: np.ndarray
    similarities: np.ndarray

    def votes(self, labels: np.ndarray, n_classes: int, weights: np.ndarray) -> np.ndarray:
        """The sum of the weights, float (n, k), of the similar photos of each class: float32 (n, n_classes)."""
        rows = np.arange(len(labels))
        found = np.zeros((len(labels), n_classes), np.float32)
        usable = np.where(np.isfinite(self.similarities), weights, 0)
        for photos, weight in zip(self.photos.T, usable.T, strict=True):
            found[rows, labels[photos]] += weight
        return found


def find_similar(rows: FeatureRows, groups: np.ndarray, count: int) -> SimilarPhotos:
    """Find the `count` most similar photos of each photo by the cosine of the centred features.

    Without centring, what all photos of the folder have in common makes most of the similarity.

    Args:
        rows: of n photos.
        groups: int (n,); photos of the same group, such as near copies, say nothing about each other.
        count: of similar photos, at least 1; fewer if there are not as many others.
    """
    n = len(rows)
    count = min(count, n - 1)
    photos, similarities = np.empty((n, count), np.int64), np.empty((n, count), np.float32)
    for some, products in compare_in_blocks(_centred(rows)):
        products[groups[some][:, None] == groups] = -np.inf
        photos[some], similarities[some] = pick_largest(products, count)
    return SimilarPhotos(photos, similarities)


def _centred(rows: FeatureRows) -> np.ndarray:
    """Centred features of length 1, float32 (n, d); a block at a time, so that all are in memory once only."""
    found = np.empty(rows.features.shape, np.float32)
    for start in range(0, len(found), BLOCK_ROWS):
        some = slice(start, start + BLOCK_ROWS)
        found[some] = unit_length(rows.features_of(some))
    return found


def pick_largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` largest values of each row (r, n), the largest first: their columns, int (r, count), and they."""
    columns = np.argpartition(values, -count, axis=1)[:, -count:]
    largest = np.take_along_axis(values, columns, axis=1)
    order = np.argsort(-largest, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(largest, order, axis=1)


def compare_in_blocks(features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some photos at a time, and their products with all: float32 (photos of the block, n), which may be changed."""
    size = min(BLOCK_ROWS, max(1, BLOCK // len(features)))
    for start in range(0, len(features), size):
        some = slice(start, start + size)
        yield some, features[some] @ features.T

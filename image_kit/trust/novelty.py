"""Novelty scores: how unlike the training images an image is, measured by statistics of its pixels.

A classifier answers every image with one of its classes, often with high confidence. The novelty score compares how
bright, contrasted, sharp and coloured an image is, and how its border looks. It is the squared Mahalanobis distance
between these statistics and those of the training images. Lee et al. 2018 do the same with a network's features; the
features of the kit's small networks tell much less (see benchmarks/trust.py). The score cannot tell when an image of
the same kind shows something else. Networks with a pretrained backbone use its features instead (neighbours.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SAMPLES = 32  # points per side at which an image is sampled: enough for statistics, and as fast at 300x300 as at 32x32
SCALES = (1, 2, 4)  # distances in pixels between the neighbours that are compared
COUNTS = {1: 12, 3: 15}  # the number of statistics of an image, by its channels
MAX_FITTED = 2_000  # the most training images that are used
BATCH = 256  # images processed at once, which limits the memory
FLOOR = 1.0  # gray values of 255, added before a logarithm so that flat images do not dominate


def image_statistics(images: np.ndarray) -> np.ndarray:
    """The statistics of uint8 images (n, height, width, channels): float32 (n, COUNTS[channels])."""
    parts = [_statistics(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return np.concatenate(parts) if parts else np.empty((0, COUNTS[images.shape[-1]]), np.float32)


def _statistics(images: np.ndarray) -> np.ndarray:
    step = max(1, min(images.shape[1:3]) // SAMPLES)
    sampled = images[:, ::step, ::step]
    gray, colour = _gray(sampled), sampled.astype(np.float32)
    edges = [images[:, 0, ::step], images[:, -1, ::step], images[:, ::step, 0], images[:, ::step, -1]]
    border = np.concatenate([_gray(edge) for edge in edges], axis=1)
    columns = [gray.mean((1, 2)) / 64, _log(gray.std((1, 2))), border.mean(1) / 64, _log(border.std(1))]
    for scale in SCALES:
        for moved, kept in _neighbours(images, scale, step):
            columns.append(_log(np.abs(_gray(moved) - _gray(kept)).mean((1, 2))))
    columns.append(4 * np.sqrt(np.mean([(a == b).mean((1, 2, 3)) for a, b in _neighbours(images, 1, step)], axis=0)))
    columns.append(4 * np.sqrt(((sampled == 0) | (sampled == 255)).mean((1, 2, 3))))
    if images.shape[-1] == 3:
        tint = colour - gray[..., None]
        columns += [_log(np.abs(tint).mean((1, 2, 3))), _log(tint.std((1, 2)).mean(1))]
        columns.append((tint[..., 0] - tint[..., 2]).mean((1, 2)) / 32)
    return np.stack(columns, axis=1).astype(np.float32)


def _neighbours(images: np.ndarray, scale: int, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of views: pixels `scale` below the sampled pixels and these; then pixels `scale` to the right and these."""
    scale = min(scale, *(side - 1 for side in images.shape[1:3]))
    yield images[:, scale::step, ::step], images[:, : images.shape[1] - scale : step, ::step]
    yield images[:, ::step, scale::step], images[:, ::step, : images.shape[2] - scale : step]


def _gray(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=-1, dtype=np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(values + np.float32(FLOOR))


@dataclass(frozen=True, eq=False)
class NoveltyScorer:
    """The distribution of the training images' statistics; made by `fit_novelty`.

    Attributes:
        mean: float32 (k,).
        whitening: float32 (k, k). (statistics - mean) @ whitening has variance 1 and no correlation.
    """

    mean: np.ndarray
    whitening: np.ndarray

    def __post_init__(self):
        """Raises ValueError if the shapes, which come from a file, do not fit together."""
        k = len(self.mean)
        if k not in COUNTS.values() or self.mean.shape != (k,) or self.whitening.shape != (k, k):
            raise ValueError(f"statistics of images of shape {self.mean.shape} and {self.whitening.shape}")

    def scores(self, images: np.ndarray) -> np.ndarray:
        """The novelty scores of uint8 images (n, height, width, channels): float32 (n,), at least 0."""
        # The values in a damaged file may overflow. An infinite score is right then: the image is refused.
        with np.errstate(over="ignore"):
            return np.square((image_statistics(images) - self.mean) @ self.whitening).sum(axis=1)


def evenly_spaced(total: int, most: int) -> np.ndarray:
    """Indices of up to `most` of `total` images. Each class keeps its fraction, also where classes stand in order."""
    return np.linspace(0, total - 1, min(total, most)).astype(int)


def fit_novelty(statistics: np.ndarray) -> NoveltyScorer:
    """Fit a scorer to the `image_statistics` of the training images, float (n, k), n at least 1.

    The covariance is shrunk towards its diagonal so that it can be inverted: the fewer images, the more.
    """
    n, k = statistics.shape
    values = statistics.astype(np.float64)
    mean = values.mean(axis=0)
    covariance = (values - mean).T @ (values - mean) / n
    shrinkage = k / (n + k)
    # A statistic that never varied in training gets a standard deviation of .03 (of a logarithm): some is always
    # possible.
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance)) + 0.001 * np.eye(k)
    whitening = np.linalg.cholesky(np.linalg.inv(shrunk))
    return NoveltyScorer(mean.astype(np.float32), whitening.astype(np.float32))

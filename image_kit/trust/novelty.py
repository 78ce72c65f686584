"""Is a picture unlike those that the network was trained on? Told by statistics of its pixels.

A classifier answers any picture with one of its classes, and is often sure of it. What is compared here is how bright,
contrasted, sharp and coloured a picture is, and what its border looks like: the score is the squared Mahalanobis
distance of these statistics to those of the training images (as Lee et al. 2018 do with a network's features; those of
the kit's small networks tell much less, see benchmarks/trust.py). It cannot see that a picture of the same kind shows
something else.
"""

from dataclasses import dataclass

import numpy as np

SAMPLES = 32  # points a side that a picture is looked at; enough for statistics, and 300x300 costs what 32x32 does
SCALES = (1, 2, 4)  # pixels between the neighbours that are compared
COUNTS = {1: 12, 3: 15}  # statistics of a picture with 1 and 3 channels
MAX_FITTED = 2_000  # training images that statistics are taken of
CHUNK = 256  # images at once: bounds the memory
FLOOR = 1.0  # gray values, of 255: what is added before a logarithm, so that flat pictures do not decide everything


def image_statistics(images: np.ndarray) -> np.ndarray:
    """What is compared of uint8 images (n, height, width, channels): float32 (n, COUNTS[channels])."""
    chunks = [_statistics(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
    return np.concatenate(chunks) if chunks else np.empty((0, COUNTS[images.shape[-1]]), np.float32)


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


def _neighbours(images: np.ndarray, scale: int, step: int):
    """Views of sampled pixels and of those `scale` pixels below, then beside them."""
    scale = min(scale, *(side - 1 for side in images.shape[1:3]))
    yield images[:, scale::step, ::step], images[:, : images.shape[1] - scale : step, ::step]
    yield images[:, ::step, scale::step], images[:, ::step, : images.shape[2] - scale : step]


def _gray(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=-1, dtype=np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(values + np.float32(FLOOR))


@dataclass(frozen=True, eq=False)
class Novelty:
    """The statistics of the training images; made by `fit`.

    Attributes:
        mean: float32 (k,).
        whitening: float32 (k, k): statistics less their mean, times it, have variance 1 and no correlation.
    """

    mean: np.ndarray
    whitening: np.ndarray

    def __post_init__(self):
        """Raises ValueError on shapes that do not belong together: they come from a file."""
        k = len(self.mean)
        if k not in COUNTS.values() or self.mean.shape != (k,) or self.whitening.shape != (k, k):
            raise ValueError(f"statistics of images of shape {self.mean.shape} and {self.whitening.shape}")

    def scores(self, images: np.ndarray) -> np.ndarray:
        """float32 (n,), >= 0: how unlike the training images uint8 images (n, height, width, channels) are."""
        with np.errstate(over="ignore"):  # a damaged file's numbers may be too large; infinitely unlike is right then
            return np.square((image_statistics(images) - self.mean) @ self.whitening).sum(axis=1)


def fit(statistics: np.ndarray) -> Novelty:
    """The `Novelty` of training images, from their `image_statistics`, float (n, k) with n >= 1.

    The covariance is shrunk towards its diagonal, the more the fewer the images are, so that it can be inverted.
    """
    n, k = statistics.shape
    values = statistics.astype(np.float64)
    mean = values.mean(axis=0)
    covariance = (values - mean).T @ (values - mean) / n
    share = k / (n + k)
    # What never varied in training gets a spread of .03, in the unit of logarithms: some is always possible.
    shrunk = (1 - share) * covariance + share * np.diag(np.diag(covariance)) + 0.001 * np.eye(k)
    whitening = np.linalg.cholesky(np.linalg.inv(shrunk))
    return Novelty(mean.astype(np.float32), whitening.astype(np.float32))

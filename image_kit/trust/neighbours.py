"""Novelty scores from a pretrained backbone's features: how far an image lies from the training images nearest to it.

The features of a pretrained backbone place images that show the same kind of thing near each other. The novelty score
of an image is 1 - the mean cosine similarity to the features of its NEAREST training images. Source: Sun, Ming, Zhu,
Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022.

The training features are stored along their main axes only. The features of a new image keep their full length: what
lies outside of those axes is similar to no training image, and so it counts as novel.
"""

from dataclasses import dataclass

import numpy as np

from image_kit.trust.novelty import evenly_spaced

# 1, 5 and 10 refuse within a point as many strangers. With 3, one stray training photo cannot vouch for its like alone.
NEAREST = 3
# Both limit the file: of d features, axes and bank take 2 MAX_AXES (d + MAX_BANK) bytes, 1.8 MB at d = 2,100. 128 axes
# refuse within a point as many far strangers as all features; 64 lose up to 5 points of drawings at 1 % of own photos.
MAX_AXES = 128
MAX_BANK = 5_000
MAX_FITTED = 2_000  # rows that the axes are fitted to
ROUNDS = 2  # of the iteration that finds the axes; 4 refuse no more strangers and take half as long again
SEED = 0
BLOCK = 256  # images compared with the bank at once, which limits the memory to 5 MB
TINY = 1e-12  # keeps a division by the length finite


@dataclass(frozen=True, eq=False)
class FeatureNovelty:
    """The training images' features; made by `fit_feature_novelty`.

    Attributes:
        axes: float16 (d, p), orthonormal columns.
        bank: float16 (m, p), the training features of length 1 along the axes.
    """

    axes: np.ndarray
    bank: np.ndarray

    def __post_init__(self):
        """Raises ValueError if the arrays, which come from a file, do not fit together."""
        shapes = self.axes.shape, self.bank.shape
        if not (self.axes.ndim == self.bank.ndim == 2 and 0 < shapes[0][1] == shapes[1][1] <= MAX_AXES):
            raise ValueError(f"axes of shape {shapes[0]} and training features of shape {shapes[1]}")
        if not (0 < shapes[1][0] <= MAX_BANK and shapes[0][0] > 0):
            raise ValueError(f"training features must be 1 to {MAX_BANK}, received {shapes[1][0]}")

    def scores(self, features: np.ndarray) -> np.ndarray:
        """The novelty scores of the inputs of the head, float (n, d): float32 (n,), about 0..1.

        Raises:
            ValueError: not d features.
        """
        if features.ndim != 2 or features.shape[1] != len(self.axes):
            raise ValueError(f"expected {len(self.axes)} features, received shape {features.shape}")
        axes, bank = self.axes.astype(np.float32), self.bank.astype(np.float32).T
        nearest = min(NEAREST, bank.shape[1])
        found = np.empty(len(features), np.float32)
        for start in range(0, len(features), BLOCK):
            similarities = _unit_length(features[start : start + BLOCK]) @ axes @ bank
            found[start : start + BLOCK] = 1 - np.partition(similarities, -nearest)[:, -nearest:].mean(axis=1)
        return found


def fit_feature_novelty(features: np.ndarray) -> FeatureNovelty:
    """Keep the training features, float (n, d), n at least 1, that new images are compared with.

    Of more than MAX_BANK images, evenly spaced ones are kept. The result is the same each time.
    """
    rows = _unit_length(features[evenly_spaced(len(features), MAX_BANK)])
    axes = _main_axes(rows[evenly_spaced(len(rows), MAX_FITTED)])
    return FeatureNovelty(axes.astype(np.float16), (rows @ axes).astype(np.float16))


def cross_novelty_scores(features: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """The novelty score of each training image among the images of the other folds: float32 (n,).

    The bank in the file holds all training images, so a new image finds its neighbours among more images than these
    scores did. It lies a little nearer, and is refused a little less often than the threshold says.

    Near copies must share a fold, as in the cross-validation of the head. Otherwise each finds the other, and the
    scores are smaller than those of new images.

    Args:
        features: float (n, d).
        folds: int (n,), the fold of each image; or (repeats, n), and the scores are means over the repeats.

    Raises:
        ValueError: the shapes do not fit together, or a repeat has a single fold.
    """
    repeats = np.atleast_2d(folds)
    if repeats.ndim != 2 or repeats.shape[1] != len(features):
        raise ValueError(f"folds of shape {np.shape(folds)} for {len(features)} images")
    return np.stack([_scores_of_folds(features, each) for each in repeats]).mean(axis=0)


def _scores_of_folds(features: np.ndarray, folds: np.ndarray) -> np.ndarray:
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise ValueError("there must be at least 2 folds")
    scores = np.empty(len(features), np.float32)
    for number in numbers:
        is_out = folds == number
        # The axes are fitted anew too. Axes fitted to an image hold more of it than of a new image.
        scores[is_out] = fit_feature_novelty(features[~is_out]).scores(features[is_out])
    return scores


def _main_axes(rows: np.ndarray) -> np.ndarray:
    """Orthonormal axes, float32 (d, p), that hold most of the rows' squares. The mean is not removed.

    Randomised subspace iteration (Halko, Martinsson, Tropp, SIAM Review 2011): 20 times as fast as all axes.
    """
    n, d = rows.shape
    axes = np.random.default_rng(SEED).normal(size=(d, min(n, d, MAX_AXES))).astype(np.float32)
    for _ in range(ROUNDS):
        axes = np.linalg.qr(rows.T @ (rows @ axes))[0]
    return axes


def _unit_length(features: np.ndarray) -> np.ndarray:
    rows = np.asarray(features, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)

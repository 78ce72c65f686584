"""The head: multinomial logistic regression on features of unit length."""

from dataclasses import dataclass

import numpy as np

from image_kit.features.feature_rows import FeatureRows, prepare_rows, unit_length
from image_kit.features.softmax_regression import Fits, fit_all


@dataclass(frozen=True, eq=False)
class Head:
    """A linear layer on features of unit length; softmax makes probabilities of what it returns.

    Attributes:
        kernel: float32 (d, c).
        bias: float32 (c,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Logits, float32 (n, c), of features (n, d) of any length."""
        return unit_length(features) @ self.kernel + self.bias


def fit_head(
    features: np.ndarray | FeatureRows,
    labels: np.ndarray,
    n_classes: int,
    strength: float,
    weights: np.ndarray | None = None,
) -> Head:
    """Fit a head to features and labels: the same input gives the same head.

    A progress bar appears if it takes longer than two seconds.

    Args:
        features: (n, d), any float type, may be memory-mapped; or the rows that `prepare_rows` made of them.
        labels: int (n,), 0 to n_classes - 1.
        n_classes: number of classes, c, at least 2; a class without photos gets small probabilities.
        strength: of the penalty, above 0; see `softmax_regression.Fits`.
        weights: float (n,), how much each photo counts, such as `balanced_weights`; None: all the same.
    """
    rows = as_rows(features)
    every = np.ones((len(rows), 1), np.float32) if weights is None else np.asarray(weights, np.float32)[:, None]
    theta = fit_all(rows, Fits(np.asarray(labels), n_classes, every, np.array([strength])))[:, 0]
    kernel = rows.directions @ theta[:-1]
    bias = theta[-1] - rows.mean @ kernel
    return Head(kernel, bias - bias.mean())  # softmax is blind to the same number added to all logits


def as_rows(features: np.ndarray | FeatureRows) -> FeatureRows:
    """The prepared rows of features, unless they are prepared already."""
    return features if isinstance(features, FeatureRows) else prepare_rows(features)


def balanced_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights, float32 (n,) of mean 1, with which each class that has photos counts as much as any other."""
    counts = np.bincount(labels, minlength=n_classes)
    weights = (len(labels) / np.count_nonzero(counts) / np.maximum(counts, 1))[labels]
    return weights.astype(np.float32)

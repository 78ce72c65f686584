"""A power law through errors at several numbers of photos, with all that is not known about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Error falls as a power of the number of photos, towards a rest that more photos do not remove (Hestness et al., "Deep
# learning scaling is predictable, empirically", arXiv 1712.00409, whose powers are .07 to .35; heads on features of
# few photos fall faster). All powers and rests in these ranges are taken to be as probable before the fit.
POWERS = np.geomspace(0.05, 1.2, 24)
RESTS = np.linspace(0, 0.95, 20)  # of the error at the largest size
FINENESS = 4_001  # steps of a distribution from an error of -1 to 1


@dataclass(frozen=True, eq=False)
class Mixture:
    """Normal distributions with weights that sum to 1, each (k,)."""

    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray

    def quantiles(self, probabilities: Sequence[float]) -> np.ndarray:
        """Quantiles of an error: each at least 0 and at most 1."""
        from scipy.special import ndtr  # .3 s that a command's --help does not need

        values = np.linspace(-1, 1, FINENESS)
        below = np.zeros(FINENESS)
        for mean, deviation, weight in zip(self.means, self.deviations, self.weights, strict=True):
            below += weight * ndtr((values - mean) / deviation)
        return np.clip(np.interp(probabilities, below, values), 0, 1)


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """Every power and rest with its probability; made by `fit_power_law`.

    Attributes:
        largest: the size at which `errors` are `means`.
        powers, rests: float (k,).
        means, deviations: float (k,), the error at the largest size if that power and rest are right.
        weights: float (k,), how probable each is.
    """

    largest: float
    powers: np.ndarray
    rests: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray

    def error_at(self, size: float) -> Mixture:
        """What is known about the error at a size."""
        shape = _shapes(np.array([size / self.largest]), self.powers, self.rests)[:, 0]
        return Mixture(self.means * shape, self.deviations * shape, self.weights)


def fit_power_law(sizes: np.ndarray, errors: np.ndarray, covariance: np.ndarray) -> PowerLaw:
    """Fit error(size) = e (rest + (1 - rest) (size / largest)^-power) for each power and rest of a grid.

    For each, e is found by generalised least squares, and how well it fits says how probable they are.

    Args:
        sizes: float (m,), above 0.
        errors: float (m,).
        covariance: float (m, m), of the errors; positive definite.
    """
    powers, rests = (each.ravel() for each in np.meshgrid(POWERS, RESTS))
    largest = float(max(sizes))
    shapes = _shapes(sizes / largest, powers, rests)
    inverse = np.linalg.inv(covariance)
    precisions = np.einsum("km,mj,kj->k", shapes, inverse, shapes)
    means = shapes @ inverse @ errors / precisions
    misfit = errors - means[:, None] * shapes
    logs = -(np.einsum("km,mj,kj->k", misfit, inverse, misfit) + np.log(precisions)) / 2
    weights = np.exp(logs - logs.max())
    return PowerLaw(largest, powers, rests, means, precisions**-0.5, weights / weights.sum())


def _shapes(sizes: np.ndarray, powers: np.ndarray, rests: np.ndarray) -> np.ndarray:
    """The error at sizes (m,), in units of the error at size 1: (k, m)."""
    return rests[:, None] + (1 - rests[:, None]) * sizes[None] ** -powers[:, None]

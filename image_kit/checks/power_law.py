"""A power law through errors at several numbers of photos, with all that is not known about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Error falls as a power of the number of photos, towards a rest that more photos do not remove (Hestness et al., "Deep
# learning scaling is predictable, empirically", arXiv 1712.00409, whose powers are .07 to .35). With the first few
# photos of a class it falls more slowly than it does later, as if there were some photos already, which is the
# delay. Heads on fruit reach a power of 1.4, and without a delay the truth was in .3 of their intervals. All powers,
# rests and delays of these ranges are taken to be as probable before the fit.
POWERS = np.linspace(0.1, 4, 40)
RESTS = np.linspace(0, 0.9, 10)  # of the error at the largest size
DELAYS = np.array([0, 0.25, 0.5, 1])  # of the largest size
LEAST_WEIGHT = 1e-7  # of a distribution that is worth adding
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
            if weight > LEAST_WEIGHT:
                below += weight * ndtr((values - mean) / deviation)
        return np.clip(np.interp(probabilities, below, values), 0, 1)


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """Every power, rest and delay with its probability; made by `fit_power_law`.

    Attributes:
        largest: the size at which `errors` are `means`.
        powers, rests, delays: float (k,).
        means, deviations: float (k,), the error at the largest size if these are right.
        weights: float (k,), how probable each is.
    """

    largest: float
    powers: np.ndarray
    rests: np.ndarray
    delays: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray

    def error_at(self, size: float) -> Mixture:
        """What is known about the error at a size."""
        shape = _shapes(np.array([size / self.largest]), self.powers, self.rests, self.delays)[:, 0]
        return Mixture(self.means * shape, self.deviations * shape, self.weights)


def fit_power_law(sizes: np.ndarray, errors: np.ndarray, covariance: np.ndarray) -> PowerLaw:
    """Fit error(size) = e (rest + (1 - rest) ((size / largest + delay) / (1 + delay))^-power), for each of a grid.

    For each, e is found by generalised least squares, and how well it fits says how probable they are.

    Args:
        sizes: float (m,), above 0.
        errors: float (m,).
        covariance: float (m, m), of the errors; positive definite.
    """
    powers, rests, delays = (each.ravel() for each in np.meshgrid(POWERS, RESTS, DELAYS))
    largest = float(max(sizes))
    shapes = _shapes(sizes / largest, powers, rests, delays)
    inverse = np.linalg.inv(covariance)
    precisions = np.einsum("km,mj,kj->k", shapes, inverse, shapes)
    means = shapes @ inverse @ errors / precisions
    misfit = errors - means[:, None] * shapes
    logs = -(np.einsum("km,mj,kj->k", misfit, inverse, misfit) + np.log(precisions)) / 2
    weights = np.exp(logs - logs.max())
    return PowerLaw(largest, powers, rests, delays, means, precisions**-0.5, weights / weights.sum())


def _shapes(sizes: np.ndarray, powers: np.ndarray, rests: np.ndarray, delays: np.ndarray) -> np.ndarray:
    """The error at sizes (m,), in units of the error at size 1: (k, m)."""
    powers, rests, delays = powers[:, None], rests[:, None], delays[:, None]
    return rests + (1 - rests) * ((sizes + delays) / (1 + delays)) ** -powers

"""Multinomial logistic regression: many fits to parts of the same photos at once, so that they share each product.

Each step multiplies the features once by the weights of all fits, which a processor does several times as fast as one
multiplication for each fit. The method is L-BFGS (Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.4)
for each fit on its own, in coordinates in which the objective is curved alike in all directions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from image_kit.features.feature_rows import FeatureRows
from image_kit.terminal import progress

# A fit ends when its objective is this close to the minimum, in nats a photo, as half the squared gradient in the
# preconditioned coordinates estimates it. On ten classes of clothing the log-loss of held-out photos is then within
# .0005 of its limit, a tenth of its standard error; 1e-6 took 1.5 times as long.
CLOSE_ENOUGH = 1e-5
MAX_STEPS = 200  # steps of L-BFGS; 10 to 40 are usual
MEMORY = 8  # pairs of steps and gradients that approximate the curvature
SUFFICIENT = 1e-4  # part of the expected decrease that a step must bring (Nocedal and Wright, 3.4)
ROUNDING = 1e-6  # of the objective, relative: smaller changes are noise of float32
SHORTEST = 1e-3  # part of a step that is still tried
MAX_BYTES = 64 * 2**20  # of the arrays of the fits that run at once; more leave the cache and take 5 % longer


@dataclass(frozen=True, eq=False)
class Fits:
    """What to fit: p fits to the same photos.

    Attributes:
        labels: int (n,), the class of each photo.
        n_classes: number of classes, c.
        weights: float32 (n, p), not negative: how much each photo counts in each fit.
        strengths: float (p,), of the penalty: the objective is the weighted mean of the log-loss of the photos plus
            half the strength times the sum of the squared kernel.
    """

    labels: np.ndarray
    n_classes: int
    weights: np.ndarray
    strengths: np.ndarray


def fit_all(rows: FeatureRows, fits: Fits) -> np.ndarray:
    """Fit all, as many at once as the memory allows.

    Returns:
        float32 (r + 1, p, c): the weights of the principal directions of `rows` for each fit, and its biases.
    """
    size = (len(rows.spread) + 1) * fits.n_classes * 4 * (2 * MEMORY + 8)  # bytes of one fit
    at_once = max(1, MAX_BYTES // size)
    weights = (fits.weights / fits.weights.sum(axis=0)).astype(np.float32)
    steps = iter(progress(count(), label="Fitting the head, step"))
    parts = [slice(start, start + at_once) for start in range(0, len(fits.strengths), at_once)]
    return np.concatenate(
        [
            _minimize(rows, Fits(fits.labels, fits.n_classes, weights[:, part], fits.strengths[part]), steps)
            for part in parts
        ],
        axis=1,
    )


def predict_logits(rows: FeatureRows, theta: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Logits, float32 (m, p, c), of some photos (by index) with weights (r + 1, p, c) from `fit_all`."""
    columns = rows.to_columns(theta[:-1].reshape(len(theta) - 1, -1))
    inputs = rows.features_of(photos) if rows.turned is None else rows.turned[photos]
    return (inputs @ columns).reshape(-1, *theta.shape[1:]) + theta[-1]


def _minimize(rows: FeatureRows, fits: Fits, steps: Iterator[int]) -> np.ndarray:
    """Fit all at once; each leaves when it is close enough."""
    objective = _Objective.of(rows, fits)
    at = np.zeros((len(rows.spread) + 1, len(fits.strengths), fits.n_classes), np.float32)
    done = np.empty_like(at)
    running = np.arange(len(fits.strengths))
    value, gradient = objective.value_and_gradient(at)
    history: list[_Pair] = []
    for _ in range(MAX_STEPS):
        next(steps)
        is_close = _dot(gradient, gradient) / 2 < CLOSE_ENOUGH
        done[:, running[is_close]] = (at * objective.scale)[:, is_close]
        if is_close.any():
            kept = ~is_close
            running, value, at, gradient = running[kept], value[kept], at[:, kept], gradient[:, kept]
            objective, history = objective.only(kept), [pair.only(kept) for pair in history]
        if not len(running):
            return done
        direction = _direction(gradient, history)
        following, value, slopes = _step(objective, at, value, gradient, direction)
        history = [*history[1 - MEMORY :], _Pair.of(following - at, slopes - gradient)]
        at, gradient = following, slopes
    done[:, running] = at * objective.scale
    return done


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The scalar product of each fit's numbers: (r, p, c) twice -> (p,)."""
    return np.einsum("rpc,rpc->p", one, other)


def _spread(numbers: np.ndarray) -> np.ndarray:
    """One number for each fit, (p,), to multiply with (r, p, c)."""
    return numbers.astype(np.float32)[:, None]


@dataclass(frozen=True, eq=False)
class _Pair:
    """A step, the change of the gradient along it, and the inverse of their product, (p,); 0: not to be used."""

    step: np.ndarray
    change: np.ndarray
    inverse: np.ndarray

    @classmethod
    def of(cls, step: np.ndarray, change: np.ndarray) -> "_Pair":
        product = _dot(step, change)
        # The objective is convex, so a product that is not positive is rounding.
        usable = product > 1e-7 * _dot(step, step)
        return cls(step, change, np.where(usable, 1 / np.where(usable, product, 1), 0))

    def only(self, kept: np.ndarray) -> "_Pair":
        return _Pair(self.step[:, kept], self.change[:, kept], self.inverse[kept])


def _direction(gradient: np.ndarray, history: list[_Pair]) -> np.ndarray:
    """Minus the gradient times the inverse of the curvature that the last steps show."""
    direction = -gradient
    parts = []
    for pair in reversed(history):
        part = pair.inverse * _dot(pair.step, direction)
        direction -= _spread(part) * pair.change
        parts.append(part)
    if history:
        last = history[-1]
        usable = last.inverse > 0
        curvature = last.inverse * _dot(last.change, last.change)
        direction *= _spread(np.where(usable, 1 / np.where(usable, curvature, 1), 1))
    for pair, part in zip(history, reversed(parts), strict=True):
        direction += _spread(part - pair.inverse * _dot(pair.change, direction)) * pair.step
    return direction


def _step(
    objective: "_Objective", at: np.ndarray, value: np.ndarray, gradient: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Go along the direction; a fit whose objective does not decrease enough goes half as far."""
    slope = _dot(gradient, direction)
    length = np.ones(len(value))
    while True:
        following = at + _spread(length) * direction
        values, slopes = objective.value_and_gradient(following)
        too_far = values > value + SUFFICIENT * length * slope + ROUNDING * np.abs(value)
        if not too_far.any() or length.min() < SHORTEST:
            return following, values, slopes
        length[too_far] /= 2


@dataclass(frozen=True, eq=False)
class _Objective:
    """Value and gradient of the fits, in coordinates that `scale`, float32 (r + 1, p, 1), turns into weights.

    The curvature of the log-loss in a principal direction is at most the photos' mean square in it times the variance
    p (1 - p) of a class's answer. At the start, where all classes are as probable, that is exact.
    """

    rows: FeatureRows
    labels: np.ndarray
    weights: np.ndarray
    penalty: np.ndarray  # float32 (r + 1, p, 1); 0 for the bias
    scale: np.ndarray

    @classmethod
    def of(cls, rows: FeatureRows, fits: Fits) -> "_Objective":
        penalty = np.zeros((len(rows.spread) + 1, len(fits.strengths), 1), np.float32)
        penalty[:-1] = fits.strengths[:, None]
        variance = (1 - 1 / fits.n_classes) / fits.n_classes
        curvature = variance * np.append(rows.spread, 1)[:, None, None] + penalty
        return cls(rows, fits.labels, fits.weights, penalty, (curvature**-0.5).astype(np.float32))

    def only(self, kept: np.ndarray) -> "_Objective":
        """The objective of some of the fits."""
        return _Objective(self.rows, self.labels, self.weights[:, kept], self.penalty[:, kept], self.scale[:, kept])

    def value_and_gradient(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theta = at * self.scale
        shape = theta.shape[1:]
        columns = self.rows.to_columns(theta[:-1].reshape(len(theta) - 1, -1))
        value = np.zeros(shape[0])
        slopes = np.zeros_like(columns)
        bias_slopes = np.zeros(shape, np.float32)
        for part, inputs in self.rows.blocks(columns.shape[1]):
            logits = (inputs @ columns).reshape(-1, *shape) + theta[-1]
            value += _log_loss_and_slopes(logits, self.labels[part], self.weights[part])
            bias_slopes += logits.sum(axis=0)
            slopes += inputs.T @ logits.reshape(len(inputs), -1)
        slopes = self.rows.to_directions(slopes).reshape(-1, *shape)
        gradient = np.concatenate([slopes, bias_slopes[None]])
        penalised = self.penalty * theta
        value += _dot(penalised, theta) / 2
        return value, (gradient + penalised) * self.scale


def _log_loss_and_slopes(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted log-loss of each fit, (p,); the logits, (n, p, c), become its slopes by them, in place."""
    photos = np.arange(len(labels))
    logits -= logits.max(axis=2, keepdims=True)
    of_label = logits[photos, :, labels]
    np.exp(logits, out=logits)
    total = logits.sum(axis=2)
    logits *= (weights / total)[:, :, None]
    logits[photos, :, labels] -= weights
    return ((np.log(total) - of_label) * weights).sum(axis=0, dtype=np.float64)

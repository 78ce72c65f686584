"""How far a rate of right answers may be from the truth, when the photos are few or come in groups."""

import math

import numpy as np

# 97.5 % quantile of Student's t for 1 to 10 degrees of freedom, then by its expansion in 1 / degrees.
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
Z = 1.95996  # of the normal distribution
TAIL = 0.025  # probability that the truth is below, and that it is above the interval


def cross_validated_interval(right: np.ndarray, k: int, groups: np.ndarray | None = None) -> tuple[float, float]:
    """The 95 % interval of the rate of right answers of a head that is fitted to all photos, from `k` folds.

    It is the interval of Clopper and Pearson for the number of independent photos that say as much as these:

    - Photos of a group share what makes them easy or hard. The variance between groups tells how many independent
      photos they are worth, and Student's t takes the place of the normal quantile, because few groups tell that
      variance badly. Where all answers are right it cannot be seen, and each group counts as one photo. Source: Korn
      and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
      survey data", Survey Methodology 24, 1998.
    - The heads of the folds are fitted to other photos than the head that the interval is for, and to fewer, and they
      share most of them. That multiplies the variance by k / (k - 1): the correction of Nadeau and Bengio, "Inference
      for the generalization error", Machine Learning 52, 2003, for many repeats.

    Simulated with photos like those of clothing, alone and in groups, it held the accuracy of the final head in 97 % of
    sets of 20 photos (220 sets), 99 % of 60 (183), 97 % of 200 (480) and 94 % of 1,000 (843).

    Args:
        right: bool (n,), whether the answer to each photo was right; n at least 1.
        k: number of folds, at least 2.
        groups: int (n,); None: each photo on its own.

    Returns:
        Lower and upper end, 0 to 1; never both 0 or both 1.
    """
    right = np.asarray(right, float)
    rate = float(right.mean())
    worth = len(right) if groups is None else _worth_of_groups(right, groups)
    worth *= (k - 1) / k
    low = beta_quantile(TAIL, rate * worth, (1 - rate) * worth + 1) if rate > 0 else 0.0
    high = beta_quantile(1 - TAIL, rate * worth + 1, (1 - rate) * worth) if rate < 1 else 1.0
    return low, high


def _worth_of_groups(right: np.ndarray, groups: np.ndarray) -> float:
    """The number of independent photos that say as much about the rate as these, which come in groups."""
    n, rate = len(right), right.mean()
    deviations = np.bincount(np.unique(groups, return_inverse=True)[1], right - rate)
    n_groups = len(deviations)
    if n_groups == 1:
        return (Z / T_QUANTILES[0]) ** 2  # as two groups that tell nothing about each other
    of_independent = rate * (1 - rate)
    variance = n_groups / (n_groups - 1) * (deviations**2).sum() / n**2
    worth = n_groups if of_independent == 0 else min(n, of_independent / max(variance, of_independent / n))
    return worth * (Z / t_quantile(n_groups - 1)) ** 2


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, to a thousandth (Abramowitz and Stegun, 26.7.5).

    Not scipy's: its import takes .3 s, which a training of some seconds does not need.
    """
    if degrees <= len(T_QUANTILES):
        return T_QUANTILES[degrees - 1]
    return Z + (Z**3 + Z) / (4 * degrees) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The quantile of the beta distribution, to 1e-9, by halving; `a` and `b` are above 0."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if _beta_below(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    """The probability that a beta variable is below `x`: the continued fraction of DLMF 8.17.22, by Lentz's method."""
    if x > (a + 1) / (a + b + 2):  # on this side of the mean it converges slowly
        return 1 - _beta_below(1 - x, b, a)
    numerator, denominator, fraction = 1.0, 0.0, 1.0
    for step in range(10_000):  # about the square root of the larger parameter suffices
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)) if step else 1.0
        denominator = 1 / (1 + term * denominator)
        numerator = 1 + term / numerator
        fraction *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-12:
            break
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * (fraction - 1)

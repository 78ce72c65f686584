"""How far a rate of right answers may be from the truth, when the photos are few or come in groups."""

import numpy as np

# 97.5 % quantile of Student's t for 1 to 10 degrees of freedom, then by its expansion in 1 / degrees.
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
Z = 1.95996


def rate_interval(right: np.ndarray, groups: np.ndarray | None = None) -> tuple[float, float]:
    """The 95 % interval of a rate: Wilson's, for the number of independent photos that say as much as these.

    Photos of a group share what makes them easy or hard. The variance between groups tells how many independent photos
    they are worth (the design effect), and Student's t takes the place of the normal quantile, because few groups tell
    the variance badly. Where all answers are right, that variance cannot be seen, and each group counts as one photo.
    Sources: Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data", Survey Methodology 24, 1998; with Wilson's interval (JASA 22, 1927) as in Dean and
    Pagano, "Evaluating confidence interval methods for binomial proportions in clustered surveys", Journal of Survey
    Statistics and Methodology 3, 2015.

    Args:
        right: (n,), for each photo 1 or True if the answer was right, else 0; n at least 1.
        groups: int (n,); None: each photo on its own.

    Returns:
        Lower and upper end, 0 to 1; never both 0 or both 1.
    """
    right = np.asarray(right, float)
    n, rate = len(right), right.mean()
    if groups is None:
        return _wilson(rate, n, Z)
    deviations = np.bincount(np.unique(groups, return_inverse=True)[1], right - rate)
    n_groups = len(deviations)
    if n_groups == 1:
        return 0.0, 1.0
    variance = n_groups / (n_groups - 1) * (deviations**2).sum() / n**2
    of_independent = rate * (1 - rate)
    worth = min(n, of_independent / variance) if variance > 0 and of_independent > 0 else n_groups
    return _wilson(rate, worth, t_quantile(n_groups - 1))


def _wilson(rate: float, n: float, quantile: float) -> tuple[float, float]:
    square = quantile**2 / n
    centre = (rate + square / 2) / (1 + square)
    half = np.sqrt(rate * (1 - rate) * square + square**2 / 4) / (1 + square)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, to a thousandth (Abramowitz and Stegun, 26.7.5).

    Not scipy's: its import takes .3 s, which a training of some seconds does not need.
    """
    if degrees <= len(T_QUANTILES):
        return T_QUANTILES[degrees - 1]
    return Z + (Z**3 + Z) / (4 * degrees) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)

"""Whether networks that answered the same photos differ by more than chance."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from image_kit.answering.scores import CONFIDENCE

LEVEL = 1 - CONFIDENCE  # a smaller p is called unlikely to be chance


@dataclass(frozen=True)
class Pair:
    """Two networks on the same photos.

    Attributes:
        first, second: their names.
        total: photos.
        only_first, only_second: photos that only this one of the two answered correctly.
        difference: the accuracy of the second minus that of the first, -1 to 1.
        interval: the 95 % interval of the difference, see `difference_interval`.
        p: of the exact McNemar test; of several pairs adjusted by Holm.
        pairs: how many pairs p is adjusted for.
    """

    first: str
    second: str
    total: int
    only_first: int
    only_second: int
    difference: float
    interval: tuple[float, float]
    p: float
    pairs: int = 1

    def sentence(self) -> str:
        """The result for a learner: "B is right on 9 more of 400 photos ...; that could well be chance (p = .31)."."""
        more = self.only_second - self.only_first
        low, high = (100 * bound for bound in self.interval)
        adjusted = f", adjusted for {self.pairs} comparisons" if self.pairs > 1 else ""
        p = f"({describe_p(self.p)}{adjusted})"
        if not more:
            said = f"{self.first} and {self.second} are right on equally many of {self.total:,} photos"
            return f"{said}; nothing says that they differ {p}."
        better, worse = (self.second, self.first) if more > 0 else (self.first, self.second)
        if more < 0:
            low, high = -high, -low
        photos = f"{abs(more):,} more of {self.total:,} photos than {worse}"
        points = f"{100 * abs(self.difference):.1f} points, 95 % interval {low:.1f} to {high:.1f}"
        verdict = "that is unlikely to be chance" if self.p < LEVEL else "that could well be chance"
        return f"{better} is right on {photos} ({points}); {verdict} {p}."

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "interval": list(self.interval), "sentence": self.sentence()}


@dataclass(frozen=True)
class Overall:
    """Cochran's Q test of three or more networks: whether they could all be equally good.

    Attributes:
        q: the statistic.
        networks: how many.
        p: its probability if all are equally good.
    """

    q: float
    networks: int
    p: float

    def sentence(self) -> str:
        """The result for a learner."""
        if self.p < LEVEL:
            return f"The {self.networks} runs are unlikely to be equally good ({describe_p(self.p)})."
        return (
            f"All {self.networks} runs could be equally good: such differences could be chance ({describe_p(self.p)})."
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "sentence": self.sentence()}


def compare_pairs(right: Mapping[str, np.ndarray]) -> list[Pair]:
    """Each two networks, in the order given, by the exact McNemar test, with Holm's adjustment for several.

    Args:
        right: name of a network -> bool (n,), whether it answered each of the same n photos correctly; n at least 1.
    """
    pairs = [_compare_two(*two) for two in itertools.combinations(right.items(), 2)]
    adjusted = holm([pair.p for pair in pairs])
    return [replace(pair, p=p, pairs=len(pairs)) for pair, p in zip(pairs, adjusted, strict=True)]


def _compare_two(first: tuple[str, np.ndarray], second: tuple[str, np.ndarray]) -> Pair:
    (first_name, ours), (second_name, theirs) = first, second
    only_first, only_second, total = int((ours & ~theirs).sum()), int((theirs & ~ours).sum()), len(ours)
    return Pair(
        first_name,
        second_name,
        total,
        only_first,
        only_second,
        (only_second - only_first) / total,
        difference_interval(only_first, only_second, total),
        mcnemar_p(only_first, only_second),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The two-sided exact McNemar test: the sign test on the photos that only one of two networks answered correctly.

    Exact, not mid-p: it calls a difference real in at most 5 % of cases where there is none, whatever the number of
    photos. The mid-p test sees more, but is right about those 5 % only nearly, and a learner is harmed more by a
    difference that is none. Sources: Q. McNemar, Psychometrika 12 (1947), 153-157; for both versions Fagerland,
    Lydersen and Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better than exact
    conditional", BMC Medical Research Methodology 13 (2013), 91.

    Args:
        only_first, only_second: photos that only this network answered correctly, at least 0.

    Returns:
        p, above 0 and up to 1; 1 if there is no such photo.
    """
    n = only_first + only_second
    count, ways = 1, 1  # exact integers: of the ways to get 0 photos, and of those for up to the smaller number
    for k in range(1, min(only_first, only_second) + 1):
        count = count * (n - k + 1) // k
        ways += count
    return min(1.0, 2 * ways / 2**n)


def difference_interval(only_first: int, only_second: int, total: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two accuracies on the same photos, second minus first, -1 to 1.

    It is Wald's interval after one photo is added to each kind that differs. Over all outcomes of 20, 60, 200 and 400
    photos of which 5, 15 or 40 % differ, it held differences of 0, 4 and 12 points with a probability of .950 to 1. The
    exact test is stricter: in up to 6 % of the outcomes the interval is without 0 where the test says chance.
    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", Journal of Educational and Behavioral Statistics 37 (2012), 479-488.
    """
    first, second = (only_first + 1) / (total + 2), (only_second + 1) / (total + 2)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    half = z * math.sqrt((first + second - (second - first) ** 2) / (total + 2))
    found = (only_second - only_first) / total
    # Near -1 and 1 the shift of the centre must not leave the difference itself outside.
    return max(-1.0, min(found, second - first - half)), min(1.0, max(found, second - first + half))


def cochran_q(right: Mapping[str, np.ndarray]) -> Overall:
    """Whether three or more networks could be equally good. Arguments as `compare_pairs`.

    The p-value is that of the chi-squared distribution, which is near for 24 answers or more to photos on which the
    networks differ. Sources: W. G. Cochran, "The comparison of percentages in matched samples", Biometrika 37 (1950),
    256-266; for the 24 Tate and Brown, "Note on the Cochran Q test", JASA 65 (1970), 155-160.
    """
    from scipy.special import chdtrc  # .2 s, which two networks do not need

    answers = np.stack(list(right.values()), axis=1).astype(float)
    networks = answers.shape[1]
    of_network, of_photo = answers.sum(axis=0), answers.sum(axis=1)
    spread = (of_photo * (networks - of_photo)).sum()
    if not spread:
        return Overall(0.0, networks, 1.0)
    q = networks * (networks - 1) * ((of_network - of_network.mean()) ** 2).sum() / spread
    return Overall(float(q), networks, float(chdtrc(networks - 1, q)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, adjusted so that any of them is below 5 % by chance alone in at most 5 % of cases.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), 65-70.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def describe_p(p: float) -> str:
    """For a sentence: "p = .31"; never rounded to 0, to 1, or up to the level."""
    if p < 0.001:
        return "p < .001"
    if p >= 0.995:
        return "p = 1" if p >= 1 else "p > .99"
    digits = 3 if p < 0.1 else 2
    while p < LEVEL <= round(p, digits) + 1e-12:
        digits += 1
    return f"p = {p:.{digits}f}".replace("0.", ".", 1)

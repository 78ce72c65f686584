"""The tests, the interval and the sentences of a comparison: against scipy, by enumeration, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest

from image_kit.answering import comparison
from image_kit.answering.comparison import cochran_q, compare_pairs, describe_p, difference_interval, holm, mcnemar_p

counts = st.integers(0, 300)


def answers(both, only_first, only_second, neither):
    """bool answers of two networks with these counts."""
    first = [True] * both + [True] * only_first + [False] * only_second + [False] * neither
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return {"A": np.array(first), "B": np.array(second)}


@given(counts, counts)
def test_mcnemar_is_the_sign_test_of_scipy(only_first, only_second):
    n = only_first + only_second
    expected = binomtest(only_first, n).pvalue if n else 1
    assert mcnemar_p(only_first, only_second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_of_many_photos_neither_overflows_nor_is_0():
    assert mcnemar_p(10_000, 10_000) == 1
    assert 0 < mcnemar_p(9_000, 10_000) < 1e-10


def probabilities_of(n, only_first, only_second):
    """Each outcome (only the first right, only the second right) of n photos with its probability."""
    for a in range(n + 1):
        for b in range(n + 1 - a):
            ways = math.comb(n, a) * math.comb(n - a, b)
            yield a, b, ways * only_first**a * only_second**b * (1 - only_first - only_second) ** (n - a - b)


@pytest.mark.parametrize(("n", "only_first", "only_second"), [(20, 0.05, 0.1), (20, 0.2, 0.2), (60, 0.03, 0.15)])
def test_the_interval_holds_the_difference_in_95_percent_of_all_outcomes(n, only_first, only_second):
    held = 0.0
    for a, b, probability in probabilities_of(n, only_first, only_second):
        low, high = difference_interval(a, b, n)
        held += probability * (low <= only_second - only_first <= high)
    assert held >= 0.95


@pytest.mark.parametrize(("n", "differing"), [(20, 0.3), (60, 0.1), (60, 0.3)])
def test_equal_networks_are_called_different_in_at_most_5_percent(n, differing):
    outcomes = probabilities_of(n, differing / 2, differing / 2)
    assert sum(probability for a, b, probability in outcomes if mcnemar_p(a, b) < 0.05) <= 0.05


@given(counts, counts, counts)
def test_the_interval_contains_the_difference_and_mirrors(only_first, only_second, same):
    total = only_first + only_second + same + 1
    low, high = difference_interval(only_first, only_second, total)
    assert -1 <= low <= (only_second - only_first) / total <= high <= 1
    assert difference_interval(only_second, only_first, total) == pytest.approx((-high, -low), abs=1e-12)


def test_cochran_q_of_two_networks_is_mcnemars_statistic():
    """Cochran, 1950: with two columns Q is (b - c)^2 / (b + c)."""
    assert cochran_q(answers(50, 12, 25, 8)).q == pytest.approx((12 - 25) ** 2 / 37)


def test_cochran_q_by_hand():
    """Three networks on four photos: sums of networks 4, 2, 1; of photos 3, 2, 1, 1."""
    right = {"A": [1, 1, 1, 1], "B": [1, 1, 0, 0], "C": [1, 0, 0, 0]}
    found = cochran_q({name: np.array(each, bool) for name, each in right.items()})
    assert found.q == pytest.approx(2 * (3 * (16 + 4 + 1) - 49) / (3 * 7 - (9 + 4 + 1 + 1)))
    assert found.p == pytest.approx(math.exp(-found.q / 2))  # chi-squared with 2 degrees of freedom


def test_networks_that_agree_differ_by_nothing():
    right = np.array([True, False, True])
    assert cochran_q({"A": right, "B": right, "C": right}).p == 1
    (pair,) = compare_pairs({"A": right, "B": right})
    assert (pair.difference, pair.p) == (0, 1)


def test_holm_by_hand():
    """The smallest times 3, the next times 2, never below one before, never above 1."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.2]) == [0.2]


def test_a_pair_says_what_a_learner_understands():
    (pair,) = compare_pairs(answers(330, 31, 40, 0))
    assert pair.sentence() == (
        "B is right on 9 more of 401 photos than A (2.2 points, 95 % interval -1.9 to 6.4); that could well be chance "
        "(p = .34)."
    )
    (pair,) = compare_pairs(answers(330, 40, 10, 20))
    said = "A is right on 30 more of 400 photos than B (7.5 points, 95 % interval 4.0 to 10.9); that is unlikely to be"
    assert pair.sentence() == f"{said} chance (p < .001)."
    (pair,) = compare_pairs(answers(1, 2, 2, 0))
    said = "A and B are right on equally many of 5 photos; nothing says that they differ (p = 1)."
    assert pair.sentence() == said


def test_several_pairs_are_adjusted_and_say_so():
    two = answers(300, 20, 40, 40)
    pairs = compare_pairs(two | {"C": two["A"]})
    assert [(pair.first, pair.second) for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert pairs[0].p == pytest.approx(3 * mcnemar_p(20, 40))
    assert pairs[2].difference == -pairs[0].difference
    assert pairs[0].sentence().endswith("that is unlikely to be chance (p = .040, adjusted for 3 comparisons).")


@given(st.floats(1e-12, 1))
def test_p_is_never_shown_on_the_other_side_of_the_level(p):
    number = float(describe_p(p).split()[-1])
    assert (number < comparison.LEVEL) == (p < comparison.LEVEL)


@pytest.mark.parametrize(
    ("p", "said"), [(0.31, "p = .31"), (0.0499, "p = .0499"), (0.0004, "p < .001"), (0.996, "p > .99"), (1, "p = 1")]
)
def test_p_in_words(p, said):
    assert describe_p(p) == said

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from image_kit.features.intervals import beta_quantile, cross_validated_interval, t_quantile


@given(st.integers(1, 10**6))
def test_quantiles_of_student_s_t(degrees):
    assert t_quantile(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=2e-3)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.floats(0, 1), st.integers(1, 20), st.integers(2, 10), st.integers(0, 999))
def test_the_interval_holds_the_rate_and_is_never_certain(n, rate, n_groups, k, seed):
    generator = np.random.default_rng(seed)
    right, groups = generator.random(n) < rate, generator.integers(0, n_groups, n)
    for each in (None, groups):
        low, high = cross_validated_interval(right, k, each)
        assert 0 <= low <= right.mean() + 1e-12
        assert right.mean() - 1e-12 <= high <= 1
        assert low < 1
        assert high > 0


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 0.999), st.floats(0.05, 1e5), st.floats(0.05, 1e5))
def test_quantiles_of_the_beta_distribution(probability, a, b):
    ours = beta_quantile(probability, a, b)
    assert stats.beta.cdf(ours - 1e-8, a, b) - 1e-7 <= probability <= stats.beta.cdf(ours + 1e-8, a, b) + 1e-7


def test_it_is_the_interval_of_clopper_and_pearson_for_fewer_photos():
    """18 of 20 right in five folds are worth 16 photos."""
    low, high = stats.beta.ppf(0.025, 14.4, 2.6), stats.beta.ppf(0.975, 15.4, 1.6)
    assert cross_validated_interval(np.arange(20) < 18, 5) == pytest.approx((low, high), abs=1e-6)


def test_photos_of_a_group_that_err_together_count_as_one():
    """Ten groups of nine copies say no more than ten photos; ten groups of nine unlike photos as much as ninety."""
    right = np.arange(10) < 8
    many = 10**6  # folds, so that their overlap does not count here
    of_copies = cross_validated_interval(np.repeat(right, 9), many, np.repeat(np.arange(10), 9))
    of_ten, of_ninety = (cross_validated_interval(each, many) for each in (right, np.tile(right, 9)))
    unlike = cross_validated_interval(
        np.random.default_rng(0).permutation(np.tile(right, 9)), many, np.repeat(np.arange(10), 9)
    )
    width = np.diff([of_copies, of_ten, of_ninety, unlike]).ravel()
    assert width[0] > width[1] > width[3] > 0.9 * width[2]


def test_all_right_depends_on_the_number_of_groups():
    right = np.ones(60)
    lows = [cross_validated_interval(right, 5, np.arange(60) % n_groups)[0] for n_groups in (1, 2, 5, 20, 60)]
    assert lows == sorted(lows)
    assert lows[0] == pytest.approx(0, abs=1e-6)
    assert cross_validated_interval(right, 5)[0] == pytest.approx(lows[-1], abs=0.01)

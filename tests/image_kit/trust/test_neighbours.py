import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.trust import neighbours
from image_kit.trust.neighbours import FeatureNovelty, cross_novelty_scores, fit_feature_novelty

D = 200


def features(n, seed, kinds=4, first_kind=0):
    """What a backbone gives: values of at least 0, alike for images of one kind. Kinds are fixed, images are drawn."""
    rng = np.random.default_rng(seed)
    centres = np.abs(np.random.default_rng(99).normal(size=(first_kind + kinds, D)))[first_kind:]
    return np.maximum(centres[rng.integers(0, kinds, n)] + 0.4 * rng.normal(size=(n, D)), 0).astype(np.float32)


def test_a_score_is_one_minus_the_mean_cosine_to_the_nearest():
    bank, new = features(60, 0), features(10, 1)
    unit_bank, unit_new = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (bank, new))
    expected = 1 - np.sort(unit_new @ unit_bank.T, axis=1)[:, -neighbours.NEAREST :].mean(axis=1)
    found = fit_feature_novelty(bank).scores(new)  # 60 images span fewer axes than are kept: nothing is lost
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)  # float16 has 11 bits


def test_the_length_of_the_features_does_not_matter():
    bank, new = features(100, 0), features(10, 1)
    scaled = fit_feature_novelty(bank * np.linspace(0.1, 10, 100)[:, None]).scores(new * 7)
    np.testing.assert_allclose(scaled, fit_feature_novelty(bank).scores(new), atol=2e-3)


@pytest.mark.parametrize("n", [40, 400])  # fewer and more than the axes that are kept
def test_other_kinds_score_higher_than_nearly_all_of_the_same_kinds(n):
    fitted = fit_feature_novelty(features(n, 0))
    usual = np.quantile(fitted.scores(features(1_000, 1)), 0.99)
    assert (fitted.scores(features(500, 2, first_kind=4)) > usual).mean() > 0.99


def test_what_lies_outside_of_the_axes_counts_as_novel():
    """The axes of a few images span little: their own kind plus something new must not look like their kind."""
    bank = np.zeros((20, D), np.float32)
    bank[:, :10] = np.random.default_rng(0).uniform(0.9, 1.1, (20, 10))
    new = bank[:5].copy()
    new[:, 100:110] = 1  # as much again outside: the cosine is .71
    fitted = fit_feature_novelty(bank)
    assert (fitted.scores(bank) < 0.02).all()
    np.testing.assert_allclose(fitted.scores(new), 1 - np.sqrt(0.5), atol=0.05)


def test_images_score_alike_alone_and_among_others():
    fitted, new = fit_feature_novelty(features(300, 0)), features(neighbours.BLOCK + 3, 1)
    np.testing.assert_allclose(fitted.scores(new)[-1], fitted.scores(new[-1:])[0], atol=1e-6)
    assert fitted.scores(new[:0]).shape == (0,)


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_images_are_a_bank(n):
    rows = features(1, 0)
    scores = fit_feature_novelty(rows.repeat(n, axis=0)).scores(np.concatenate([rows, -rows]))
    np.testing.assert_allclose(scores, [0, 2], atol=5e-3)


def test_features_of_zero_are_similar_to_nothing():
    assert fit_feature_novelty(features(50, 0)).scores(np.zeros((1, D), np.float32)) == [1]
    assert fit_feature_novelty(np.zeros((3, D), np.float32)).scores(features(2, 0)).tolist() == [1, 1]


def test_a_large_bank_is_thinned_and_stays_below_two_megabytes():
    rng = np.random.default_rng(0)
    many = rng.random((neighbours.MAX_BANK + 500, 2_100), np.float32)
    fitted = fit_feature_novelty(many)
    assert len(fitted.bank) == neighbours.MAX_BANK
    assert fitted.bank.nbytes + fitted.axes.nbytes < 2_000_000


@settings(max_examples=15, deadline=None)
@given(n=st.integers(10, 60), k=st.integers(2, 5), seed=st.integers(0, 2**32 - 1))
def test_each_image_is_compared_with_the_other_folds_only(n, k, seed):
    rows, rng = features(n, seed), np.random.default_rng(seed)
    folds = rng.permutation(np.arange(n) % k)
    found = cross_novelty_scores(rows, folds)
    for number in range(k):
        expected = fit_feature_novelty(rows[folds != number]).scores(rows[folds == number])
        np.testing.assert_array_equal(found[folds == number], expected)


def test_scores_are_means_over_the_repeats():
    rows, rng = features(50, 0), np.random.default_rng(0)
    folds = np.stack([rng.permutation(np.arange(50) % 5) for _ in range(3)])
    expected = np.mean([cross_novelty_scores(rows, each) for each in folds], axis=0)
    np.testing.assert_allclose(cross_novelty_scores(rows, folds), expected, rtol=1e-6)


def refused_of_new(folds_of_copies):
    """The fraction of new images refused at 5 %, where the bank holds each of 150 images four times."""
    once = features(150, 0)
    copies = np.repeat(once, 4, axis=0) + np.random.default_rng(1).normal(size=(600, D)).astype(np.float32) / 1_000
    scores = cross_novelty_scores(copies, folds_of_copies)
    return (fit_feature_novelty(copies).scores(features(2_000, 2)) > np.quantile(scores, 0.95)).mean()


def test_near_copies_that_share_a_fold_do_not_make_the_scores_too_small():
    # 150 images decide the threshold: 3 standard deviations.
    assert refused_of_new(np.repeat(np.arange(150) % 5, 4)) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    # The reason for the rule: copies apart find each other, and then nearly every new image looks strange.
    assert refused_of_new(np.arange(600) % 5) > 0.9


def test_new_images_are_refused_about_as_often_as_the_threshold_says():
    """Out-of-fold scores are a little larger than those of new images: conservative, but not by much."""
    refused = []
    for seed in range(12):
        rows = features(200, seed)
        scores = np.sort(cross_novelty_scores(rows, np.arange(200) % 5))
        new = fit_feature_novelty(rows).scores(features(500, 1_000 + seed))
        refused.append((new > scores[-10]).mean())  # 10 of 201 may be refused
    # Each of 12 thresholds is a quantile of 200 images; 4 standard errors of their mean.
    error = 4 * np.sqrt(0.05 * 0.95 * (1 / 200 + 1 / 500) / 12)
    assert 0.02 < np.mean(refused) < 10 / 201 + error


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (np.zeros(20, int), "at least 2 folds"),
        (np.arange(19), "folds of shape"),
        (np.zeros((1, 1, 20), int), "folds of shape"),
    ],
)
def test_folds_that_do_not_fit_are_refused(folds, message):
    with pytest.raises(ValueError, match=message):
        cross_novelty_scores(features(20, 0), folds)


@pytest.mark.parametrize(
    ("axes", "bank", "message"),
    [
        ((5, 3), (4, 2), "axes of shape"),
        ((5, 3), (3,), "axes of shape"),
        ((15,), (3, 15), "axes of shape"),
        ((0, 3), (4, 3), "training features must be"),
        ((5, 3), (0, 3), "training features must be"),
        ((5, 3), (neighbours.MAX_BANK + 1, 3), "training features must be"),
        ((500, neighbours.MAX_AXES + 1), (4, neighbours.MAX_AXES + 1), "axes of shape"),
    ],
)
def test_arrays_that_are_never_fitted_are_refused(axes, bank, message):
    with pytest.raises(ValueError, match=message):
        FeatureNovelty(np.zeros(axes, np.float16), np.zeros(bank, np.float16))


@pytest.mark.parametrize("shape", [(4, D + 1), (D,)])
def test_other_features_than_those_fitted_are_refused(shape):
    with pytest.raises(ValueError, match=f"expected {D} features"):
        fit_feature_novelty(features(20, 0)).scores(np.zeros(shape, np.float32))

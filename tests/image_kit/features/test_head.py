import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize
from scipy.special import softmax

from image_kit.features import feature_rows, softmax_regression
from image_kit.features.feature_rows import prepare_rows, unit_length
from image_kit.features.head import balanced_weights, fit_head
from image_kit.features.softmax_regression import Fits, fit_all, predict_logits
from tests.fixtures.blobs import blobs


def objective(parameters, features, labels, weights, strength):
    """The objective as the docstrings say it, straightforwardly in float64, and its gradient."""
    features, weights = features.astype(float), weights / weights.sum()
    kernel, bias = np.split(parameters.astype(float), [-(labels.max() + 1)])
    kernel = kernel.reshape(features.shape[1], -1)
    probabilities = softmax(features @ kernel + bias, axis=1)
    losses = -np.log(probabilities[np.arange(len(labels)), labels])
    slopes = (probabilities - np.eye(len(bias))[labels]) * weights[:, None]
    gradient = np.append(features.T @ slopes + strength * kernel, slopes.sum(axis=0))
    return losses @ weights + strength / 2 * (kernel**2).sum(), gradient


@pytest.mark.parametrize("n", [9, 200], ids=["fewer_photos_than_features", "more"])
@pytest.mark.parametrize("strength", [1e-1, 1e-3])
def test_the_fit_is_at_the_minimum(n, strength):
    features, labels = blobs(n, d=10 if n < 10 else 4)
    weights = np.random.default_rng(1).uniform(0.2, 2, n)
    head = fit_head(features, labels, 3, strength, weights)
    problem = unit_length(features), labels, weights, strength
    best = minimize(objective, np.zeros((features.shape[1] + 1) * 3), problem, jac=True, tol=1e-12)
    ours, _ = objective(np.append(head.kernel, head.bias), *problem)
    assert best.fun - 1e-6 <= ours <= best.fun + 10 * softmax_regression.CLOSE_ENOUGH  # it is an estimate
    assert head.kernel.dtype == head.bias.dtype == np.float32


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(6, 40),
    classes=st.integers(2, 5),
    d=st.integers(1, 30),
    log_strength=st.floats(-5, 0),
    seed=st.integers(0, 999),
)
def test_the_mean_probability_of_each_class_is_its_share(n, classes, d, log_strength, seed):
    """The bias is not penalised, so at the minimum the slopes by the biases are 0: this is that."""
    features, labels = blobs(n, d, classes, seed)
    logits = fit_head(features, labels, classes, 10**log_strength).logits(features)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    shares = np.bincount(labels, minlength=classes) / n
    # Half a squared slope over a curvature of at most 1/4 is at most CLOSE_ENOUGH.
    tolerance = (2 * softmax_regression.CLOSE_ENOUGH / 4) ** 0.5
    assert np.abs(probabilities.mean(axis=0) - shares).max() < tolerance


def test_length_of_the_features_does_not_matter():
    features, labels = blobs(60)
    longer = features * np.random.default_rng(0).uniform(0.1, 10, (60, 1)).astype(np.float32)
    one, other = (fit_head(each, labels, 3, 1e-3).logits(features) for each in (features, longer))
    assert np.allclose(one, other, atol=1e-3)


def test_fits_at_once_are_those_one_by_one(monkeypatch):
    """Also when the memory allows few at a time."""
    features, labels = blobs(80)
    rows = prepare_rows(features)
    masks = np.random.default_rng(0).random((80, 6)) < 0.7
    strengths = np.array([1e-1, 1e-2, 1e-3, 1e-1, 1e-2, 1e-3])
    together = fit_all(rows, Fits(labels, 3, masks.astype(np.float32), strengths))
    monkeypatch.setattr(softmax_regression, "MAX_BYTES", 13 * 3 * 4 * 24 * 2)
    in_pairs = fit_all(rows, Fits(labels, 3, masks.astype(np.float32), strengths))
    logits, other = (predict_logits(rows, theta, np.arange(80)) for theta in (together, in_pairs))
    assert np.allclose(logits, other, atol=1e-2)
    for fit in range(6):
        alone = fit_head(features[masks[:, fit]], labels[masks[:, fit]], 3, strengths[fit]).logits(features)
        centred = logits[:, fit] - logits[:, fit].mean(axis=1, keepdims=True)
        # Two fits that are CLOSE_ENOUGH to the minimum may differ by its square root over that of the curvature.
        assert np.abs(centred - alone + alone.mean(axis=1, keepdims=True)).max() < 0.1


def test_features_on_disk_are_read_in_blocks(tmp_path, monkeypatch):
    features, labels = blobs(5000, d=20)
    path = tmp_path / "features.npy"
    np.save(path, features.astype(np.float16))
    in_memory = fit_head(features.astype(np.float16), labels, 3, 1e-3)
    monkeypatch.setattr(feature_rows, "MAX_TURNED_BYTES", 0)
    mapped = np.load(path, mmap_mode="r")
    assert prepare_rows(mapped).turned is None
    in_blocks = fit_head(mapped, labels, 3, 1e-3)
    assert np.allclose(in_blocks.logits(features), in_memory.logits(features), atol=0.01)


def test_the_same_input_gives_the_same_head():
    features, labels = blobs(70, d=100, classes=4)
    one, other = (fit_head(features, labels, 4, 1e-4) for _ in range(2))
    assert np.array_equal(one.kernel, other.kernel)
    assert np.array_equal(one.bias, other.bias)


def test_balanced_weights_make_a_rare_class_count_as_much():
    features, labels = blobs(300, distance=0.2)
    few = np.flatnonzero((labels != 2) | (np.arange(300) < 30))
    features, labels = features[few], labels[few]
    weights = balanced_weights(labels, 3)
    assert np.allclose(np.bincount(labels, weights), len(labels) / 3)
    assert np.isclose(weights.mean(), 1)
    plain = fit_head(features, labels, 3, 1e-2).logits(features).argmax(axis=1)
    balanced = fit_head(features, labels, 3, 1e-2, weights).logits(features).argmax(axis=1)
    assert (plain == 2).mean() < 0.03
    assert 0.2 < (balanced == 2).mean() < 0.5


def test_odd_features():
    """A class without photos, a photo of zeros, the same photo twice, a feature that never changes."""
    features, labels = blobs(12, d=40)
    features[0] = 0
    features[5] = features[2]
    features[:, 7] = 0
    head = fit_head(features, labels, 4, 1e-3)
    logits = head.logits(features)
    assert np.isfinite(logits).all()
    assert (logits[:, 3] < logits[:, :3].max(axis=1) - 3).all()
    same = fit_head(np.ones((6, 5)), np.array([0, 0, 0, 0, 1, 1]), 2, 1e-3).logits(np.ones((1, 5)))[0]
    assert np.isclose(same[0] - same[1], np.log(2), atol=0.02)


@pytest.mark.parametrize("features", [np.zeros((0, 4)), np.zeros((4, 0)), np.full((4, 4), np.nan)])
def test_features_that_are_none_are_refused(features):
    with pytest.raises(ValueError, match="features must be"):
        prepare_rows(features)

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.trust import calibration
from image_kit.trust.calibration import Calibration, fit_calibration
from image_kit.trust.heads import softmax
from image_kit.trust.novelty import NoveltyScorer

NOVELTY = NoveltyScorer(np.zeros(12, np.float32), np.eye(12, dtype=np.float32))


def answers(n, classes=4, seed=0, sharpness=2.0):
    """Probabilities, labels drawn from them (so that they are calibrated), and novelty scores."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(sharpness * rng.normal(size=(n, classes))).astype(np.float32)
    labels = (rng.random(n)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    return probabilities, labels, rng.exponential(size=n)


def made(n, **options):
    probabilities, labels, novelty_scores = answers(n, **options)
    return fit_calibration(probabilities, labels, novelty_scores, NOVELTY)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(20, 300),
    coverage=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]),
    classes=st.sampled_from([2, 10]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_right_class_is_in_the_answer_at_the_stated_rate(n, coverage, classes, seed):
    """Over many calibrations, each asked about one new image: a count of independent trials, so binomial bounds."""
    trials = 400
    probabilities, labels, scores = answers(trials * (n + 1), classes, seed)
    covered = 0
    for trial in range(trials):
        old = slice(trial * (n + 1), trial * (n + 1) + n)
        new = slice(old.stop, old.stop + 1)
        max_nonconformity, max_novelty = thresholds_of(probabilities[old], labels[old], scores[old], coverage)
        right = 1 - probabilities[new][0, labels[new][0]]
        is_best = probabilities[new][0].argmax() == labels[new][0]
        covered += scores[new][0] <= max_novelty and (right <= max_nonconformity or is_best)
    # 5 standard deviations: a wrong alarm in 3 million.
    assert covered / trials >= coverage - 5 * math.sqrt(coverage * (1 - coverage) / trials)


def thresholds_of(probabilities, labels, scores, coverage):
    right = np.sort(1 - probabilities[np.arange(len(labels)), labels])
    return Calibration(1.0, right, np.sort(scores.astype(np.float32)), NOVELTY).thresholds(coverage)


@pytest.mark.parametrize("classes", [2, 10])
def test_coverage_is_not_bought_with_needless_classes(classes):
    fitted = made(5_000, classes=classes, seed=1)
    probabilities, labels, scores = answers(20_000, classes, seed=2)
    sets = fitted.prediction_sets(probabilities, scores, 0.9)
    covered = np.mean([label in each for label, each in zip(labels, sets, strict=True)])
    assert 0.89 < covered < 0.93  # above .9 by what the union bound gives away: an image can err both ways
    assert abs(np.mean([not each for each in sets]) - 0.02) < 0.005


def test_the_sets_are_ranked_and_contain_the_best_class():
    fitted = made(1_000)
    probabilities, _, scores = answers(500, seed=3)
    for row, each in zip(probabilities, fitted.prediction_sets(probabilities, scores, 0.5), strict=True):
        assert not each or each[0] == row.argmax()
        assert list(row[list(each)]) == sorted(row[list(each)], reverse=True)


def test_the_quantiles_are_exact_and_shared_by_the_two_errors():
    scores = np.linspace(0.01, 0.99, 99).astype(np.float32)
    fitted = Calibration(1.0, scores, scores, NOVELTY)
    # 5 of 100 may err: 1 by refusal, 4 by the set; so the largest score, and the fourth largest.
    assert fitted.thresholds(0.95) == (pytest.approx(0.96), pytest.approx(0.99))
    assert fitted.thresholds(0.99) == (pytest.approx(0.99), math.inf)  # the one error is the set's
    assert fitted.thresholds(0.991) == (math.inf, math.inf)


def test_too_few_images_for_the_coverage_give_every_class_and_refuse_nothing():
    fitted = made(18)
    assert not fitted.can_answer(0.95)
    assert fitted.prediction_sets(np.float32([[0.1, 0.2, 0.3, 0.4]]), np.array([1e30]), 0.95) == [(3, 2, 1, 0)]
    assert made(19).can_answer(0.95)


@pytest.mark.parametrize("coverage", [0.499, 0.9991, math.nan])
def test_a_coverage_out_of_range_is_refused(coverage):
    with pytest.raises(ValueError, match=r"coverage must be 0\.5 to 0\.999"):
        made(50).thresholds(coverage)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.3, 4.0), classes=st.sampled_from([2, 5]), seed=st.integers(0, 1000))
def test_a_known_scaling_is_recovered(scale, classes, seed):
    """Labels follow probabilities p; the network says softmax(scale * log p), so the temperature is `scale`."""
    probabilities, labels, _ = answers(4_000, classes, seed, sharpness=1.0)
    said = calibration.with_temperature(probabilities, 1 / scale)
    found = calibration.fit_temperature(said, labels)
    assert found == pytest.approx(scale, rel=0.15)
    after = calibration.with_temperature(said, found)
    assert calibration.expected_calibration_error(after, labels) < 0.05


def test_the_temperature_has_the_least_cross_entropy():
    probabilities, labels, _ = answers(2_000, seed=5)
    said = calibration.with_temperature(probabilities, 0.4)

    def loss(temperature):
        of_label = calibration.with_temperature(said, temperature)[np.arange(len(labels)), labels]
        return -np.log(of_label.astype(float)).mean()

    best = calibration.fit_temperature(said, labels)
    assert loss(best) < min(loss(best * 0.8), loss(best * 1.25), loss(1.0))


def test_a_few_images_that_are_all_right_do_not_lead_to_unlimited_confidence():
    probabilities = np.float32([[0.9, 0.1]] * 10)
    fitted = calibration.fit_temperature(probabilities, np.zeros(10, int))
    # Platt's target: right in 11 of 12.
    assert calibration.with_temperature(probabilities, fitted)[0, 0] == pytest.approx(11 / 12, abs=1e-4)


def test_probabilities_of_0_and_1_stay_finite_and_ranked():
    probabilities = np.float32([[0, 1], [1, 0], [0.25, 0.75]])
    scaled = calibration.with_temperature(probabilities, 2.0)
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(scaled.sum(axis=1), 1, atol=1e-6)
    assert scaled.argmax(axis=1).tolist() == [1, 0, 1]


def test_the_calibration_error_is_that_of_a_hand_calculation():
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 1])
    # Bin of .95: sure .95, right .5, half of the images; bin of .6: sure .6, right 1.
    expected = 0.5 * 0.45 + 0.5 * 0.4
    assert calibration.expected_calibration_error(probabilities, labels) == pytest.approx(expected)
    assert calibration.expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature must be 0.05 to 20.0, received 0.0"),
        ({"temperature": math.nan}, "received nan"),
        ({"nonconformity_scores": np.float32([0.2, 0.1])}, "scores must ascend"),
        ({"nonconformity_scores": np.float32([0.2])}, "two lists"),
        ({"novelty_scores": np.float32([[1, 2]])}, "two lists"),
    ],
)
def test_what_no_calibration_gives_is_refused(changes, message):
    values = {"temperature": 1.0, "nonconformity_scores": np.float32([0.1, 0.2]), "novelty_scores": np.float32([1, 2])}
    with pytest.raises(ValueError, match=message):
        Calibration(**values | changes, novelty=NOVELTY)

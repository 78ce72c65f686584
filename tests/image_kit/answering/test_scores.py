import json
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest

from image_kit.answering.scores import most_confident_mistakes, score, wilson_interval

# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
# (1998), 857-872, table I, method 3 (score without continuity correction).
NEWCOMBE = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]


@pytest.mark.parametrize(("correct", "total", "low", "high"), NEWCOMBE)
def test_wilson_interval_agrees_with_the_literature(correct, total, low, high):
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_of_the_tutorials_cars_test():
    assert wilson_interval(383, 400) == pytest.approx((0.933, 0.973), abs=5e-4)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("total", [1, 7, 400])
def test_wilson_interval_at_its_ends_has_a_closed_form(total, confidence):
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    assert wilson_interval(0, total, confidence) == pytest.approx((0, z2 / (total + z2)), abs=1e-12)
    assert wilson_interval(total, total, confidence) == pytest.approx((total / (total + z2), 1), abs=1e-12)


counts = st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(counts, st.floats(0.01, 0.999))
def test_wilson_interval_is_that_of_scipy(count, confidence):
    expected = binomtest(*count).proportion_ci(confidence, method="wilson")
    assert wilson_interval(*count, confidence) == pytest.approx((expected.low, expected.high), rel=0, abs=1e-12)


@given(counts, st.floats(0.01, 0.999))
def test_wilson_interval_contains_the_estimate_within_0_and_1(count, confidence):
    correct, total = count
    low, high = wilson_interval(correct, total, confidence)
    assert 0 <= low <= correct / total <= high <= 1


@given(counts, st.floats(0.5, 0.999))
def test_wilson_bounds_solve_wilsons_equation(count, confidence):
    """At a bound p the estimate lies exactly z standard errors, sqrt(p (1 - p) / n), from p."""
    correct, total = count
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for bound in wilson_interval(correct, total, confidence):
        assert (correct / total - bound) ** 2 == pytest.approx(z**2 * bound * (1 - bound) / total, abs=1e-9)


@given(counts, st.integers(2, 50))
def test_wilson_interval_narrows_with_more_images_and_mirrors_the_mistakes(count, times):
    correct, total = count
    low, high = wilson_interval(correct, total)
    more_low, more_high = wilson_interval(correct * times, total * times)
    assert more_high - more_low < high - low
    assert wilson_interval(total - correct, total) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("correct", "total", "confidence"), [(0, 0, 0.95), (-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_wilson_interval_refuses_impossible_counts(correct, total, confidence):
    with pytest.raises(ValueError, match="got"):
        wilson_interval(correct, total, confidence)


PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.1, 0.9, 0.0], [0.5, 0.5, 0.0]], np.float32
)
LABELS = np.array([0, 0, 1, 2, 1])
NAMES = ["cars", "elephants", "猫"]


def test_scores_of_a_case_done_by_hand():
    scores = score(PROBABILITIES, LABELS, NAMES)
    # Answers 0, 1, 1, 1, and 0 for the tie.
    assert scores.confusion.tolist() == [[1, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert (scores.correct, scores.total, scores.accuracy) == (2, 5, 0.4)
    assert scores.interval == wilson_interval(2, 5)
    assert scores.recall == (1 / 2, 1 / 2, 0.0)
    assert scores.precision == (1 / 2, 1 / 3, None)
    of_labels = [0.7, 0.2, 0.8, 1e-7, 0.5]
    assert scores.loss == pytest.approx(-sum(map(math.log, of_labels)) / 5, rel=1e-6)


def test_recall_is_undefined_without_photos_of_the_class():
    assert score(PROBABILITIES[:3], LABELS[:3], NAMES).recall == (1 / 2, 1.0, None)


def test_the_loss_is_clipped_at_both_ends():
    certain = np.eye(2, dtype=np.float32)
    assert score(certain, [0, 1], ["a", "b"]).loss == pytest.approx(1e-7, rel=1e-3)
    assert score(certain, [1, 0], ["a", "b"]).loss == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize(("right", "said"), [(28, True), (31, True), (32, False), (40, False)])
def test_the_sentence_says_what_always_answering_the_most_frequent_class_is_worth(right, said):
    """26 of 40 images are dogs, 65 %; Wilson's interval of 28 of 40 begins at 54.6 %, that of 32 at 65.2 %."""
    labels = np.repeat([0, 1], [14, 26])
    answers = np.where(np.arange(40) < right, labels, 1 - labels)
    scores = score(np.eye(2)[answers], labels, ("cats", "dogs\x1b"))
    ending = "; always answering dogs\\x1b is 65.0 % correct"
    assert scores.sentence().endswith(ending) == said, scores.sentence()
    assert ("always" in scores.sentence()) == said


def test_the_sentence():
    answers = np.zeros(400, int)
    answers[:17] = 1
    scores = score(np.eye(2)[answers], np.zeros(400, int), ["cars", "elephants"])
    assert scores.sentence() == "383 of 400 correct: 95.8 % (95 % interval 93.3 to 97.3)"


def test_the_table_is_aligned_for_wide_letters_too():
    assert score(PROBABILITIES, LABELS, NAMES).table().split("\n") == [
        "class      photos  correct  recall  precision",
        "cars            2        1  50.0 %     50.0 %",
        "elephants       2        1  50.0 %     33.3 %",
        "猫              1        0   0.0 %          -",
    ]


def test_as_dict_is_ready_for_json():
    entry = json.loads(json.dumps(score(PROBABILITIES, LABELS, NAMES).as_dict(), allow_nan=False))
    assert entry["confusion"] == [[1, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert entry["classes"][2] == {"name": "猫", "photos": 1, "correct": 0, "recall": 0.0, "precision": None}
    assert (entry["correct"], entry["total"], entry["accuracy"]) == (2, 5, 0.4)
    assert entry["interval"] == list(wilson_interval(2, 5))


def test_most_confident_mistakes_first_and_ties_in_their_order():
    sure = np.array([0.6, 0.9, 0.8, 0.9, 0.99, 0.6])
    probabilities = np.stack([sure, 1 - sure], axis=1)
    labels = np.array([1, 1, 1, 1, 0, 1])  # all wrong but the fifth
    assert most_confident_mistakes(probabilities, labels, 10).tolist() == [1, 3, 2, 0, 5]
    assert most_confident_mistakes(probabilities, labels, 2).tolist() == [1, 3]
    assert most_confident_mistakes(probabilities, labels, 0).tolist() == []
    assert most_confident_mistakes(probabilities, np.zeros(6, int), 3).tolist() == []


def test_many_equally_confident_mistakes_keep_their_order():
    sure = np.tile([0.75, 0.875], 100)  # few equals would keep it under any sort
    probabilities = np.stack([sure, 1 - sure], axis=1)
    found = most_confident_mistakes(probabilities, np.ones(200, int), 200).tolist()
    assert found == [*range(1, 200, 2), *range(0, 200, 2)]


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_the_mistakes_are_those_that_the_scores_count(answers):
    probabilities = np.array([(p, 1 - p) for p, _ in answers])
    labels = np.array([label for _, label in answers])
    scores = score(probabilities, labels, ["a", "b"])
    mistakes = most_confident_mistakes(probabilities, labels, len(labels))
    assert len(mistakes) == scores.total - scores.correct
    assert (probabilities[mistakes].argmax(axis=1) != labels[mistakes]).all()
    assert (np.diff(probabilities[mistakes].max(axis=1)) <= 0).all()
    assert scores.confusion.sum() == len(labels)


@pytest.mark.parametrize(
    ("probabilities", "labels", "names", "message"),
    [
        (np.empty((0, 3)), [], NAMES, "no images"),
        (PROBABILITIES, LABELS[:4], NAMES, r"\(n, classes\)"),
        (PROBABILITIES[:, 0], LABELS, NAMES, r"\(n, classes\)"),
        (PROBABILITIES, LABELS, NAMES[:2], "2 names"),
        (PROBABILITIES, LABELS + 1, NAMES, "0 to 2, got 1 to 3"),
        (PROBABILITIES, LABELS - 1, NAMES, "0 to 2, got -1 to 1"),
        (PROBABILITIES, LABELS / 2, NAMES, "integers"),
        (PROBABILITIES * np.float32("nan"), LABELS, NAMES, "NaN or infinity for 5 of 5"),
    ],
)
def test_what_cannot_be_scored_is_refused(probabilities, labels, names, message):
    with pytest.raises(ValueError, match=message):
        score(probabilities, labels, names)
    if names == NAMES:
        with pytest.raises(ValueError, match=message):
            most_confident_mistakes(probabilities, labels, 3)

from dataclasses import fields

import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.features import cross_validation
from image_kit.features.cross_validation import STRENGTHS, answer_held_out, cross_validate
from image_kit.features.feature_rows import prepare_rows
from image_kit.features.head import fit_head
from tests.fixtures.blobs import blobs


@pytest.fixture(scope="module")
def result():
    return cross_validate(*blobs(120), 3)


def test_each_answer_comes_from_a_head_without_the_photo(result):
    """Done again by hand for one photo: the heads of its folds, with the strength that the other folds prefer."""
    features, labels = blobs(120)
    assert result.folds.shape == (3, 120)
    probabilities = np.zeros(3)
    for fold_of in result.folds:
        kept = fold_of != fold_of[7]
        candidates = []
        for strength in STRENGTHS:
            logits = fit_head(features[kept], labels[kept], 3, strength).logits(features[7:8])[0]
            candidates.append(np.exp(logits) / np.exp(logits).sum())
        # Which strength the others prefer is tested below; here it must be one of them.
        probabilities += candidates[STRENGTHS.index(result.strength)] / 3
    assert np.allclose(result.probabilities[7], probabilities, atol=0.02)


def test_a_photo_has_no_say_in_its_strength_or_heads(monkeypatch):
    """With another label, a photo's own probabilities stay the same to the bit; those of others change."""
    features, labels = blobs(60, distance=0.5)
    folds = cross_validation.make_folds(labels, None, 5, 1)
    monkeypatch.setattr(cross_validation, "make_folds", lambda *_: folds)
    before = cross_validate(features, labels, 3).probabilities
    held = folds[0] == 2
    changed = np.where(held, (labels + 1) % 3, labels)
    after = cross_validate(features, changed, 3).probabilities
    assert np.array_equal(before[held], after[held])
    assert not np.allclose(before[~held], after[~held], atol=0.01)


def test_what_is_returned_agrees(result):
    _, labels = blobs(120)
    assert np.allclose(result.probabilities.sum(axis=1), 1, atol=1e-5)
    assert result.probabilities.dtype == np.float32
    assert np.array_equal(result.answers, result.probabilities.argmax(axis=1))
    assert result.accuracy == (result.answers == labels).mean() == np.trace(result.confusion) / 120
    assert result.confusion.sum(axis=1).tolist() == [40, 40, 40]
    assert np.allclose(result.recalls, np.diag(result.confusion) / 40)
    assert result.interval[0] < result.accuracy < result.interval[1]
    low, high = result.recall_intervals.T
    assert (low <= result.recalls).all()
    assert (result.recalls <= high).all()
    # A class has a third of the photos, so its interval is wider.
    assert (high - low > result.interval[1] - result.interval[0]).any()
    assert result.repeat_accuracies.shape == (3,)
    assert abs(result.repeat_accuracies.mean() - result.accuracy) < 0.05
    assert result.strength in STRENGTHS


def test_the_same_input_gives_the_same_result(result):
    again = cross_validate(*blobs(120), 3)
    for field in fields(result):
        assert np.array_equal(getattr(result, field.name), getattr(again, field.name))


def test_learning_by_heart_is_seen_through():
    """Labels at random: the heads know their own photos well, and the others not at all."""
    features, labels = blobs(150, d=300, distance=0)
    result = cross_validate(features, labels, 3)
    assert (fit_head(features, labels, 3, 1e-5).logits(features).argmax(axis=1) == labels).mean() > 0.95
    assert result.interval[0] < 1 / 3
    assert result.accuracy < 1 / 3 + 4 * (2 / 9 / 150) ** 0.5  # four standard errors
    assert result.strength == max(STRENGTHS)


def test_groups_that_are_copies_do_not_flatter():
    """Five copies of each photo, random labels: copies on both sides would make every answer right."""
    features, labels = blobs(30, d=40, distance=0)
    features, labels, groups = np.repeat(features, 5, axis=0), np.repeat(labels, 5), np.repeat(np.arange(30), 5)
    apart, together = (cross_validate(features, labels, 3, each) for each in (None, groups))
    assert apart.accuracy > 0.9
    assert together.accuracy < 0.65
    assert np.ptp(together.interval) > 2 * np.ptp(apart.interval)


def test_weights_count_in_the_choice_and_the_fits():
    features, labels = blobs(90, distance=0.3)
    only_two = cross_validate(features, labels, 3, weights=(labels != 2) + 1e-6)
    assert (only_two.answers == 2).mean() < 0.05


def test_few_photos_and_classes_that_are_held_out_whole():
    few = cross_validate(*blobs(6, d=50, classes=2), 2)
    assert few.folds.shape == (10, 6)
    assert few.interval[1] - few.interval[0] > 0.3
    features, labels = blobs(30)
    by_class = cross_validate(features, labels, 4, groups=np.where(labels == 0, 0, np.arange(30) + 1))
    assert by_class.recalls[0] == 0  # its only group cannot be learned from others
    assert np.isnan(by_class.recalls[3])
    assert np.isnan(by_class.recall_intervals[3]).all()
    with pytest.raises(UserError, match="all photos are in one group"):
        cross_validate(features, labels, 3, groups=np.zeros(30, int))


@pytest.mark.parametrize("photos_of_a_group", [1, 3])
def test_the_interval_holds_the_accuracy_of_the_final_head(photos_of_a_group):
    """In at least 9 of 10 draws of 30 photos; the accuracy of the head fitted to them is counted on 3,000 others."""
    generator = np.random.default_rng(0)
    draws, held = 40, 0
    for _ in range(draws):
        centres = 1.2 * generator.normal(size=(2, 6))

        def draw(n, centres=centres):
            labels, groups = generator.integers(0, 2, n), np.arange(n) // photos_of_a_group
            of_groups = generator.normal(size=(n, 6))[groups]  # half of the variance, where a group has several photos
            features = centres[labels] + of_groups + generator.normal(size=(n, 6)) + 5
            return features.astype(np.float32), labels, groups

        features, labels, groups = draw(30)
        result = cross_validate(features, labels, 2, groups)
        others, their_labels, _ = draw(3000)
        head = fit_head(features, labels, 2, result.strength)
        low, high = result.interval
        held += low <= (head.logits(others).argmax(axis=1) == their_labels).mean() <= high
    assert held >= 0.9 * draws


def test_held_out_answers_are_those_of_the_cross_validation():
    features, labels = blobs(90)
    rows, strength = prepare_rows(features), 1e-3
    found = cross_validate(rows, labels, 3, strengths=(strength,))
    answers = list(answer_held_out(rows, labels, 3, found.folds, strength, np.ones(90, np.float32)))
    assert len(answers) == len(found.folds)
    assert np.allclose(np.exp(answers).mean(axis=0), found.probabilities, atol=1e-5)


@pytest.mark.parametrize("for_each_fold", [False, True])
def test_photos_of_weight_0_are_not_learned_from(for_each_fold):
    """Whatever their labels are, the answers stay the same to the bit."""
    features, labels = blobs(90)
    rows, folds = prepare_rows(features), cross_validation.make_folds(labels, None, 5, 2)
    weights = (np.arange(90) % 4 > 0).astype(np.float32)
    given = np.broadcast_to(weights, (2, 5, 90)) if for_each_fold else weights
    others = np.where(weights, labels, (labels + 1) % 3)
    one, two = (list(answer_held_out(rows, each, 3, folds, 1e-3, given)) for each in (labels, others))
    assert np.array_equal(one, two)
    assert not np.allclose(one, list(answer_held_out(rows, labels, 3, folds, 1e-3, np.ones(90, np.float32))))

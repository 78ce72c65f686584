import numpy as np
import pytest

from image_kit.checks import find_learning_curve
from image_kit.checks.learning_curve import PARTS, _places
from image_kit.features import cross_validate, fit_head, prepare_rows
from tests.fixtures.blobs import blobs

NAMES = ("hat", "shirt", "shoes")


def curve_of(features, labels, more=None, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    rows = prepare_rows(features)
    return find_learning_curve(rows, labels, groups, NAMES, cross_validate(rows, labels, 3, groups), more)


@pytest.fixture(scope="module")
def halves():
    """240 photos whose classes take many photos to learn, as many again, and 6,000 others of the same kind."""
    features, labels = blobs(6_480, d=60, distance=0.25)
    return features, labels


def test_the_truth_at_twice_the_photos_is_in_the_interval(halves):
    """For 9 of 10 sets that it should be; for these four it is, and the middle is not far off."""
    features, labels = halves
    misses = []
    for start in range(0, 960, 240):
        now, then, others = slice(start, start + 240), slice(start, start + 480), slice(1_440, None)
        curve = curve_of(features[now], labels[now], more=80)
        rows = prepare_rows(features[then])
        strength = cross_validate(rows, labels[then], 3).strength
        head = fit_head(rows, labels[then], 3, strength)
        truth = (head.logits(features[others]).argmax(axis=1) == labels[others]).mean()
        assert curve.interval[0] <= truth <= curve.interval[1]
        misses.append(curve.prediction - truth)
    assert abs(np.mean(misses)) < 0.03  # two standard errors of four sets of 240 photos


def test_what_is_returned_agrees(halves):
    features, labels = (each[:240] for each in halves)
    curve = curve_of(features, labels)
    assert curve.now == 80
    assert curve.more == 50
    assert np.allclose(curve.sizes, [8, 16, 32, 64])
    assert (np.diff(curve.accuracies) > 0).all()
    assert np.allclose(curve.recalls.mean(axis=1), curve.accuracies)  # the classes have as many photos each
    # The standard error of 240 single photos is .03, and folds and parts that are drawn add to it.
    assert (curve.spread > 0.02).all()
    assert (curve.spread < 0.05).all()
    low, high = curve.interval
    assert curve.accuracies[-1] - 0.01 < curve.accuracy < curve.prediction
    assert low < curve.prediction < high
    assert curve.sentence.startswith("With 50 more photos of each class, accuracy would rise from .")
    assert f" to about {curve.prediction:.2f} ({low:.2f} to {high:.2f} with".replace("0.", ".") in curve.sentence


def test_silent_with_few_photos_and_when_nothing_is_known():
    assert curve_of(*blobs(39)) is None
    assert curve_of(*blobs(42, d=60, distance=0.25)) is None  # an interval of more than .2


def test_where_all_is_right_more_photos_are_not_asked_for():
    curve = curve_of(*blobs(300, distance=4))
    assert curve.sentence.startswith("Accuracy is 1.00 already")
    assert curve.interval[0] > 0.98
    assert curve.interval[1] == 1
    assert curve.gaining_class is None


def test_silent_where_nearly_all_photos_are_of_one_class():
    """Accuracy cannot rise from what one answer to all of them is worth, whatever the network learns of the others."""
    features, labels = blobs(300, distance=4)
    kept = np.r_[np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:2]]
    features, labels = features[kept].repeat(5, axis=0), labels[kept].repeat(5)
    labels[np.flatnonzero(labels)[2:]] = 0
    assert curve_of(features, labels) is None


def test_parts_are_nested_and_have_their_share_of_each_class():
    labels = np.arange(160) % 4
    usable = np.arange(160) < 128
    places = _places(labels, np.arange(160), usable, np.random.default_rng(0))
    assert (places[~usable] == 1).all()
    for part in PARTS:
        chosen = places < part
        counts = np.bincount(labels[chosen], minlength=4)
        assert (abs(counts - 32 * part) <= 1).all()


def test_photos_of_a_group_are_added_one_after_another():
    groups = np.repeat(np.arange(10), 8)
    places = _places(np.zeros(80, int), groups, np.ones(80, bool), np.random.default_rng(0))
    half = np.bincount(groups[places < 0.5], minlength=10)
    assert sorted(half)[:4] == [0] * 4
    assert sorted(half)[-4:] == [8] * 4


def test_bursts_count_as_one_photo(halves):
    """Each photo four times says no more than once: the spread stays about the same."""
    features, labels = (each[:120] for each in halves)
    once = curve_of(features, labels)
    four = curve_of(np.repeat(features, 4, axis=0), np.repeat(labels, 4), groups=np.repeat(np.arange(120), 4))
    assert once is None or four is None or abs(four.spread[-1] / once.spread[-1] - 1) < 0.35

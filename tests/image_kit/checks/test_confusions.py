from dataclasses import replace

import numpy as np
import pytest

from image_kit.checks import find_confusions, find_learning_curve, list_confusions, score_labels
from image_kit.features import cross_validate, prepare_rows
from tests.fixtures.blobs import blobs
from tests.fixtures.checked import checked

NAMES = ("hat", "shirt", "shoes", "blouse")


@pytest.fixture(scope="module")
def found():
    """Photos of four classes, of which shirt and blouse look the same; their answers, scores and learning curve."""
    features, labels = blobs(320, classes=3, distance=2)
    halves = np.random.default_rng(0).random(320) < 0.5
    labels = np.where((labels == 1) & halves, 3, labels)
    rows, groups = prepare_rows(features), np.arange(320)
    validated = cross_validate(rows, labels, 4)
    return (
        checked(features, labels, NAMES),
        validated,
        score_labels(rows, labels, groups, validated),
        find_learning_curve(rows, labels, groups, NAMES, validated),
    )


def test_the_pair_that_looks_the_same_is_found(found):
    photos, validated, _, _ = found
    (pair,) = find_confusions(*found)
    assert (pair.first, pair.second) == ("shirt", "blouse")
    assert pair.first_as_second == validated.confusion[1, 3]
    assert pair.second_as_first == validated.confusion[3, 1]
    assert pair.first_photos + pair.second_photos == np.isin(photos.labels, [1, 3]).sum()
    assert pair.rate == pytest.approx(
        (pair.first_as_second + pair.second_as_first) / np.isin(photos.labels, [1, 3]).sum()
    )
    assert pair.rate > 0.3
    assert pair.advice == "merge"  # nothing tells them apart
    assert len(pair.first_examples) == len(pair.second_examples) == 4
    for examples, label, answer in ((pair.first_examples, 1, 3), (pair.second_examples, 3, 1)):
        assert (photos.labels[examples] == label).all()
        assert (validated.answers[examples] == answer).all()
        probabilities = validated.probabilities[examples, answer]
        assert (np.diff(probabilities) <= 0).all()


def test_the_sentences(found):
    pairs = find_confusions(*found)
    (finding,) = list_confusions(pairs)
    pair = pairs[0]
    assert finding.evidence == (
        f"{pair.first_as_second} of {pair.first_photos} photos of shirt are taken for blouse, "
        f"and {pair.second_as_first} of {pair.second_photos} of blouse for shirt."
    )
    assert "merge shirt and blouse if you need not tell them apart" in finding.suggestion
    assert (finding.file, finding.action, finding.kind, finding.severity) == ("", "", "confused", "medium")


def test_doubtful_labels_come_first(found):
    photos, validated, scores, curve = found
    doubtful = replace(scores, doubtful=validated.answers != photos.labels, suggested=validated.answers)
    pairs = find_confusions(photos, validated, doubtful, curve)
    assert pairs[0].advice == "labels"
    mistakes = pairs[0].first_as_second + pairs[0].second_as_first
    assert pairs[0].doubtful == mistakes
    assert list_confusions(pairs)[0].suggestion == (
        f"Check the labels first: {mistakes} of these {mistakes} photos seem to be labelled wrongly."
    )


def test_more_photos_if_the_last_ones_helped(found):
    photos, validated, scores, curve = found
    recalls = curve.recalls.copy()
    recalls[-2:, [1, 3]] = [[0.5, 0.5], [0.7, 0.6]]  # of .5 mistakes, .15 are gone
    pairs = find_confusions(photos, validated, scores, replace(curve, recalls=recalls))
    assert pairs[0].advice == "photos"
    assert "Take more photos of shirt and blouse" in list_confusions(pairs)[0].suggestion
    assert find_confusions(photos, validated, scores, None)[0].advice == "photos"  # there are fewer than 100 of each


def test_classes_that_are_told_apart_are_not_listed():
    features, labels = blobs(200, distance=2)
    rows = prepare_rows(features)
    validated = cross_validate(rows, labels, 3)
    scores = score_labels(rows, labels, np.arange(200), validated)
    assert find_confusions(checked(features, labels, NAMES[:3]), validated, scores, None) == []

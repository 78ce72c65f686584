"""Balance and splits: unequal and untested classes, and parts that show photos of another kind."""

import dataclasses

import numpy as np
import pytest

from image_kit.checks import CheckedPhotos, find_imbalance, find_unlike_parts
from image_kit.photos import Signatures


@pytest.fixture
def made(tmp_path):
    """`made(sizes, parts, features)`: photos of classes a, b, c ... of these sizes, without files."""

    def make(sizes, parts=None, features=None) -> CheckedPhotos:
        labels = np.repeat(np.arange(len(sizes)), sizes)
        files = [f"{number}.jpg" for number in range(len(labels))]
        names = tuple("abcdefghij"[: len(sizes)])
        features = np.zeros((len(labels), 8), np.float32) if features is None else features
        every = parts or [None] * len(labels)
        return CheckedPhotos(
            tmp_path, [], files, names, labels, every, files, features, Signatures(len(labels), 3), {}, 0, 0
        )

    return make


def test_a_balanced_folder_is_quiet(made):
    assert find_imbalance(made([40, 60, 90])) == []
    assert find_imbalance(made([40, 60], ["train", "train", "test", "test"] * 25)) == []


@pytest.mark.parametrize(
    ("sizes", "words", "severity"),
    [
        ([40, 12, 50], "The class b has 12 photos", "medium"),
        ([40, 1, 3], "The classes b and c have fewer than 20 photos, the smallest one 1", "high"),
        ([30, 2, 3, 4, 5], "4 classes (b, c, d and others) have fewer than 20 photos", "high"),
    ],
)
def test_classes_with_few_photos_are_named(sizes, words, severity, made):
    found = [each for each in find_imbalance(made(sizes)) if "Add photos: " in each.suggestion]
    assert [(each.kind, each.severity) for each in found] == [("balance", severity)]
    assert words in found[0].evidence


def test_a_class_twenty_times_larger_is_named(made):
    assert "The class b has 500 photos" in find_imbalance(made([25, 500]))[0].evidence
    assert find_imbalance(made([26, 500])) == []


def test_a_class_without_test_photos_is_named(made):
    parts = ["test"] * 60 + ["train"] * 140
    found = find_imbalance(made([100, 50, 50], parts))
    assert found[0].severity == "high"
    assert "The classes b and c have no photo in test" in found[0].evidence


def test_few_test_photos_make_the_score_uncertain(made):
    (found,) = find_imbalance(made([100, 100], (["test"] * 5 + ["train"] * 95) * 2))
    assert "10 photos" in found.evidence
    assert "19%" in found.evidence


@pytest.mark.parametrize("shift", [0, 1.5])
def test_a_part_of_another_source_is_told_and_a_random_one_is_not(shift, made):
    rng = np.random.default_rng(0)
    parts = np.where(rng.random(300) < 0.3, "test", "train")
    features = rng.standard_normal((300, 40)).astype(np.float32)
    features[:100] += 4 * np.eye(40, dtype=np.float32)[0]  # the classes differ, which is no matter of the parts
    features[parts == "test", 5:9] += shift
    photos = made([100, 200], parts.tolist(), features)
    found = find_unlike_parts(photos)
    assert len(found) == (shift > 0)
    if found:
        assert found[0].kind == "split"
        assert "photos of test from those of train" in found[0].evidence


def test_parts_with_other_shares_of_the_classes_are_not_unlike(made):
    rng = np.random.default_rng(1)
    features = rng.standard_normal((400, 30)).astype(np.float32)
    features[:200, 0] += 6
    parts = ["test"] * 100 + ["train"] * 100 + ["test"] * 25 + ["train"] * 175
    photos = made([200, 200], parts, features)
    assert find_unlike_parts(photos) == []
    assert find_unlike_parts(dataclasses.replace(photos, parts=[None] * 400)) == []

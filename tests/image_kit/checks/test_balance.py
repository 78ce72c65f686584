"""Balance: unequal and untested classes are named."""

import pytest

from image_kit.checks import find_imbalance

pytest_plugins = ["tests.fixtures.checked_sets"]


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
    evidence = find_imbalance(made([25, 500]))[0].evidence
    assert evidence == "The class b has 500 photos, at least 20 times as many as the class a; a has 25."
    assert find_imbalance(made([26, 500])) == []


def test_a_class_without_test_photos_is_named(made):
    parts = ["test"] * 60 + ["train"] * 140
    found = find_imbalance(made([100, 50, 50], parts))
    assert found[0].severity == "high"
    assert "The classes b and c have no photo in test" in found[0].evidence


def test_few_test_photos_make_the_score_uncertain(made):
    (found,) = find_imbalance(made([100, 100], (["test"] * 5 + ["train"] * 95) * 2))
    assert "10 photos" in found.evidence
    assert "by 19 points" in found.evidence

"""Splits: a part of another source is told, within each class."""

import dataclasses

import numpy as np
import pytest

from image_kit.checks import find_unlike_parts

pytest_plugins = ["tests.fixtures.checked_sets"]


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

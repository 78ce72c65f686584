"""Machines that train together must agree on what they train."""

from dataclasses import replace

import numpy as np
import pytest

from image_kit import datasets
from image_kit.compute.distribution import ALONE, Distribution
from image_kit.errors import UserError
from image_kit.training.consistency import check_same_on_every_machine, digest
from presets import PRESETS

RECIPE = replace(PRESETS["elephants_cars"], image_size=(24, 24))


def check(distribution, recipe, data):
    check_same_on_every_machine(distribution, recipe, data, "float32")


class AfterAChief(Distribution):
    """A machine that has received `text` from its chief."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def from_chief(self, text):
        return self.text


@pytest.fixture
def data(tmp_path, coloured_photos):
    counts = {"train/cats": 3, "train/dogs": 3, "val/cats": 1, "val/dogs": 1}
    return datasets.load_photos(coloured_photos(tmp_path / "photos", counts), RECIPE)


def said_by_a_chief(recipe, data):
    """What a chief with this recipe and these images sends."""
    sent = []

    class Chief(Distribution):
        def from_chief(self, text):
            sent.append(text)
            return text

    check(Chief(), recipe, data)
    return sent[0]


def test_one_machine_agrees_with_itself_and_with_an_equal_one(data):
    check(ALONE, RECIPE, data)
    check(AfterAChief(said_by_a_chief(RECIPE, data)), RECIPE, data)


def test_another_recipe_is_refused_by_name(data):
    chief = AfterAChief(said_by_a_chief(RECIPE, data))
    with pytest.raises(UserError) as raised:
        check(chief, replace(RECIPE, seed=7, batch_size=3), data)
    assert str(raised.value) == (
        "TF_CONFIG: batch_size, seed must be the same on every machine; batch_size is 3 here and 16 on the chief"
    )
    check(chief, replace(RECIPE, measured="other words"), data)


def test_a_photo_that_differs_is_noticed(data, tmp_path, photo):
    chief = AfterAChief(said_by_a_chief(RECIPE, data))
    photo(tmp_path / "photos/train/cats/001.jpg", seed=99)
    with pytest.raises(
        UserError, match=r"TF_CONFIG: images must be the same on every machine; images is \{'train': '6 "
    ):
        check(chief, RECIPE, datasets.load_photos(tmp_path / "photos", RECIPE))


def test_a_digest_counts_order_labels_and_content():
    labels, marks = np.array([0, 1], np.int32), np.array([3, 4], np.uint64)
    digests = [
        digest(labels, marks),
        digest(labels, marks[::-1].copy()),
        digest(labels[::-1].copy(), marks),
        digest(labels, None),
    ]
    assert len(set(digests)) == 4
    assert all(digest.startswith("2 (") for digest in digests)
    assert digest(labels, marks) == digests[0]

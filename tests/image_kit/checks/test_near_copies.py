"""Near copies: neighbours in blocks are those of all similarities, and folders of two photos pass."""

import dataclasses

import numpy as np

from image_kit.checks import find_near_copies, read_file_facts
from image_kit.checks.near_copies import find_neighbours

pytest_plugins = ["tests.fixtures.checked_sets"]


def test_neighbours_are_those_of_all_similarities():
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((50, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    nearest, cosines = find_neighbours(rows, rows, 4)
    whole = rows @ rows.T
    np.fill_diagonal(whole, -np.inf)
    assert (nearest == np.argsort(-whole, axis=1)[:, :4]).all()
    np.testing.assert_allclose(cosines, -np.sort(-whole, axis=1)[:, :4], rtol=1e-6)
    assert find_neighbours(rows[:1], rows[:1], 4)[0].shape == (1, 0)


def test_one_photo_of_each_class_is_enough(picture_folder, checked):
    photos = checked(picture_folder({"cat": range(1), "dog": range(1, 2)}))
    assert len(photos.paths) == 2
    assert find_near_copies(photos, read_file_facts(photos.paths)) == []
    single = dataclasses.replace(photos, hashes=["same", "same"])
    pairs = find_near_copies(single, read_file_facts(photos.paths))
    assert [(pair.one, pair.other, pair.is_exact) for pair in pairs] == [(0, 1, True)]

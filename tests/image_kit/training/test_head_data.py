"""The photos of a head's run: what decides their parts, and what is said about them."""

import hashlib

import numpy as np
import pytest

from image_kit.errors import UserError
from image_kit.features import load_backbone
from image_kit.features.finding import CROP
from image_kit.photos import content_hash
from image_kit.training import load_head_data
from image_kit.training.head_data import _describe_groups, _keys


@pytest.fixture(scope="module")
def lite0():
    return load_backbone("lite0")


def digest(name) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def test_near_copies_have_the_key_of_the_smallest_hash():
    hashes = [digest(number) for number in range(5)]
    together = np.array([0, 1, 0, 2, 1])
    keys = _keys(together, None, hashes)
    first, second = min(hashes[0], hashes[2]), min(hashes[1], hashes[4])
    assert keys == [first, second, first, hashes[3], second]
    assert _keys(together, None, [None, *hashes[1:]]) == [None, keys[1], hashes[2], hashes[3], keys[4]]


def test_a_group_of_the_file_has_the_key_of_its_name_so_more_photos_of_it_change_nothing():
    groups, names = np.array([0, 0, 1]), ["film a", "film a", "film b"]
    keys = _keys(groups, names, [digest(number) for number in range(3)])
    assert keys == [digest("film a")] * 2 + [digest("film b")]
    assert _keys(np.array([0, 0]), names[1:], [digest(7), digest(8)])[0] == min(digest("film a"), digest("film b"))
    in_latin_1 = b"K\xf6ln".decode("utf-8", "surrogateescape")  # as Excel saves it in German Windows
    assert len(set(_keys(groups, [in_latin_1, in_latin_1, "K"], [digest(number) for number in range(3)]))) == 2


def test_all_that_a_head_needs(tmp_path, lite0, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 3, "dogs": 2})
    (tmp_path / "photos/cats/copy.jpg").write_bytes((tmp_path / "photos/cats/000.jpg").read_bytes())
    (tmp_path / "photos/dogs/broken.jpg").touch()
    (tmp_path / "photos/notes.txt").touch()
    seen = []
    data = load_head_data(
        tmp_path / "photos", lite0, None, False, lambda done: (seen.append(1) or each for each in done)
    )
    assert len(seen) == 7
    assert data.class_names == ("cats", "dogs")
    assert (data.preprocessing.image_shape, data.preprocessing.crop) == ((256, 256, 3), CROP)
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert (data.features.shape, data.features.dtype) == ((7, 1280), np.float16)
    assert np.abs(data.features).max() <= 1  # tanh
    assert {part: chosen.tolist() for part, chosen in data.parts.items()} == {"train": [0, 1, 2, 3, 4, 5]}
    assert data.groups[0] == data.groups[3]  # the copy
    assert len(set(data.groups[[0, 1, 2, 4, 5]].tolist())) == 5
    assert data.images["train"].names == [
        str(tmp_path / "photos" / name)
        for name in (
            "cats/000.jpg",
            "cats/001.jpg",
            "cats/002.jpg",
            "cats/copy.jpg",
            "dogs/000.jpg",
            "dogs/001.jpg",
        )
    ]
    first = int(content_hash((tmp_path / "photos/cats/000.jpg").read_bytes())[:16], 16)
    assert data.images["train"].fingerprints[0] == first
    assert list(data.unreadable) == [str(tmp_path / "photos/dogs/broken.jpg")]
    assert (data.computed, data.known, data.look_alikes) == (5, 0, {})
    _, others, unreadable, count, alike, features, classes, train = data.describe()
    assert others == "files ignored, since they are not photos in a class folder: 1 (1 .txt)"
    assert unreadable.startswith("left out, cannot be read: ")
    assert count == "1 unreadable photos left out"
    assert alike == "2 photos look like another one; such photos stay together in the folds"
    assert features == "features: 5 photos computed, 0 known"
    assert (classes, train) == ("2 classes: cats, dogs", "train: 6 images (4 cats, 2 dogs)")


def test_a_folder_that_cannot_be_used_costs_no_computing(tmp_path, lite0, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 3, "dogs": 2})

    def never(done):
        raise AssertionError

    (tmp_path / "groups.csv").write_text("cats/000.jpg,a\n")
    with pytest.raises(UserError, match="4 photos are missing"):
        load_head_data(tmp_path / "photos", lite0, tmp_path / "groups.csv", False, never)
    with pytest.raises(UserError, match="no such folder"):
        load_head_data(tmp_path / "nothing", lite0, None, False, never)


def test_of_many_classes_in_one_group_the_first_are_named():
    labels = np.arange(1_000) // 2
    notes = _describe_groups(labels, labels, [f"class {number}" for number in range(500)], None)
    assert notes[0] == "1,000 photos look like another one; such photos stay together in the folds"
    assert len(notes) <= 10
    assert notes[-1].endswith(" more classes have all their photos in one group")

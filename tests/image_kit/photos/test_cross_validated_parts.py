"""Which photos a head is tested on: none of few, 15 % of many, those of test/ where there is one."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from image_kit.errors import UserError
from image_kit.photos import PhotoFolder, assign_cross_validated_parts
from image_kit.photos.parts import FEWEST_GROUPS_TO_CUT_TEST, FEWEST_TO_CUT_TEST


def digest(number) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def at(position: float) -> str:
    """A key at `position` of 0..1, of which .85 and more are for test."""
    return f"{int(position * 2**64):016x}" + "0" * 48


def folder_of(labels, stated=None, names=("cats", "dogs")) -> PhotoFolder:
    paths = tuple(Path(f"{number}.jpg") for number in range(len(labels)))
    return PhotoFolder("", names, paths, tuple(labels), tuple(stated or [None] * len(labels)))


def assign(n, **changes):
    """Parts of n photos of two classes, each on its own; `changes` of hashes or keys are {index: value}."""
    hashes = [digest(number) for number in range(n)]
    keys = list(hashes)
    for index, value in changes.get("keys", {}).items():
        keys[index] = value
    for index, value in changes.get("hashes", {}).items():
        hashes[index] = value
    labels = changes.get("labels") or [number % 2 for number in range(n)]
    return assign_cross_validated_parts(folder_of(labels, changes.get("stated")), hashes, keys)


def test_few_photos_are_all_trained_on_and_of_many_15_percent_are_for_test():
    assert FEWEST_TO_CUT_TEST == 1_000
    assert assign(999) == (["train"] * 999, [])
    parts, notes = assign(1_000)
    assert notes == []
    assert set(parts) == {"train", "test"}
    assert parts.count("test") == pytest.approx(150, abs=45)  # four standard deviations of a binomial: 4 * 11.3
    assert assign(1_000, hashes={3: None})[0] == ["train"] * 3 + [None] + ["train"] * 996  # 999 can be read


def test_adding_photos_moves_no_other():
    parts, more = assign(1_000)[0], assign(1_500)[0]
    assert more[:1_000] == parts


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(0, 60), min_size=1_000, max_size=1_000))
def test_photos_of_one_key_stay_together(numbers):
    keys = {index: digest(f"group {number}") for index, number in enumerate(numbers)}
    parts, _ = assign(1_000, keys=keys)
    assert len({(keys[index], part) for index, part in enumerate(parts)}) == len(set(keys.values()))


def test_a_test_part_is_cut_of_twenty_groups_or_more():
    def with_groups(count):
        return assign(1_200, keys={index: at((index // 2) % count / count) for index in range(1_200)})[0]

    assert FEWEST_GROUPS_TO_CUT_TEST == 20
    assert set(with_groups(19)) == {"train"}
    assert with_groups(20).count("test") == 3 * 60  # positions .85, .90 and .95


def test_stated_parts_are_kept_and_validation_is_trained_on():
    stated = ["train", "validation", "test"] * 4
    assert assign(12, stated=stated) == (["train", "train", "test"] * 4, [])
    assert assign(12, stated=stated, hashes={0: None})[0] == [None, "train", "test", *["train", "train", "test"] * 3]
    only_train = ["train"] * 2_000
    assert assign(2_000, stated=only_train)[0] == only_train


def test_copies_stay_in_the_later_part_and_in_no_two_classes():
    stated = ["train"] * 6 + ["test"] * 2
    parts, notes = assign(8, stated=stated, labels=[0, 0, 0, 1, 1, 1, 0, 1], hashes={6: digest(0)})
    assert parts == [None, *["train"] * 5, "test", "test"]
    assert notes == ["the same photo is in two parts, kept in test only: 0.jpg = 6.jpg"]
    parts, notes = assign(8, stated=stated, labels=[0, 0, 0, 1, 1, 1, 0, 1], hashes={7: digest(0)})
    assert parts == [None, *["train"] * 5, "test", None]
    assert notes == ["the same photo is in two classes, left out of both: 0.jpg = 7.jpg"]


def test_a_photo_of_two_classes_is_left_out_of_both():
    parts, notes = assign(8, labels=[0] * 4 + [1] * 4, hashes={7: digest(0)})
    assert parts == [None, *["train"] * 6, None]
    assert notes == ["the same photo is in two classes, left out of both: 0.jpg = 7.jpg"]


def test_a_rare_class_keeps_two_photos_to_learn_from():
    keys = {0: at(0.99), 1: at(0.9), 2: at(0.95)}
    parts, _ = assign(1_003, labels=[0] * 3 + [1] * 1_000, keys=keys)
    assert parts[:3] == ["test", "train", "train"]
    together = {0: at(0.9), 1: at(0.9), 2: at(0.95), 3: at(0.9)}
    parts, _ = assign(1_003, labels=[0] * 3 + [1] * 1_000, keys=together)
    assert parts[:4] == ["train", "train", "test", "train"]  # a group goes back as a whole, with its photo of dogs


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ([0, 1, 1], {}, "class 'cats' has 1 readable photo to train on; at least 2 are needed, and 20 or more help"),
        ([0, 0, 1, 1], {"hashes": {2: None}}, "class 'dogs' has 1 readable photo to train on; at least 2 are needed"),
        (
            [0, 0, 1, 1],
            {"hashes": {2: digest(0), 3: digest(1)}},
            r"class 'cats' has 0 readable photos to train on \(2 are left out as copies of photos in another",
        ),
        ([0, 0, 1, 1], {"stated": ["train", "train", "train", "test"]}, "class 'dogs' has 1 readable photo to train"),
        ([0, 0, 1, 1], {"stated": ["train", "test", "train", "train"]}, "class 'cats' has 1 readable photo to train"),
    ],
)
def test_too_few_photos_of_a_class_are_one_line(labels, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        assign(len(labels), labels=labels, **changes)
    assert "\n" not in str(caught.value)

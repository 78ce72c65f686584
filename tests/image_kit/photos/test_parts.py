"""The split of a photo folder, which follows from the photos' content alone."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from image_kit.errors import UserError
from image_kit.photos import parts as photo_parts
from image_kit.photos.folders import PhotoFolder
from image_kit.photos.part_names import PARTS
from image_kit.photos.parts import assign_parts


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def at(position: float, number: int = 0) -> str:
    """A content hash that is at `position` of 0..1."""
    return f"{int(position * 2**64):016x}{number:048x}"


def class_folders(labels: list[int], stated: list[str | None] | None = None, root: str = "photos") -> PhotoFolder:
    paths = tuple(Path(root, f"{number}.jpg") for number in range(len(labels)))
    return PhotoFolder("", ("cats", "dogs"), paths, tuple(labels), tuple(stated or [None] * len(labels)))


@pytest.fixture
def no_minimum(monkeypatch):
    """Any count of photos will do: these tests look at single photos."""
    monkeypatch.setattr(photo_parts, "MINIMUM_PHOTOS", {})


def test_the_borders_of_the_split(no_minimum):
    hashes = [at(position, number) for number, position in enumerate((0, 0.69999, 0.7, 0.84999, 0.85, 0.99999))]
    parts, notes = assign_parts(class_folders([0] * 6), hashes)
    assert parts == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert notes == []


def test_the_fractions_of_many_photos(no_minimum):
    count = 20_000
    parts, _ = assign_parts(class_folders([0] * count), [digest(number) for number in range(count)])
    counts = Counter(parts)
    # Four standard deviations of a binomial: sqrt(20000 x 0.7 x 0.3) = 65, sqrt(20000 x 0.15 x 0.85) = 50.
    assert counts["train"] == pytest.approx(14_000, abs=260)
    assert counts["validation"] == pytest.approx(3_000, abs=200)
    assert counts["test"] == pytest.approx(3_000, abs=200)


def test_a_training_part_without_validation_gives_15_percent(no_minimum):
    count = 5_000
    hashes = [digest(number) for number in range(count)]
    stated = ["train"] * (count - 500) + ["test"] * 500
    parts, _ = assign_parts(class_folders([0] * count, stated), hashes)
    assert parts[-500:] == ["test"] * 500
    assert Counter(parts)["validation"] == pytest.approx(0.15 * 4_500, abs=96)  # four standard deviations


def test_stated_parts_are_kept(no_minimum):
    stated = ["train", "validation", "test"] * 20
    assert assign_parts(class_folders([0] * 60, stated), [digest(n) for n in range(60)]) == (stated, [])


PHOTO_NUMBERS = st.lists(st.integers(0, 40), min_size=1, max_size=30)
STATED = st.sampled_from([None, "train"])


@settings(deadline=None)
@given(numbers=PHOTO_NUMBERS, added=PHOTO_NUMBERS, part=STATED)
def test_adding_photos_moves_no_other(numbers, added, part):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_parts, "MINIMUM_PHOTOS", {})
        before, _ = assign_parts(class_folders([0] * len(numbers), [part] * len(numbers)), list(map(digest, numbers)))
        together = numbers + added
        after, _ = assign_parts(class_folders([0] * len(together), [part] * len(together)), list(map(digest, together)))
    assert after[: len(numbers)] == before


@settings(deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 1), st.sampled_from(PARTS)), min_size=1))
def test_equal_photos_never_straddle_parts_or_classes(rows):
    numbers, labels, stated = map(list, zip(*rows, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_parts, "MINIMUM_PHOTOS", {})
        parts, _ = assign_parts(class_folders(labels, stated), list(map(digest, numbers)))
    for number in set(numbers):
        same = [place for place, other in enumerate(numbers) if other == number]
        used = [(parts[place], labels[place]) for place in same if parts[place]]
        assert len(set(used)) == (len({labels[place] for place in same}) == 1)
        # What stays is in the latest part that had it.
        latest = max((stated[place] for place in same), key=PARTS.index)
        cut = latest == "train" and "validation" not in stated  # then some of train/ becomes validation
        assert {part for part, _ in used} <= ({"train", "validation"} if cut else {latest})


@settings(deadline=None)
@given(numbers=PHOTO_NUMBERS, random=st.randoms(use_true_random=False))
def test_names_and_order_change_nothing(numbers, random):
    renamed = random.sample(range(len(numbers)), len(numbers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_parts, "MINIMUM_PHOTOS", {})
        parts, _ = assign_parts(class_folders([0] * len(numbers)), [digest(number) for number in numbers])
        folder = class_folders([0] * len(numbers), root="renamed")
        others, _ = assign_parts(folder, [digest(numbers[place]) for place in renamed])
    assert others == [parts[place] for place in renamed]


def test_copies_across_stated_parts_stay_in_the_later_one_and_are_named(no_minimum):
    stated = ["train", "train", "validation", "test", "train", "validation"]
    hashes = [digest(number) for number in (1, 2, 1, 1, 3, 2)]
    parts, notes = assign_parts(class_folders([0] * 6, stated), hashes)
    assert parts == [None, None, None, "test", "train", "validation"]
    assert len(notes) == 2
    assert "kept in test only" in notes[0]
    assert all(f"photos/{number}.jpg" in notes[0] for number in (0, 2, 3))
    assert "kept in validation only" in notes[1]
    assert all(f"photos/{number}.jpg" in notes[1] for number in (1, 5))


def test_copies_within_a_part_stay_without_a_word(no_minimum):
    parts, notes = assign_parts(class_folders([0] * 3), [digest(1)] * 3)
    assert len(set(parts)) == 1
    assert parts[0] is not None
    assert notes == []


@pytest.mark.parametrize("stated", [None, ["train", "train", "train"], ["train", "test", "train"]])
def test_a_photo_in_two_classes_is_left_out_of_both_and_named(no_minimum, stated):
    parts, notes = assign_parts(class_folders([0, 1, 1], stated), [digest(1), digest(1), digest(2)])
    assert parts[:2] == [None, None]
    assert parts[2] is not None
    assert len(notes) == 1
    assert "two classes" in notes[0]
    assert "photos/0.jpg" in notes[0]
    assert "photos/1.jpg" in notes[0]


def test_an_unreadable_photo_is_left_out(no_minimum):
    parts, notes = assign_parts(class_folders([0, 1], ["train", "test"]), [None, None])
    assert (parts, notes) == ([None, None], [])


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_too_few_photos_of_a_class(missing):
    stated = ["train"] * 4 + ["validation"] * 2
    labels = [0, 0, 1, 1, 0, 1]
    assert assign_parts(class_folders(labels, stated), [digest(n) for n in range(6)])[0] == stated
    hashes = [digest(number) for number in range(6)]
    hashes[stated.index(missing)] = None
    with pytest.raises(UserError) as caught:
        assign_parts(class_folders(labels, stated), hashes)
    message = str(caught.value)
    for word in ("'cats'", missing, "at least", "prepare.py split"):
        assert word in message


@settings(deadline=None)
@given(numbers=st.lists(st.integers(0, 10**6), min_size=3, max_size=25, unique=True), part=STATED)
def test_three_photos_of_a_class_are_enough_whatever_their_hashes(numbers, part):
    """The photos that need not move stay where their hash sends them."""
    folder = class_folders([0] * len(numbers), [part] * len(numbers))
    folder = replace(folder, class_names=("cats",))
    hashes = [digest(number) for number in numbers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(photo_parts, "MINIMUM_PHOTOS", {})
        alone, _ = assign_parts(folder, hashes)
    parts, _ = assign_parts(folder, hashes)
    assert parts.count("train") >= 2
    assert parts.count("validation") >= 1
    missing = max(0, 2 - alone.count("train")) + max(0, 1 - alone.count("validation"))
    assert sum(one != other for one, other in zip(alone, parts, strict=True)) == missing


def test_the_next_photo_by_hash_fills_a_part_and_train_gives_before_test():
    folder = replace(class_folders([0] * 5), class_names=("cats",))
    positions = (0.1, 0.6, 0.3, 0.86, 0.9)
    hashes = [at(position, number) for number, position in enumerate(positions)]
    assert assign_parts(folder, hashes)[0] == ["train", "validation", "train", "test", "test"]
    hashes[2] = at(0.95, 2)  # train can spare none
    assert assign_parts(folder, hashes)[0] == ["train", "train", "test", "validation", "test"]


def test_what_is_left_out_as_a_copy_is_told_where_too_few_are_left():
    """As where validation/ is a copy of train/."""
    stated = ["train"] * 4 + ["validation"] * 4
    with pytest.raises(UserError) as caught:
        assign_parts(class_folders([0, 0, 1, 1] * 2, stated), [digest(number) for number in range(4)] * 2)
    assert "'cats' (0 for train; 2 left out, being in another class or part too)" in str(caught.value)
    assert "\\x0a" not in str(caught.value)


def test_a_photo_in_many_classes_with_long_names_is_a_short_note(no_minimum):
    names = tuple(f"{number:02}{'n' * 200}" for number in range(12))
    paths = tuple(Path(name, "deep" * 40, f"{copy}.jpg") for name in names for copy in range(2))
    photos = PhotoFolder("", names, paths, tuple(number // 2 for number in range(24)), (None,) * 24)
    _, (note,) = assign_parts(photos, [digest(0)] * 24)
    assert len(note) < 1_300
    assert [name in note for name in names[:4]] == [True, True, True, False]
    assert note.endswith(" and 21 more")


def test_every_class_that_is_too_small_is_named():
    count = 30
    names = tuple(f"class {number:02}" for number in range(count))
    folder = PhotoFolder("", names, tuple(Path(f"{n}.jpg") for n in range(count)), tuple(range(count)), (None,) * count)
    with pytest.raises(UserError) as caught:
        assign_parts(folder, [digest(number) for number in range(count)])
    first = str(caught.value).splitlines()[0]
    assert "'class 00' (" in first
    assert "'class 04' (" in first
    assert " more; each class needs at least 2 for train and 1 for validation" in first
    assert len(str(caught.value)) < 2000


def test_test_photos_may_be_missing():
    stated = ["train"] * 4 + ["validation"] * 2
    assert "test" not in assign_parts(class_folders([0, 0, 1, 1, 0, 1], stated), [digest(n) for n in range(6)])[0]

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from image_kit.datasets import unseen_photos
from image_kit.datasets.image_sets import to_fingerprints
from image_kit.datasets.loading import load_photos
from image_kit.errors import UserError
from image_kit.photos import Preprocessing, content_hash
from presets import PRESETS

SHAPE = (12, 16, 3)
PHOTOS = replace(PRESETS["elephants_cars"], image_size=SHAPE[:2])
NOBODY = np.empty(0, np.uint64)


def test_photos_seen_in_training_are_left_out(tmp_path, photo_tree):
    folder = photo_tree(tmp_path, {"train/cats": 3, "train/dogs": 3, "val/cats": 2, "val/dogs": 2})
    seen = load_photos(folder, PHOTOS).trained_on
    assert len(seen) == 10
    photo_tree(tmp_path / "new", {"cats": 2, "dogs": 1}, first_seed=50)
    (tmp_path / "new/dogs/renamed.jpg").write_bytes((folder / "val/cats/0.jpg").read_bytes())
    (tmp_path / "new/dogs/broken.jpg").touch()
    found = unseen_photos.load_unseen_photos(tmp_path / "new", ("cats", "dogs"), Preprocessing(SHAPE), seen)
    images, notes, unreadable = found.images, found.notes, found.unreadable
    assert images.labels.tolist() == [0, 0, 1]
    assert [name.rpartition("/")[2] for name in images.names] == ["0.jpg", "1.jpg", "0.jpg"]
    assert images.fingerprints[0] == int(content_hash((tmp_path / "new/cats/0.jpg").read_bytes())[:16], 16)
    assert list(unreadable) == [str(tmp_path / "new/dogs/broken.jpg")]
    assert any(note.startswith("1 photos left out: the network was trained") for note in notes)
    assert any("1 unreadable" in note for note in notes)


def test_nearly_black_photos_are_told_unless_the_network_knows_their_bits(tmp_path):
    for label, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((9, 9), 1_023 - label, np.uint16)).save(tmp_path / name / "a.png")
    for bits, told in ((16, 1), (10, 0)):
        preprocessing = Preprocessing(SHAPE, sample_bits=bits)
        notes = unseen_photos.load_unseen_photos(tmp_path, ("cats", "dogs"), preprocessing, NOBODY).notes
        assert sum("so they are nearly black; save them with the range" in note for note in notes) == told


def test_the_test_part_is_scored_in_the_networks_class_order(tmp_path, photo_tree):
    folder = photo_tree(tmp_path, {"train/a": 2, "train/b": 2, "test_set/b": 2, "test_set/a": 1})
    images = unseen_photos.load_unseen_photos(folder, ("b", "c", "a"), Preprocessing(SHAPE), NOBODY).images
    assert Counter(images.labels.tolist()) == {0: 2, 2: 1}  # "c" may be missing
    assert all("test_set" in name for name in images.names)


@pytest.mark.parametrize("trained", ["v\u00f6gel", "vo\u0308gel"])
@pytest.mark.parametrize("scored", ["v\u00f6gel", "vo\u0308gel"])
def test_a_class_is_known_whichever_way_its_accents_are_stored(tmp_path, photo_tree, trained, scored):
    folder = photo_tree(tmp_path, {"cats": 1, scored: 2})
    images = unseen_photos.load_unseen_photos(folder, ("cats", trained), Preprocessing(SHAPE), NOBODY).images
    assert Counter(images.labels.tolist()) == {0: 1, 1: 2}


def test_a_class_that_the_network_does_not_know(tmp_path, photo_tree):
    (photo_tree(tmp_path, {"cats": 1, "horses": 1}) / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        unseen_photos.load_unseen_photos(tmp_path, ("cats", "dogs"), Preprocessing(SHAPE), NOBODY)
    assert "'horses'" in str(caught.value)
    assert "cats, dogs" in str(caught.value)


def test_no_photo_to_score(tmp_path, photo_tree, photo):
    arguments = (("cats", "dogs"), Preprocessing(SHAPE))
    (tmp_path / "empty/cats").mkdir(parents=True)
    with pytest.raises(UserError, match="cats or dogs; nothing to score"):
        unseen_photos.load_unseen_photos(tmp_path / "empty", *arguments, NOBODY)
    seen = photo(tmp_path / "seen/cats/0.jpg", 1)
    (tmp_path / "seen/cats/1.jpg").touch()
    known = to_fingerprints([content_hash(seen.read_bytes())])
    assert known[0] >= 2**63  # what NumPy 2.0.0 could not look up
    with pytest.raises(UserError, match=r"1 unreadable, 1 seen in training\)"):
        unseen_photos.load_unseen_photos(tmp_path / "seen", *arguments, known)
    with pytest.raises(UserError, match="no such folder"):
        unseen_photos.load_unseen_photos(tmp_path / "gone", *arguments, NOBODY)


def test_a_copy_is_scored_once(tmp_path, photo_tree):
    folder = photo_tree(tmp_path, {"cats": 2, "dogs": 1})
    (folder / "cats/copy.jpg").write_bytes((folder / "cats/1.jpg").read_bytes())
    found = unseen_photos.load_unseen_photos(folder, ("cats", "dogs"), Preprocessing(SHAPE), NOBODY)
    assert found.images.labels.tolist() == [0, 0, 1]
    assert "1 copies of other photos left out" in found.notes


def test_a_photo_in_two_classes_is_not_scored_as_one_of_them(tmp_path, photo_tree):
    folder = photo_tree(tmp_path, {"cats": 2, "dogs": 2})
    photo = (folder / "cats/1.jpg").read_bytes()
    for name in ("cats/again.jpg", "dogs/cat.jpg"):
        (folder / name).write_bytes(photo)
    arguments = (folder, ("cats", "dogs"), Preprocessing(SHAPE))
    found = unseen_photos.load_unseen_photos(*arguments, NOBODY)
    scored = [name.removeprefix(f"{folder}/") for name in found.images.names]
    assert scored == ["cats/0.jpg", "dogs/0.jpg", "dogs/1.jpg"]
    told = f"the same photo is in two classes, left out of both: {folder}/cats/1.jpg = {folder}/dogs/cat.jpg"
    assert [note for note in found.notes if "left out" in note] == [told]
    others = to_fingerprints([content_hash(path.read_bytes()) for path in folder.glob("*/[01].jpg")])
    one = others[others != to_fingerprints([content_hash(photo)])]
    with pytest.raises(UserError, match=r"no photo to score \(0 unreadable, 3 seen in training, 3 in two classes\)"):
        unseen_photos.load_unseen_photos(*arguments, one)


def test_files_of_other_types_are_counted(tmp_path, photo_tree):
    folder = photo_tree(tmp_path, {"cats": 1, "dogs": 1})
    (folder / "cats/a.cr2").touch()
    (folder / "loose.jpg").touch()
    (folder / ".hidden").touch()
    notes = unseen_photos.load_unseen_photos(folder, ("cats", "dogs"), Preprocessing(SHAPE), NOBODY).notes
    assert "files ignored, since they are not photos in a class folder: 2 (1 .cr2, 1 .jpg)" in notes


@pytest.mark.parametrize(
    ("folder", "told"), [("strange", "the network knows n0, n1, n2, n3, n4 and 995 more"), ("n7", "one of 995 more")]
)
def test_a_message_about_a_network_of_many_classes_is_short(tmp_path, photo_tree, folder, told):
    if folder == "strange":
        photo_tree(tmp_path, {folder: 1})
    (tmp_path / folder).mkdir(exist_ok=True)
    with pytest.raises(UserError) as raised:
        unseen_photos.list_labelled_photos(tmp_path, tuple(f"n{number}" for number in range(1_000)))
    assert told in str(raised.value)
    assert len(str(raised.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("name", ["Cats", "cats ", "ca\u200bts"])
def test_a_class_whose_name_looks_like_a_known_one_is_told_apart(tmp_path, photo_tree, name):
    photo_tree(tmp_path, {name: 1})
    with pytest.raises(UserError, match=r"\(there is 'cats'\); the network knows cats, dogs; name its folder as one"):
        unseen_photos.list_labelled_photos(tmp_path, ("cats", "dogs"))

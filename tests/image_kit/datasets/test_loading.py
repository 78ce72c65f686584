"""From a recipe or a folder to the images of each part."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from image_kit.datasets.loading import load_arrays, load_photos
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from presets import PRESETS

SHAPE = (12, 16, 3)
PHOTOS = replace(PRESETS["elephants_cars"], image_size=SHAPE[:2])
COUNTS = [5, 10, 14, 15, 20, 3, 1, 100, 10, 10]  # training images of each class of the fixture `mnist`


def test_the_validation_cut_has_exact_counts_of_each_class(mnist):
    data = load_arrays(PRESETS["mnist_cnn"], str(mnist))
    assert list(data.parts) == ["train", "validation", "test"]
    validation = np.bincount(data.parts["validation"].labels, minlength=10)
    # A tenth, halves rounded to the even number, and at least one.
    assert validation.tolist() == [1, 1, 1, 2, 2, 1, 1, 10, 1, 1]
    assert (np.bincount(data.parts["train"].labels, minlength=10) + validation).tolist() == COUNTS


def test_images_labels_and_names_stay_together(mnist):
    data = load_arrays(PRESETS["mnist_cnn"], str(mnist))
    labels = np.load(mnist / "mnist.npz")["y_train"]
    seen = []
    for part in ("train", "validation"):
        images = data.parts[part]
        numbers = [int(name.removeprefix("train ")) for name in images.names]
        assert (images.labels == labels[numbers]).all()
        assert (images.images[:, 0, 0, 0] == numbers).all()
        seen += numbers
    assert sorted(seen) == list(range(sum(COUNTS)))
    assert data.parts["test"].names == [f"test {number}" for number in range(7)]
    assert (data.parts["test"].images[:, 0, 0, 0] == np.arange(7)).all()


@pytest.mark.parametrize("changes", [{"seed": 7}, {"batch_size": 3, "epochs": 1}])
def test_the_cut_does_not_move_with_the_seed(mnist, changes):
    recipe = PRESETS["mnist_dense"]
    first, other = (load_arrays(each, str(mnist)) for each in (recipe, replace(recipe, **changes)))
    assert first.parts["validation"].names == other.parts["validation"].names


def test_the_cut_is_not_the_head_of_each_class(mnist):
    data = load_arrays(PRESETS["mnist_dense"], str(mnist))
    labels = np.load(mnist / "mnist.npz")["y_train"]
    chosen = [int(name[6:]) for name in data.parts["validation"].names]
    assert not {np.flatnonzero(labels == 7)[place] for place in range(10)} <= set(chosen)


@pytest.mark.parametrize("changes", [{"image_size": (32, 32)}, {"grayscale": False}])
def test_options_for_photos_are_refused(mnist, changes):
    with pytest.raises(UserError) as caught:
        load_arrays(replace(PRESETS["mnist_dense"], **changes), str(mnist))
    for words in ("--image-size", "--grayscale", "mnist has images of (28, 28, 1)", "for photos"):
        assert words in str(caught.value)


def test_parts_as_the_folder_says(tmp_path, photo_tree):
    counts = {"train/cats": 5, "train/dogs": 4, "val/cats": 3, "val/dogs": 2, "test/cats": 1, "test/dogs": 6}
    data = load_photos(photo_tree(tmp_path, counts), PHOTOS)
    found = {part: tuple(np.bincount(images.labels)) for part, images in data.parts.items()}
    assert found == {"train": (5, 4), "validation": (3, 2), "test": (1, 6)}
    assert data.class_names == ("cats", "dogs")
    assert data.preprocessing == Preprocessing(SHAPE)
    assert data.unreadable == {}
    assert data.describe()[-4:] == [
        "2 classes: cats, dogs",
        "train: 9 images (5 cats, 4 dogs)",
        "validation: 5 images (3 cats, 2 dogs)",
        "test: 7 images (1 cats, 6 dogs)",
    ]
    for images in data.parts.values():
        assert images.labels.dtype == np.int32
        for index, name in enumerate(images.names):
            assert ("cats" in name) == (images.labels[index] == 0)
            assert (images.take(np.array([index]))[0] == data.preprocessing.photo(name)).all()


def test_what_is_left_out_is_noted(tmp_path, photo_tree, photo):
    photo_tree(tmp_path, {"train/cats": 4, "train/dogs": 4, "val/cats": 2, "val/dogs": 2})
    (tmp_path / "train/cats/broken.jpg").write_bytes(b"x")
    copy = tmp_path / "val/dogs/copy.jpg"
    copy.write_bytes((tmp_path / "train/dogs/0.jpg").read_bytes())
    for label in ("cats", "dogs"):
        photo(tmp_path / f"train/{label}/both.jpg", 99)
    data = load_photos(tmp_path, PHOTOS)
    assert Counter(data.parts["train"].labels.tolist()) == {0: 4, 1: 3}
    assert str(copy) in data.parts["validation"].names
    assert data.unreadable == {str(tmp_path / "train/cats/broken.jpg"): "not an image, or damaged"}
    notes = "\n".join(data.notes)
    for words in ("1 unreadable", "broken.jpg (not an image", "kept in validation only", "both.jpg", "train/ val/"):
        assert words in notes
    assert "test" not in data.parts


def test_a_class_folder_is_split_alike_for_every_size_budget_and_name(tmp_path, photo_tree):
    photo_tree(tmp_path / "a", {"cats": 40, "dogs": 40})
    first = load_photos(tmp_path / "a", PHOTOS)
    assert set(first.parts) == {"train", "validation", "test"}
    assert sum(len(images.labels) for images in first.parts.values()) == 80
    (tmp_path / "a").rename(tmp_path / "b")
    other = load_photos(tmp_path / "b", replace(PHOTOS, image_size=(9, 9), seed=3, grayscale=True), budget=1000)
    for part, images in first.parts.items():
        assert images.fingerprints.tolist() == other.parts[part].fingerprints.tolist()
    assert other.parts["test"].take(np.array([0])).shape == (1, 9, 9, 1)


def test_every_photo_readable_or_not_moves_the_progress_bar(tmp_path, photo_tree):
    photo_tree(tmp_path, {"train/cats": 3, "train/dogs": 3, "val/cats": 2, "val/dogs": 2})
    (tmp_path / "train/cats/broken.jpg").touch()
    seen = []
    load_photos(tmp_path, PHOTOS, show_progress=lambda items: (seen.append(item) or item for item in items))
    assert len(seen) == 11


def test_too_few_photos(tmp_path, photo_tree):
    photo_tree(tmp_path, {"train/cats": 1, "train/dogs": 3, "val/cats": 2, "val/dogs": 2})
    with pytest.raises(UserError, match=r"too few readable photos of 'cats' \(1 for train\)"):
        load_photos(tmp_path, PHOTOS)
    for path in (tmp_path / "train/dogs").iterdir():
        path.write_text("this is a text and no photo", encoding="utf-8")
    with pytest.raises(UserError, match=r"\(3 cannot be read, such as .*\.jpg: not an image: it is a text\)$"):
        load_photos(tmp_path, PHOTOS)

"""The photos of a run are found again, and what it has seen is told from what it has not."""

import shutil

import numpy as np
import pytest

from image_kit.datasets import to_fingerprints
from image_kit.errors import UserError
from image_kit.exports import find_run_photos
from image_kit.photos import Preprocessing, content_hash
from image_kit.training import RunFolder, Settings
from image_kit.weights import Description, save_network
from presets import PRESETS
from tests.fixtures.exported import FLATTEN, dense

SHAPE = (8, 8, 3)
PREPROCESSING = Preprocessing(SHAPE)


def write_run(folder, settings, seen=()):
    """A run folder with settings and weights that say which photos they were trained on; returns the weights file."""
    folder.mkdir()
    RunFolder(folder).write_settings(settings)
    marks = to_fingerprints([content_hash(path.read_bytes()) for path in seen])
    description = Description("mine", ("cats", "dogs"), PREPROCESSING, network=[FLATTEN, dense(2, "softmax")])
    weights = [[], [np.ones((int(np.prod(SHAPE)), 2), np.float32)]]
    save_network(folder / "best.weights.h5", description, weights, marks)
    return folder / "best.weights.h5"


@pytest.fixture
def run(tmp_path, photo_tree):
    """`run(seen)` makes a run on 40 cats and 40 dogs, of which it has seen the first `seen` each."""
    photos = photo_tree(tmp_path / "photos", {"cats": 40, "dogs": 40})

    def make(seen):
        known = [photos / name / f"{number}.jpg" for name in ("cats", "dogs") for number in range(seen)]
        settings = Settings("photos", PRESETS["elephants_cars"], folder=str(photos))
        return write_run(tmp_path / "run", settings, known)

    return make


def find(weights, names=("cats", "dogs"), data=None):
    return find_run_photos(weights, names, PREPROCESSING, data)


def test_photos_that_it_has_not_seen_are_held(run, tmp_path):
    found = find(run(20), names=("dogs", "cats"))  # the network's order decides the labels
    assert found.words == f"40 photos of {tmp_path / 'photos'} that it was not trained on"
    assert sorted(int(name.split("/")[-1][:-4]) for name in found.held.names) == sorted([*range(20, 40)] * 2)
    assert [("dogs", "cats")[label] for label in found.held.labels] == [
        name.split("/")[-2] for name in found.held.names
    ]
    assert (found.held.images.shape, found.calibration.shape) == ((40, *SHAPE), (40, *SHAPE))
    np.testing.assert_array_equal(found.held.images[3], PREPROCESSING.photo(found.held.names[3]))
    np.testing.assert_array_equal(found.held.images, find_again(found))


def find_again(found):
    """The same images, read by their names."""
    return np.stack([PREPROCESSING.photo(name) for name in found.held.names])


@pytest.mark.parametrize(
    ("seen", "count", "words"),
    [(40, 80, "80 photos of {} that it was trained or validated on"), (35, 80, "10 photos of {} that it was not")],
)
def test_where_few_are_unseen_the_others_are_named_and_added(run, tmp_path, seen, count, words):
    found = find(run(seen))
    assert len(found.held.labels) == count
    assert found.words.startswith(words.format(tmp_path / "photos"))


def test_photos_that_moved_are_found_with_data_and_otherwise_drawings_are_used(run, tmp_path):
    weights = run(20)
    shutil.move(tmp_path / "photos", tmp_path / "moved")
    (tmp_path / "moved/cats/broken.jpg").write_bytes(b"no photo")
    assert find(weights, data=tmp_path / "moved").words.startswith("40 photos")
    drawn = find(weights)
    assert drawn.words.startswith("20 drawings that the kit made, since its photos were not found: ")
    assert not drawn.is_labelled
    assert drawn.held.images.shape == (20, *SHAPE)
    with pytest.raises(UserError, match="no photo in any class folder"):
        find(weights, data=tmp_path / "run")


def test_a_folder_of_other_classes_is_refused(run, tmp_path, photo_tree):
    photo_tree(tmp_path / "other", {"cats": 2, "owls": 2})
    with pytest.raises(UserError, match="has a class 'owls'; the network knows cats, dogs"):
        find(run(20), data=tmp_path / "other")


def test_images_of_an_array_preset(tmp_path, tiny_arrays):
    recipe = PRESETS["mnist_dense"]
    weights = write_run(tmp_path / "run", Settings("mnist_dense", recipe, data_dir=str(tiny_arrays)))
    found = find_run_photos(weights, tuple("0123456789"), Preprocessing((28, 28, 1)))
    assert found.words == "60 test images of mnist"
    assert (found.held.images.shape, found.calibration.shape) == ((60, 28, 28, 1), (180, 28, 28, 1))
    assert found.held.labels.tolist() == [number % 10 for number in range(60)]

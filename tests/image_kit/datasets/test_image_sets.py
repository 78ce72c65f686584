"""What is said about a data set, and how its photos are identified."""

import numpy as np

from image_kit.datasets.image_sets import describe_counts, to_fingerprints
from image_kit.datasets.loading import load_arrays
from image_kit.photos import Preprocessing
from presets import PRESETS


def test_arrays_are_described(mnist):
    data = load_arrays(PRESETS["mnist_dense"], str(mnist))
    origin, classes, train, validation, test = data.describe()
    assert origin == f"mnist from {mnist / 'mnist.npz'}"
    assert classes == "10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert train.startswith("train: 167 images (4 0, 9 1, ")
    assert validation.startswith("validation: 21 images (")
    assert test.startswith("test: 7 images (")
    assert data.preprocessing == Preprocessing((28, 28, 1))
    assert len(data.trained_on) == 0


def test_fingerprints_are_the_first_8_bytes():
    assert to_fingerprints(["00000000000000ff" + "0" * 48, None, "f" * 64]).tolist() == [255, 0, 2**64 - 1]
    assert to_fingerprints([]).dtype == to_fingerprints([None]).dtype == np.uint64


def test_counts_name_ten_classes_at_most():
    labels = {"train": np.array([0, 0, 2]), "test": np.array([], int)}
    assert describe_counts(("a", "b", "c"), labels) == [
        "3 classes: a, b, c",
        "train: 3 images (2 a, 0 b, 1 c)",
        "test: 0 images (0 a, 0 b, 0 c)",
    ]
    first, train = describe_counts([f"c{number}" for number in range(1_200)], {"train": np.arange(1_200)})
    assert first == "1200 classes: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, ..."
    assert train.startswith("train: 1,200 images (1 c0, 1 c1, ")
    assert train.endswith("1 c9, ...)")

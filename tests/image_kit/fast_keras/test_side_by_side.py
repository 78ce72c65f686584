"""side_by_side: training in slices is the same, with the same files."""

import keras
import numpy as np
import pytest

from image_kit.compute import shapes_only
from image_kit.fast_keras import side_by_side
from image_kit.fast_keras.side_by_side import SideBySide, choose_slices
from image_kit.machine import cpu_cores
from image_kit.training.network import loss_for
from tests.fixtures.networks import NETWORKS


def pair(name, shape, n_classes, slices=3):
    """A network, and the same one with the same weights in slices; both compiled."""
    keras.utils.set_random_seed(0)
    plain = NETWORKS.build(name, shape, n_classes)
    sliced = SideBySide(NETWORKS.build(name, shape, n_classes), slices)
    sliced.set_weights(plain.get_weights())
    for model in (plain, sliced):
        model.compile("sgd", loss_for(model), metrics=["accuracy"], steps_per_execution=2)
    return plain, sliced


CASES = [("fashion_mnist", (28, 28, 1), 10), ("cifar10_small", (32, 32, 3), 10), ("one_conv", (12, 12, 3), 2)]


@pytest.mark.parametrize(("name", "shape", "n_classes"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_training_is_the_same_to_rounding(name, shape, n_classes, size):
    """Batches of 8 and a last one of `size`: fewer images than slices, or uneven slices."""
    plain, shared = pair(name, shape, n_classes)
    rng = np.random.default_rng(0)
    images = rng.random((16 + size, *shape), np.float32)
    labels = np.arange(16 + size) % 2
    labels = labels[:, None].astype(np.float32) if n_classes == 2 else labels
    found = [
        model.fit(
            images,
            labels,
            batch_size=8,
            epochs=2,
            shuffle=False,
            verbose=0,
            class_weight={label: 1 + label for label in range(n_classes)},
            validation_data=(images[:size], labels[:size]),
        ).history
        for model in (plain, shared)
    ]
    assert found[0].keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for key, values in found[0].items():
        np.testing.assert_allclose(found[1][key], values, rtol=1e-5)
    for one, other in zip(plain.get_weights(), shared.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)
    np.testing.assert_allclose(shared.predict(images, verbose=0), plain.predict(images, verbose=0), atol=1e-6)


def test_their_files_are_each_others(tmp_path):
    plain, shared = pair("cifar10", (32, 32, 3), 10)
    for source, target in ((plain, shared), (shared, plain)):
        source.set_weights([weights + 1 for weights in source.get_weights()])
        path = tmp_path / f"{type(source).__name__}.weights.h5"
        source.save_weights(path)
        target.load_weights(path)
        for one, other in zip(source.get_weights(), target.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert shared.count_params() == plain.count_params() == 276_138


@pytest.mark.parametrize(
    ("name", "shape", "batch_size", "cores", "slices"),
    [
        ("fashion_mnist", (28, 28, 1), 64, 2, 2),
        ("fashion_mnist", (28, 28, 1), 64, 4, 4),
        ("fashion_mnist", (28, 28, 1), 64, 5, 1),  # slices of fewer than 16 images
        ("cifar10_small", (32, 32, 3), 32, 2, 2),
        ("cifar10_small", (32, 32, 3), 31, 2, 1),
        ("cifar10", (32, 32, 3), 256, 16, 16),
        ("cifar10", (32, 32, 3), 256, 1, 1),
        ("elephants_cars", (64, 64, 3), 32, 2, 2),
        ("elephants_cars", (65, 64, 3), 32, 2, 1),
        ("elephants_cars", (300, 300, 3), 32, 2, 1),
        ("one_conv", (32, 32, 3), 32, 2, 1),
        ("one_conv", (28, 28, 1), 32, 2, 1),
        ("mnist_dense", (28, 28, 1), 128, 2, 2),
    ],
)
def test_slices_of_a_batch(name, shape, batch_size, cores, slices):
    with shapes_only():
        network = NETWORKS.build(name, shape, 10 if "mnist" in name or "cifar" in name else 2)
        assert choose_slices(network, batch_size, cores) == slices


def test_statistics_of_a_whole_batch_are_not_sliced():
    layers = [keras.Input((28, 28, 1)), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    assert choose_slices(keras.Sequential([*layers[:1], *layers[2:]]), 64, 2) == 2
    assert choose_slices(keras.Sequential(layers), 64, 2) == 1


def test_slices_draw_their_own_dropout():
    layer = keras.layers.Dropout(0.5)
    model = SideBySide(keras.Sequential([keras.layers.Input((1000,)), layer]), 2)
    first, second = np.asarray(model(np.ones((2, 1000), np.float32), training=True))
    assert 0.4 < (first == second).mean() < 0.6


RUN = """
import sys
from image_kit.compute import device as compute
found = compute.set_up("float32", 0, int(sys.argv[1]))
import tensorflow as tf
from image_kit.fast_keras import side_by_side
print(side_by_side.slices_in_use(), tf.config.threading.get_intra_op_parallelism_threads())
compute.set_up("float32", 0, 3)  # too late
print(side_by_side.slices_in_use())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("slices", "said"), [("1", ["1 0", "1"]), ("2", ["2 1", "2"])])
def test_set_up_decides_once_for_the_process(run_python, slices, said):
    done = run_python("-c", RUN, slices)
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", said)


def test_this_process_splits_operations():
    assert side_by_side.slices_in_use() == 1


FIT = """
import os, sys
from dataclasses import replace
from image_kit.compute import set_up
hardware = replace(set_up("auto", 0, 2), cores=2)  # a slice of a batch has 16 images at least
os.chdir(sys.argv[1])
import keras, numpy as np
from image_kit.answering import KerasClassifier
from image_kit.datasets import Data, ImageSet
from image_kit.fast_keras.side_by_side import SideBySide
from image_kit.photos import Preprocessing
from image_kit.training import Run, RunFolder, Settings
from presets import PRESETS
from tests.fixtures.networks import NETWORKS

preset = replace(PRESETS["cifar10"], image_size=(28, 28), batch_size=32, augment=False)
rng = np.random.default_rng(0)

def part(n):
    return ImageSet(rng.integers(0, 256, (n, 28, 28, 3), np.uint8), np.arange(n, dtype=np.int32) % 3, [""] * n)

parts = {"train": part(2 * 32 + 1), "validation": part(9), "test": part(5)}
data = Data(("a", "b", "c"), Preprocessing((28, 28, 3)), parts, [])

def run(name, epochs, resumed=None):
    settings = Settings("cifar10", replace(preset, epochs=epochs))
    folder = resumed or RunFolder.create(name, "unused")
    folder.write_settings(settings)
    keras.utils.set_random_seed(preset.seed)
    run = Run(settings, data, NETWORKS, hardware)
    run.build(lambda: folder)
    assert type(run.model) is SideBySide
    run.fit()
    run.finish()
    return folder, run.model.get_weights()

whole, weights = run("whole", 3)
broken, _ = run("broken", 1)
broken, again = run("broken", 3, RunFolder.open(broken.path))
for one, other in zip(weights, again, strict=True):
    np.testing.assert_array_equal(one, other)
classifier = KerasClassifier.load(whole.file("best.weights.h5"))
images = data.parts["validation"].images
together = classifier.probabilities(images)
alone = np.concatenate([classifier.probabilities(images[i : i + 1]) for i in range(9)])
np.testing.assert_allclose(together, alone, atol=1e-6)
print("equal")
"""


@pytest.mark.slow
def test_a_run_in_slices_resumes_bit_for_bit_and_its_weights_answer(run_python, tmp_path):
    done = run_python("-c", FIT, tmp_path)
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr[-3000:]


COMMAND = """
import os, sys
os.chdir(sys.argv.pop(1))
sys.argv[0] = "train.py"
import train
train.main()
from image_kit.fast_keras import side_by_side
print("slices", side_by_side.slices_in_use())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "is_sliced"), [("24", True), ("80", False)])
def test_train_slices_small_images_only(run_python, tmp_path, coloured_photos, size, is_sliced):
    coloured_photos(tmp_path / "photos", {"train/cats": 6, "train/dogs": 6, "val/cats": 2, "val/dogs": 2})
    cores = cpu_cores()
    options = ["--preset", "elephants_cars", "--image-size", size, "--batch-size", str(16 * cores), "--epochs", "1"]
    done = run_python("-c", COMMAND, tmp_path, "photos", *options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == f"slices {cores if is_sliced else 1}"

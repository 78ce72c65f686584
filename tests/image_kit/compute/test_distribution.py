"""Several devices and machines train as one device does, up to rounding; a lost machine is an error, not a wait."""

import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from image_kit.errors import UserError

DEVICES = """
import json, sys
from dataclasses import replace
from pathlib import Path
from image_kit.compute import dtype_policy, native_stderr_held_back, set_up
with native_stderr_held_back():
    import tensorflow as tf
    cpu = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [cpu] * 2)
    import keras, numpy as np
    from image_kit.compute import distribution
    from image_kit.fast_keras import optimizers
optimizers.MANY = 100  # so that what large variables get is tested too
from image_kit.datasets import load_photos
from image_kit.training import Run, RunFolder, Settings
from presets import PRESETS
from tests.fixtures.networks import NETWORKS

def run(name, recipe, who, epochs):
    path = Path("runs", name)
    folder = RunFolder.open(path) if path.exists() else RunFolder.create(name, "unused")
    settings = Settings("photos", replace(recipe, epochs=epochs))
    folder.write_settings(settings)
    hardware = set_up(recipe.precision, recipe.seed)
    run = Run(settings, load_photos(Path("photos"), recipe), NETWORKS, hardware, who)
    run.build(lambda: folder)
    run.fit()
    run.finish()
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in folder.history]
    return rows, [weights.tolist() for weights in run.model.get_weights()]

two = distribution.over_devices(["CPU:0", "CPU:1"])
base = replace(PRESETS["one_conv"], image_size=(16, 16), batch_size=7, precision="float32", optimizer="adam",
               class_weights="balanced")
dropout = replace(base, model="mnist_cnn", precision="mixed_float16", optimizer="rmsprop")
found = {
    "alone": run("alone", base, distribution.ALONE, 2),
    "two": run("two", base, two, 2),
    "whole": run("whole", dropout, two, 2),
}
run("broken", dropout, two, 1)
found["broken"] = run("broken", dropout, two, 2)

def overflow(place):
    # One step of four images in float16, one too bright: are weights unchanged, the loss scale, steps that count.
    with two.scope(), dtype_policy("mixed_float16"):
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    images, labels = np.ones((4, 4), np.float32), np.zeros((4, 1), np.float32)
    images[place] = 1e4
    two.adapt(model, labels)
    before = model.get_weights()
    model.fit(tf.data.Dataset.from_tensors((images, labels)), shuffle=False, verbose=0)
    unchanged = all(np.array_equal(*pair) for pair in zip(before, model.get_weights()))
    return unchanged, float(model.optimizer.dynamic_scale.numpy()), int(model.optimizer.iterations.numpy())

found["overflow"] = [overflow(0), overflow(3)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def on_devices(tmp_path_factory, run_script, coloured_photos):
    """Histories and last weights of the runs of the script above, in one process with two logical CPUs."""
    folder = tmp_path_factory.mktemp("devices")
    # Batches of 7 are cut into 3 and 4; the last one of an epoch is 1 image: none for one of the devices.
    counts = {"train/cats": 9, "train/dogs": 6, "val/cats": 4, "val/dogs": 3, "test/cats": 1, "test/dogs": 1}
    coloured_photos(folder / "photos", counts)
    process = run_script(folder, DEVICES)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_devices_train_as_one(on_devices):
    """Augmented, with class weights, batches that do not divide evenly and a last one smaller than the devices."""
    (rows, weights), (wanted_rows, wanted_weights) = on_devices["two"], on_devices["alone"]
    assert len(rows) == len(wanted_rows) == 2
    for row, wanted in zip(rows, wanted_rows, strict=True):
        assert row == pytest.approx(wanted, rel=1e-5)
    for ours, theirs in zip(weights, wanted_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
def test_on_several_devices_a_resumed_run_equals_an_uninterrupted_one(on_devices):
    """With dropout, and float16 with its loss scale in the optimizer's state."""
    assert on_devices["broken"] == on_devices["whole"]


@pytest.mark.slow
def test_an_overflow_on_any_device_skips_the_step_on_all(on_devices):
    assert on_devices["overflow"] == [[True, 2.0**14, 0]] * 2


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=3), parts=st.integers(1, 5))
def test_batches_are_cut_evenly_and_whole(sizes, parts):
    import tensorflow as tf

    from image_kit.compute.distribution import cut_batches

    batches = [(np.arange(size * 2).reshape(size, 2), np.arange(size)) for size in sizes]
    signature = (tf.TensorSpec((None, 2), tf.int64), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    cut = list(cut_batches(dataset, parts).as_numpy_iterator())
    assert len(cut) == len(batches) * parts
    for number, (images, labels) in enumerate(batches):
        its = cut[number * parts : (number + 1) * parts]
        np.testing.assert_array_equal(np.concatenate([part[0] for part in its]), images)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in its]), labels)
        assert max(len(part[1]) for part in its) - min(len(part[1]) for part in its) <= 1


@pytest.mark.parametrize("version", ["3.14.1", "3.16.0", "4.0", "3.150.0"])
def test_another_keras_is_refused(version):
    from image_kit.compute.distribution import require_known_keras

    require_known_keras("3.15.1")
    with pytest.raises(UserError, match=f"Keras {version}: training on several GPUs or machines is known to work"):
        require_known_keras(version)


@pytest.mark.parametrize(
    ("batch_size", "text"),
    [
        (256, " The batch of 256 is divided: 128 on each of 2 devices; learning rate unchanged: 0.001."),
        (7, " The batch of 7 is divided: 3 or 4 on each of 2 devices; learning rate unchanged: 0.001."),
    ],
)
def test_the_sentence_says_how_the_batch_is_divided(batch_size, text):
    from image_kit.compute import distribution

    shared = distribution.Distribution()
    assert shared.sentence(batch_size, 0.001) == ""
    shared.strategy, shared.replicas = object(), 2
    assert shared.sentence(batch_size, 0.001) == text

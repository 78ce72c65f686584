"""optimizers: the same as Keras's own up to rounding, and so are their files."""

import keras
import numpy as np
import pytest

from image_kit.fast_keras import optimizers
from image_kit.fast_keras.optimizers import Adam, RMSprop, faster_optimizer

PAIRS = [(Adam, keras.optimizers.Adam), (RMSprop, keras.optimizers.RMSprop)]


@pytest.fixture(autouse=True)
def every_kernel_is_large(monkeypatch):
    """With this limit each network has large variables, and small ones: its biases."""
    monkeypatch.setattr(optimizers, "MANY", 6)


def train(optimizer, steps=20, dtype="float32"):
    """Weights and optimizer after some steps on a small network."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Input((6,)), keras.layers.Dense(5, "relu", dtype=dtype), keras.layers.Dense(1, dtype="float32")]
    )
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8 * steps, 6)).astype(np.float32)
    model.fit(x, x[:, :1] ** 2, batch_size=8, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("options", [{}, {"learning_rate": 0.05, "epsilon": 1e-3}, {"use_ema": True, "clipnorm": 0.1}])
@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_the_weights_and_the_state_are_those_of_keras(ours, theirs, dtype, options):
    ours, theirs = train(ours(**options), dtype=dtype), train(theirs(**options), dtype=dtype)
    tolerance = 2e-5 if dtype == "float32" else 3e-3  # a gradient that is rounded to bfloat16 may fall either way
    for mine, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, expected, atol=tolerance)
    for mine, expected in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine, expected, atol=tolerance)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_small_variables_are_updated_by_keras_itself(monkeypatch, ours, theirs):
    monkeypatch.setattr(optimizers, "MANY", 1000)
    for mine, expected in zip(train(ours()).get_weights(), train(theirs()).get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_a_learning_rate_that_is_set_later_is_used(name):
    optimizer = faster_optimizer(keras.optimizers.get(name))
    assert type(optimizer).__name__.lower() == name
    optimizer.learning_rate = 0.0
    before, after = train(Adam(0.0), 1).get_weights(), train(optimizer, 3).get_weights()
    for start, end in zip(before, after, strict=True):
        np.testing.assert_array_equal(start, end)


SETTINGS = {"learning_rate": 0.25, "use_ema": True, "ema_momentum": 0.5, "weight_decay": 0.125}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_settings_are_kept(ours, theirs):
    faster = faster_optimizer(theirs(**SETTINGS))
    assert type(faster) is ours
    assert {name: value for name, value in faster.get_config().items() if name in SETTINGS} == SETTINGS


@pytest.mark.parametrize(
    "other",
    [
        keras.optimizers.RMSprop(momentum=0.5),
        keras.optimizers.RMSprop(centered=True),
        keras.optimizers.Adam(amsgrad=True),
        keras.optimizers.AdamW(),
        keras.optimizers.SGD(momentum=0.5),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_what_ours_do_not_support_is_left_to_keras(other):
    again = faster_optimizer(other)
    assert again is not other
    assert type(again) is type(other)
    assert again.get_config() == other.get_config()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_keras_continues_from_our_file_and_we_from_keras(tmp_path, ours, theirs):
    for written, read in ((train(ours()), theirs()), (train(theirs()), ours())):
        written.save_weights(tmp_path / "a.weights.h5")
        other = train(read, 1)
        other.load_weights(tmp_path / "a.weights.h5")
        for got, expected in zip(other.optimizer.variables, written.optimizer.variables, strict=True):
            np.testing.assert_array_equal(got, expected)


TWO_DEVICES = """
import numpy as np, keras, tensorflow as tf
from image_kit.compute import device as compute
from image_kit.fast_keras import optimizers
optimizers.MANY = 6
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
results = []
for scope in (strategy, tf.distribute.get_strategy()):
    with scope.scope():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1)])
        optimizer = optimizers.faster_optimizer(keras.optimizers.get(NAME))
        optimizer.learning_rate = 0.01
        model.compile(optimizer, "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    model.fit(x, x[:, :1], batch_size=16, shuffle=False, verbose=0, epochs=2)
    results.append(model.get_weights())
print(scope.num_replicas_in_sync, strategy.num_replicas_in_sync, max(abs(a - b).max() for a, b in zip(*results)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_two_replicas_learn_what_one_does(run_python, name):
    done = run_python("-c", TWO_DEVICES.replace("NAME", repr(name)))
    assert done.returncode == 0, done.stderr
    one, two, difference = done.stdout.split()
    assert (one, two) == ("1", "2")
    assert float(difference) < 1e-5

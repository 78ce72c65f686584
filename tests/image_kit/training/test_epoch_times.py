"""epoch_times: the parts are the whole, and each is what it says."""

import re
import time
from itertools import pairwise

import keras
import numpy as np
import pytest

from image_kit.training.epoch_times import EpochTimes

PARTS = ["waiting for data", "steps", "validation", "callbacks"]
SLOW = 0.05  # seconds, in four places an epoch


class Data(keras.utils.PyDataset):
    """Four batches, each as late as `delay` says."""

    def __init__(self, delay=0.0, batches=4):
        super().__init__()
        self.delay, self.batches = delay, batches

    def __len__(self):
        return self.batches

    def __getitem__(self, i):
        time.sleep(self.delay)
        return np.full((3, 2), i, np.float32), np.ones((3, 1), np.float32)


class Begins(keras.callbacks.Callback):
    """Notes when epochs begin, and takes its time over every batch."""

    def __init__(self, delay=0.0):
        super().__init__()
        self.delay, self.times = delay, []

    def on_epoch_begin(self, epoch, logs=None):
        self.times.append(time.perf_counter())

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.delay)

    def on_train_end(self, logs=None):
        self.times.append(time.perf_counter())


class SlowLayer(keras.layers.Layer):
    """Takes its time in every step, in training or else in validation."""

    def __init__(self, delay, in_training):
        super().__init__()
        self.delay, self.in_training = delay, in_training

    def call(self, x, training=None):
        if bool(training) == self.in_training:
            time.sleep(self.delay)
        return x


def measure(folder, data=None, layer=None, callback=None, epochs=3, steps_per_execution=2, **options):
    """Fit a network of one weight; returns (EpochTimes, Begins, the model)."""
    model = keras.Sequential([keras.layers.Input((2,)), *([layer] if layer else []), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution, run_eagerly=layer is not None)
    times, begins = EpochTimes(folder), callback or Begins()
    fit = {"verbose": 0, "shuffle": False, "epochs": epochs, "callbacks": [times, begins], **options}
    model.fit(data or Data(), validation_data=Data(), **fit)
    return times, begins, model


@pytest.mark.parametrize(
    ("part", "slow"),
    [
        ("waiting for data", lambda: {"data": Data(SLOW)}),
        ("steps", lambda: {"layer": SlowLayer(SLOW, True)}),
        ("validation", lambda: {"layer": SlowLayer(SLOW, False)}),
        ("callbacks", lambda: {"callback": Begins(2 * SLOW)}),  # called for every second batch
    ],
)
def test_what_is_slow_shows_up_where_it_belongs(tmp_path, part, slow):
    times, _, _ = measure(tmp_path, epochs=4, **slow())
    for epoch in times.epochs:
        assert list(epoch) == PARTS
        assert epoch[part] >= 2 * SLOW  # batches are made ahead while others are computed with
    epoch = min(times.epochs, key=lambda epoch: sum(epoch.values()))  # on a busy machine any of them may be late
    assert max(epoch, key=epoch.get) == part


def test_the_parts_add_up_to_the_epoch(tmp_path):
    times, begins, _ = measure(tmp_path, Data(SLOW))
    wholes = [end - begin for begin, end in pairwise(begins.times)]
    assert len(times.epochs) == len(wholes) == 3
    for parts, whole in zip(times.epochs[1:], wholes[1:], strict=True):  # the trace is in the first
        assert min(parts.values()) >= 0
        assert sum(parts.values()) == pytest.approx(whole, abs=0.05)


def test_the_line_says_it(tmp_path, capsys):
    times, _, _ = measure(tmp_path, initial_epoch=4, epochs=6)
    lines = capsys.readouterr().err.splitlines()
    seconds = r"(\d+\.\d\d) s \(\d+%\)"
    pattern = r"epoch (\d) took (\d+\.\d\d) s: " + ", ".join(f"{part} {seconds}" for part in PARTS)
    matches = [re.fullmatch(pattern, line) for line in lines]
    assert [match[1] for match in matches] == ["5", "6"]
    for match, epoch in zip(matches, times.epochs, strict=True):
        assert float(match[2]) == pytest.approx(sum(epoch.values()), abs=0.006)
        assert [float(value) for value in match.groups()[2:]] == pytest.approx(list(epoch.values()), abs=0.006)


@pytest.mark.parametrize(("batches", "epochs"), [(1, 1), (1, 3), (2, 1), (4, 1), (30, 2)])
def test_one_trace_is_written_however_few_the_steps(tmp_path, batches, epochs):
    measure(tmp_path, Data(batches=batches), epochs=epochs)
    (trace,) = (tmp_path / "plugins/profile").rglob("*.xplane.pb")
    assert trace.stat().st_size > 1000


def test_the_model_learns_the_same_and_is_left_as_it_was(tmp_path):
    keras.utils.set_random_seed(0)
    times, _, model = measure(tmp_path)
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    plain.compile("sgd", "mse", steps_per_execution=2)
    plain.fit(Data(), verbose=0, shuffle=False, epochs=3)
    for got, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert model.train_function != times._train
    model.fit(Data(), verbose=0)
    assert len(times.epochs) == 3

"""epoch_times: the parts are the whole, and each is what it says."""

import re
import threading
from itertools import pairwise

import keras
import numpy as np
import pytest

from image_kit.training import epoch_times
from image_kit.training.epoch_times import EpochTimes
from tests.fixtures.clock import Clock, wait_until_main_thread_is_in

PARTS = ["waiting for data", "steps", "validation", "callbacks"]


@pytest.fixture
def clock(monkeypatch):
    """The clock of what is tested."""
    clock = Clock()
    monkeypatch.setattr(epoch_times, "time", clock)
    return clock


class Data(keras.utils.PyDataset):
    """Four batches. With a clock, each takes `delay` seconds, for which training waits."""

    def __init__(self, clock=None, delay=0.0, batches=4):
        super().__init__()
        self.clock, self.delay, self.batches = clock, delay, batches
        self.times = None  # the EpochTimes of the training

    def __len__(self):
        return self.batches

    def __getitem__(self, i):
        # TensorFlow makes batches ahead, in a thread of its own. There time passes when the training waits for this
        # batch and for no other. In the main thread Keras only looks at the first two, before the training.
        if self.delay and threading.current_thread() is not threading.main_thread():
            wait_until_main_thread_is_in("__next__", "_batches", lambda: self.times._steps % self.batches == i)
            self.clock.let_pass(self.delay)
        return np.full((3, 2), i, np.float32), np.ones((3, 1), np.float32)


class Begins(keras.callbacks.Callback):
    """Notes when epochs begin, and takes its time over every call after a batch."""

    def __init__(self, clock=None, delay=0.0):
        super().__init__()
        self.clock, self.delay, self.times = clock or Clock(), delay, []

    def on_epoch_begin(self, epoch, logs=None):
        self.times.append(self.clock.now)

    def on_train_batch_end(self, batch, logs=None):
        self.clock.let_pass(self.delay)

    def on_train_end(self, logs=None):
        self.times.append(self.clock.now)


class SlowLayer(keras.layers.Layer):
    """Takes its time in every step, in training and in validation."""

    def __init__(self, clock, training=0.0, validation=0.0):
        super().__init__()
        self.clock, self.delays = clock, {True: training, False: validation}

    def call(self, x, training=None):
        self.clock.let_pass(self.delays[bool(training)])
        return x


def measure(folder, data=None, layer=None, callback=None, epochs=3, steps_per_execution=2, **options):
    """Fit a network of one weight; returns (EpochTimes, Begins, the model)."""
    model = keras.Sequential([keras.layers.Input((2,)), *([layer] if layer else []), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution, run_eagerly=layer is not None)
    times, begins = EpochTimes(folder), callback or Begins()
    data = data or Data()
    data.times = times
    fit = {"verbose": 0, "shuffle": False, "epochs": epochs, "callbacks": [times, begins], **options}
    model.fit(data, validation_data=Data(), **fit)
    return times, begins, model


@pytest.mark.parametrize(
    ("part", "slow"),
    [
        ("waiting for data", lambda clock: {"data": Data(clock, 1.0)}),
        ("steps", lambda clock: {"layer": SlowLayer(clock, training=1.0)}),
        ("validation", lambda clock: {"layer": SlowLayer(clock, validation=1.0)}),
        ("callbacks", lambda clock: {"callback": Begins(clock, 2.0)}),  # called for every second batch
    ],
    ids=PARTS,
)
def test_what_is_slow_shows_up_where_it_belongs(tmp_path, clock, part, slow):
    times, _, _ = measure(tmp_path, epochs=4, **slow(clock))
    assert times.epochs == [{each: 4.0 * (each == part) for each in PARTS}] * 4


def test_the_parts_add_up_to_the_epoch(tmp_path, clock):
    slow = {"layer": SlowLayer(clock, training=2.0, validation=3.0), "callback": Begins(clock, 0.5)}
    times, begins, _ = measure(tmp_path, Data(clock, 1.0), **slow)
    wholes = [end - begin for begin, end in pairwise(begins.times)]
    assert wholes == [4 + 8 + 12 + 1] * 3
    assert [list(parts.values()) for parts in times.epochs] == [[4, 8, 12, 1]] * 3


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

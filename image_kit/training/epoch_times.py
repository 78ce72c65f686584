"""Where the time of an epoch goes. `train.py --profile` prints it."""

import time
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from image_kit.terminal import say

# Enough steps to see which operations are slow. More would only make the file larger.
TRACED_STEPS = 10


class EpochTimes(keras.callbacks.Callback):
    """Reports after every epoch where its time went, and records a trace of some steps for TensorBoard.

    Steps run one at a time, to separate waiting for a batch from computing with it. This makes an epoch with small
    images a little slower.

    Attributes:
        epochs: for each epoch, the seconds of "waiting for data", "steps", "validation" and "callbacks"
            (everything else: files, progress bar, Keras's own bookkeeping). Their sum is the time from the start of
            the epoch to the start of the next, without the time for starting and writing the trace.
    """

    def __init__(self, folder: Path):
        """
        Args:
            folder: for the trace, below plugins/profile/, where TensorBoard's profile plugin looks for it.
        """
        super().__init__()
        self.folder = folder
        self.epochs: list[dict[str, float]] = []
        self._steps = 0  # begun so far, in all epochs
        self._begin: float | None = None
        self._is_tracing = False

    def on_train_begin(self, logs=None):
        """Called by Keras after it has built its training function and before it uses it."""
        self._function, self.model.train_function = self.model.train_function, self._train
        # The first step builds the graph, which would fill the trace.
        self._first_traced = 1 if self.params["steps"] > 1 else 0

    def on_epoch_begin(self, epoch, logs=None):
        self._end_epoch()
        self._epoch, self._begin, self._traced = epoch, time.perf_counter(), 0.0
        self._seconds = {"waiting for data": 0.0, "steps": 0.0, "validation": 0.0}

    def on_test_begin(self, logs=None):
        self._trace(False)  # it is still running if the epoch has few steps
        self._test_begin = time.perf_counter()

    def on_test_end(self, logs=None):
        self._seconds["validation"] = time.perf_counter() - self._test_begin

    def on_train_end(self, logs=None):
        self._end_epoch()
        self.model.train_function = self._function

    def _train(self, iterator):
        """Keras calls this instead of its own train_function, with an iterator over batches."""
        seconds = self._seconds
        waited, traced, begin = seconds["waiting for data"], self._traced, time.perf_counter()
        # Keras takes batches one at a time from an iterator that is not TensorFlow's.
        logs = self._function(self._batches(iterator))
        whole = time.perf_counter() - begin
        seconds["steps"] += whole - (seconds["waiting for data"] - waited) - (self._traced - traced)
        return logs

    def _batches(self, iterator: Iterator) -> Iterator:
        while True:
            if self._steps - self._first_traced in (0, TRACED_STEPS):
                self._trace(self._steps == self._first_traced)
            begin = time.perf_counter()
            batch = next(iterator, None)
            self._seconds["waiting for data"] += time.perf_counter() - begin
            if batch is None:
                return
            self._steps += 1
            yield batch

    def _trace(self, go: bool) -> None:
        """Start the trace, or end it if it is running."""
        begin = time.perf_counter()
        if go:
            tf.profiler.experimental.start(str(self.folder))
        elif self._is_tracing:
            tf.profiler.experimental.stop()
        self._is_tracing = go
        self._traced += time.perf_counter() - begin

    def _end_epoch(self) -> None:
        if self._begin is None:
            return
        whole = time.perf_counter() - self._begin - self._traced
        parts = {**self._seconds, "callbacks": whole - sum(self._seconds.values())}
        self.epochs.append(parts)
        times = ", ".join(f"{name} {part:.2f} s ({part / whole:.0%})" for name, part in parts.items())
        say(f"epoch {self._epoch + 1} took {whole:.2f} s: {times}")

"""One contender of `benchmarks/training.py`, in a process of its own so that nothing of it affects the next one.

Reads one JSON object from the command line (see `benchmarks/training.py`, `task`) and prints one as its last line:
epochs: seconds of each epoch; first_step: seconds from the start of the command to the end of the first call into
TensorFlow (up to 32 steps of small images); flops: of the network, for one image.
"""

import json
import os
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the claims are about CPUs
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import common  # noqa: F401  puts the project on the path
import keras
import numpy as np
import tensorflow as tf

PEAK_SIDE = 2048  # of the matrices that are multiplied to measure the machine's peak
PEAK_SECONDS = 2.0


class Stamps(keras.callbacks.Callback):
    """The times at which epochs begin, the last one ends, and the first step ends."""

    def __init__(self):
        super().__init__()
        self.epochs, self.first_step = [], None

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(time.time())

    def on_train_batch_end(self, batch, logs=None):
        self.first_step = self.first_step or time.time()

    def on_train_end(self, logs=None):
        self.epochs.append(time.time())


def main() -> None:
    """Run the contender that the task names."""
    task = json.loads(sys.argv[1])
    print(json.dumps({"tutorial": tutorial, "ours": ours, "step": step, "peak": peak}[task["kind"]](task)))


def stamped(task: dict, stamps: Stamps) -> dict:
    """The durations between the stamps. The first epoch, which also builds graphs, is `first_epoch`."""
    first, *seconds = [end - begin for begin, end in pairwise(stamps.epochs)]
    return {"epochs": seconds, "first_epoch": first, "first_step": stamps.first_step - task["started"]}


def load(task: dict) -> dict[str, np.ndarray]:
    """The arrays of the preset's data set, with as many images as the task says."""
    with np.load(Path(task["data"]) / f"{task['dataset']}.npz") as file:
        arrays = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    counts = {"train": task["train"], "test": task["validation"]}
    return {name: array[: counts[name.partition("_")[2]] or None] for name, array in arrays.items()}


def tutorial(task: dict) -> dict:
    """The tutorial as written."""
    from training_tutorials import TUTORIALS

    stamps = Stamps()
    data = Path(task["data"]) if task["dataset"] == "photos" else load(task)
    TUTORIALS[task["preset"]](data, task["epochs"] + 1, [stamps])
    return stamped(task, stamps)


def build(task: dict):
    """A run of the preset on the tutorial's own images, as train.py builds it."""
    from image_kit.datasets import CLASS_NAMES, Data, ImageSet, load_photos
    from image_kit.named_networks import NamedNetworks
    from image_kit.photos import Preprocessing
    from image_kit.training import Run, RunFolder, Settings, set_up_training
    from presets import PRESETS

    os.chdir(task["folder"])
    recipe = replace(PRESETS[task["preset"]], epochs=task["epochs"] + 1, precision=task["precision"])
    recipe = replace(recipe, augment=recipe.augment and task["augment"])
    networks = NamedNetworks("models")
    hardware = set_up_training(recipe, networks)
    if recipe.dataset == "photos":
        data = load_photos(Path(task["data"]), recipe)
    else:
        arrays, parts = load(task), {}
        for part, name in (("train", "train"), ("validation", "test")):
            images = arrays[f"x_{name}"].reshape(-1, *recipe.image_shape)
            parts[part] = ImageSet(images, arrays[f"y_{name}"].reshape(-1).astype(np.int32), [])
        data = Data(CLASS_NAMES[recipe.dataset], Preprocessing(recipe.image_shape), parts, [])
    run = Run(Settings(task["preset"], recipe), data, networks, hardware)
    run.build(lambda: RunFolder.create(None, "run"))
    return run


def ours(task: dict) -> dict:
    """What train.py does after loading: the run folder, every callback, file and bar."""
    run, stamps = build(task), Stamps()
    run.callbacks.insert(0, stamps)
    run.fit()
    run.finish()
    return {**stamped(task, stamps), "note": run.hardware.policy, "flops": flops(run.model)}


def step(task: dict) -> dict:
    """The bare steps of an epoch: training and validation on one batch in memory, and nothing else."""
    built = build(task)
    preset, data, model, policy = built.recipe, built.data, built.model, built.hardware.policy
    images, labels = {part: len(each.labels) for part, each in data.parts.items()}, np.arange(preset.batch_size) % 2
    labels = labels[:, None].astype(np.float32) if model.output_shape[-1] == 1 else labels.astype(np.int32)
    batch = tf.random.uniform((preset.batch_size, *preset.image_shape)), tf.constant(labels)
    model.make_train_function()
    model.make_test_function()

    def run(function, part: str) -> float:
        """Seconds of all steps of a part. A smaller last batch counts by its images."""
        full = max(1, images[part] // preset.batch_size)
        iterator = iter(tf.data.Dataset.from_tensors(batch).repeat(full))
        begin = time.perf_counter()
        for _ in range(0, full, model.steps_per_execution):
            function(iterator)
        return (time.perf_counter() - begin) * images[part] / (full * preset.batch_size)

    epochs = [
        run(model.train_function, "train") + run(model.test_function, "validation") for _ in range(task["epochs"] + 1)
    ]
    return {"epochs": epochs[1:], "first_epoch": epochs[0], "note": policy, "flops": flops(model)}


def flops(model: keras.Model) -> dict[str, int]:
    """Additions and multiplications for one image in convolutions and dense layers: "forward" and "train".

    Backward costs twice as much as forward: gradients by weights and by inputs. The first layer needs none by inputs.
    """
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    forward = [2 * int(np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:-1])) for layer in layers]
    return {"forward": sum(forward), "train": 3 * sum(forward) - forward[0]}


def peak(task: dict) -> dict:
    """The best rate of a square matrix product, in GFLOP/s, for float32 and bfloat16."""
    found = {}
    for dtype in (tf.float32, tf.bfloat16):
        a = tf.cast(tf.random.normal((PEAK_SIDE, PEAK_SIDE)), dtype)
        product, seconds, begin = tf.function(lambda a: tf.linalg.matmul(a, a)), [], time.perf_counter()
        while len(seconds) < 3 or time.perf_counter() - begin < PEAK_SECONDS:
            start = time.perf_counter()
            product(a).numpy()
            seconds.append(time.perf_counter() - start)
        found[dtype.name] = 2 * PEAK_SIDE**3 / min(seconds) / 1e9
    return found


if __name__ == "__main__":
    main()

"""Our side of `benchmarks/fine_tuning.py`, in a process of its own.

Reads one JSON object from the command line (frozen: whether only the layers are trained that --fine-tune trains;
policy; batch_size; steps; photos: a folder, or null) and prints {"rate": images a second}.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the claims are about CPUs
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import common  # noqa: F401  puts the project on the path
import keras
import numpy as np
import tensorflow as tf

from image_kit.compute import ALONE, Hardware
from image_kit.datasets import TensorBatches, build_batches, load_photos
from image_kit.features import load_backbone
from image_kit.machine import cpu_cores
from image_kit.recipe import Augmentation, Recipe
from image_kit.training import make_model, make_variables
from image_kit.weights import build_network

CLASSES, FROZEN_LAYERS = 10, 43  # the stem and three of seven stages
SHAPE = (224, 224, 3)  # as PyTorch's side has it; the preset takes 256 pixels
EPOCHS = 3  # with photos; the first one decodes them
CUTS = Augmentation(random_resized_crop=(0.35, 1.0), horizontal_flip=True)


def recipe_of(task: dict) -> Recipe:
    """The recipe of the task."""
    return Recipe(
        image_size=SHAPE[:2],
        optimizer="adamw",
        weight_decay=0.05,
        learning_rate_schedule="cosine",
        label_smoothing=0.1,
        batch_size=task["batch_size"],
        frozen_layers=FROZEN_LAYERS if task["frozen"] else 0,
        frozen_statistics=True,
        augment=True,
        augmentation=CUTS,
    )


def build(task: dict, classes: int) -> keras.Model:
    """The compiled network. Its weights are random, which takes no less time."""
    body = build_network(load_backbone("lite0").network, SHAPE)
    network = keras.Model(body.inputs[0], keras.layers.Dense(classes)(body.outputs[0]))
    hardware = Hardware("CPU", cpu_cores(), task["policy"])
    model = make_model(network, recipe_of(task), 1000, hardware, ALONE)
    make_variables(model)  # as train.py does: otherwise the first step is traced twice
    return model


def bare(task: dict) -> float:
    """Images a second of steps on one batch in memory."""
    model, size = build(task, CLASSES), task["batch_size"]
    batch = tf.random.uniform((size, *SHAPE)), tf.constant(np.arange(size) % CLASSES)
    model.make_train_function()
    seconds = []
    for _ in range(task["steps"] + 2):  # two to warm up
        iterator = iter([batch])
        begin = time.perf_counter()
        model.train_function(iterator)
        seconds.append(time.perf_counter() - begin)
    return size / statistics.median(seconds[2:])


def from_photos(task: dict) -> float:
    """Images a second of whole epochs of photos."""
    recipe = recipe_of(task)
    data = load_photos(Path(task["photos"]), recipe)
    images, stamps = len(data.parts["train"].labels), []
    batches = TensorBatches(build_batches(data, "train", recipe.batch_size, False, 0, CUTS, shuffle=True))
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: stamps.append(time.perf_counter()))
    model = build(task, len(data.class_names))
    model.fit(batches.dataset, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[batches, clock])
    return images * (len(stamps) - 1) / (stamps[-1] - stamps[0])


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    print(json.dumps({"rate": (from_photos if task["photos"] else bare)(task)}))

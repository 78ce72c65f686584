"""Machines that train together must agree on the recipe, images, versions and initial weights."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from image_kit.compute import Distribution
from image_kit.datasets import Data
from image_kit.errors import UserError
from image_kit.recipe import DESCRIPTIVE, Recipe
from image_kit.training.run_folder import RunFolder, versions


def check_same_on_every_machine(distribution: Distribution, recipe: Recipe, data: Data, policy: str) -> None:
    """Raise UserError if this machine's recipe, images or versions differ from the chief's. All machines call it."""
    mine = training_facts(recipe, data, policy)
    chiefs = json.loads(distribution.from_chief(json.dumps(mine)))
    different = [name for name in mine if mine[name] != chiefs.get(name)]
    if different:
        first = different[0]
        raise UserError(
            f"TF_CONFIG: {', '.join(different)} must be the same on every machine; {first} is {mine[first]} here and "
            f"{chiefs.get(first)} on the chief"
        )


def training_facts(recipe: Recipe, data: Data, policy: str) -> dict[str, Any]:
    """Everything that decides the result of a training: name -> value, as JSON gives it back."""
    every = {
        **{key: value for key, value in asdict(recipe).items() if key not in DESCRIPTIVE},
        "dtype policy (--precision)": policy,
        "class names": data.class_names,
        "images": {part: digest(images.labels, images.fingerprints) for part, images in data.parts.items()},
        **{f"version of {name}": version for name, version in versions().items()},
    }
    return json.loads(json.dumps(every))


def digest(labels: np.ndarray, fingerprints: np.ndarray | None) -> str:
    """The number of images in a part, and a short hash of their order, labels and (for photos) content."""
    hashed = hashlib.sha256(labels.tobytes())
    if fingerprints is not None:
        hashed.update(fingerprints.tobytes())
    return f"{len(labels)} ({hashed.hexdigest()[:8]})"


def start_like_the_chief(distribution: Distribution, folder: RunFolder, model: keras.Model, first_epoch: int) -> int:
    """Give every machine the chief's first epoch, history, weights and optimizer state.

    Every machine must call it. Only the chief needs the files of a resumed run.

    Returns:
        The first epoch.
    """
    start = json.loads(distribution.from_chief(json.dumps({"epoch": first_epoch, "history": folder.history})))
    folder.history = start["history"]
    optimizer_state = model.optimizer.variables if start["epoch"] else []  # a new run's is the same everywhere
    distribution.copy_from_chief([*model.weights, *optimizer_state])
    return start["epoch"]

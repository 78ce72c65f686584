"""What the machines of one training make sure of before it begins: the same recipe and images, the chief's weights."""

import hashlib
import json
from dataclasses import asdict

import keras
import numpy as np

from image_kit.compute import Distribution
from image_kit.datasets import Data
from image_kit.errors import UserError
from image_kit.recipe import Recipe
from image_kit.training.run_folder import DESCRIPTIVE, RunFolder, versions


def check_same(distribution: Distribution, preset: Recipe, data: Data) -> None:
    """Raise UserError on a machine whose recipe, images or versions are not the chief's; all must call it."""
    mine = facts(preset, data)
    chiefs = json.loads(distribution.from_chief(json.dumps(mine)))
    different = [name for name in mine if mine[name] != chiefs.get(name)]
    if different:
        first = different[0]
        raise UserError(
            f"TF_CONFIG: {', '.join(different)} must be the same on every machine; {first} is {mine[first]} here and "
            f"{chiefs.get(first)} on the chief's"
        )


def facts(preset: Recipe, data: Data) -> dict:
    """What decides a training, by name, as JSON has it."""
    recipe = {key: value for key, value in asdict(preset).items() if key not in DESCRIPTIVE}
    every = {
        **recipe,
        "dtype policy (--precision)": keras.config.dtype_policy().name,
        "class names": data.class_names,
        "images": {part: digest(images.labels, images.fingerprints) for part, images in data.parts.items()},
        **{f"version of {name}": version for name, version in versions().items()},
    }
    return json.loads(json.dumps(every))


def digest(labels: np.ndarray, fingerprints: np.ndarray | None) -> str:
    """How many images a part has, and a short hash of their order, labels and content (photos only)."""
    hashed = hashlib.sha256(labels.tobytes())
    if fingerprints is not None:
        hashed.update(fingerprints.tobytes())
    return f"{len(labels)} ({hashed.hexdigest()[:8]})"


def begin(distribution: Distribution, run: RunFolder, model: keras.Model, first_epoch: int) -> int:
    """Give every machine the chief's first epoch, history, weights and optimizer state; all must call it.

    So only the chief needs the files of a run that is resumed. Returns the first epoch.
    """
    start = json.loads(distribution.from_chief(json.dumps({"epoch": first_epoch, "history": run.history})))
    run.history = start["history"]
    if start["epoch"]:
        distribution.copy_from_chief([*model.weights, *model.optimizer.variables])
    return start["epoch"]

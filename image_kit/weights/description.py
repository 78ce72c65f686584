"""What a weights file says of itself; read without Keras, since prediction must not wait for it.

The HDF5 root of a weights file carries attributes named `image_classifier_0`, `_1`, ... that hold one JSON text
in pieces, because HDF5 limits an attribute to 64 KiB; and a data set with the fingerprints of the photos that the
weights were trained on. `weights_file.save` writes both.
"""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.datasets import CLASS_NAMES
from image_kit.errors import UserError, first_line
from image_kit.photos import Preprocessing
from presets import MODELS, PRESETS

ATTRIBUTE = "image_classifier_"
TRAINED_ON = "image_classifier_trained_on"
FORMAT = 1
MAX_SIDE = 2048  # pixels: far beyond what these networks can use, and what a hostile file may ask memory for
# The classes that tutorial 1 and 2 train on, in the order of their folders' names.
TUTORIAL_CLASS_NAMES = {"elephants_cars": ("cars", "elephants"), "one_conv": ("class 0", "class 1")}


@dataclass(frozen=True)
class Description:
    """What a weights file says of itself.

    Attributes:
        model: the network's name in models.py.
        class_names: in index order.
        preprocessing: image shape and rescale.
        preset: the preset it was trained with, None for a user's folder.
        epoch: complete epochs of training behind these weights.
        metrics: "accuracy" and "loss" of these weights on the validation images.
        versions: of the packages that trained them.

    A new member needs a default, so that older files can be read, a form in JSON, and an entry in CHECKS.
    """

    model: str
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    preset: str | None = None
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As ASCII JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> "Description":
        """The inverse of `to_json`; raises ValueError on anything that is not such a description."""
        try:
            values = json.loads(text)
            if values.pop("format") != FORMAT:
                raise ValueError(f"written in another format than {FORMAT}")
            if unknown := values.keys() - CHECKS.keys():
                raise ValueError(f"it holds {', '.join(sorted(unknown))}, which a newer version of this kit wrote")
            return cls(**{name: CHECKS[name](value) for name, value in values.items()})
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"incomplete description: {error}") from None


def _checked_preprocessing(value: dict[str, Any]) -> Preprocessing:
    (height, width, channels), rescale = value.pop("image_shape"), value.pop("rescale")
    if value:
        raise ValueError(f"unknown preprocessing {', '.join(value)}")
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and channels in (1, 3)):
        raise ValueError(f"bad image shape {(height, width, channels)}")
    if not (math.isfinite(rescale) and rescale > 0):
        raise ValueError(f"bad rescale {rescale}")
    return Preprocessing((int(height), int(width), int(channels)), float(rescale))


def _checked_class_names(names: list[str]) -> tuple[str, ...]:
    names = tuple(map(str, names))
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"class names must be two or more and differ, received {', '.join(names)}")
    return names


def _checked_model(name: str) -> str:
    if name not in MODELS:
        raise ValueError(f"unknown network {name!r}")
    return name


# How each member comes out of JSON: the value as Python's json reads it -> the member, or a ValueError or TypeError.
CHECKS = {
    "model": _checked_model,
    "class_names": _checked_class_names,
    "preprocessing": _checked_preprocessing,
    "preset": lambda name: None if name is None else str(name),
    "epoch": int,
    "metrics": lambda values: {str(name): float(value) for name, value in values.items()},
    "versions": lambda values: {str(name): str(value) for name, value in values.items()},
}


def read_description(path: Path) -> Description | None:
    """The description in a weights file; None if the file is HDF5 but was not written by `weights_file.save`.

    Raises UserError: no such file, no HDF5, not safe to read (see `hdf5_check`), or a damaged description.
    """
    import h5py  # 0.1 s that a prediction through LiteRT does not need

    from image_kit.weights import hdf5_check

    if not path.is_file():
        raise UserError(f"{path}: no such weights file; give a .h5 file, or train one: python train.py")
    if path.suffix == ".tflite":
        raise UserError(f"{path}: only predict.py reads it, without --explain; give the .weights.h5 it was made from")
    try:
        hdf5_check.check(path)
        with h5py.File(path, "r") as file:
            count = sum(name.startswith(ATTRIBUTE) for name in file.attrs)
            text = "".join(str(file.attrs[f"{ATTRIBUTE}{number}"]) for number in range(count))
    except hdf5_check.Hostile as error:
        raise UserError(f"{path}: is no plain weights file, and not read further: {error}") from None
    except Exception as error:  # on damaged files h5py raises ten kinds
        reason = f"cannot be read as HDF5 ({first_line(error)})"
        raise UserError(f"{path}: {reason}; is it damaged, cut short or not permitted?") from None
    try:
        return Description.from_json(text) if count else None
    except ValueError as error:
        raise UserError(f"{path}: its description is damaged ({first_line(error)})") from None


def read_trained_on(path: Path) -> np.ndarray:
    """uint64 (n,) fingerprints of the photos behind the weights; empty where the file does not say."""
    import h5py  # 0.1 s that a prediction through LiteRT does not need

    with h5py.File(path, "r") as file:
        marks = file.get(TRAINED_ON)
        if marks is None:
            return np.empty(0, np.uint64)
        if not isinstance(marks, h5py.Dataset) or marks.dtype != np.uint64 or marks.ndim != 1:
            raise UserError(f"{path}: its fingerprints of photos are damaged")
        if marks.nbytes > path.stat().st_size:  # they are stored as they are, so they cannot be more than the file
            raise UserError(f"{path}: its fingerprints of photos claim to be larger than the file")
        return marks[:]


def describe_old(preset_name: str, class_names: list[str] | None = None) -> Description:
    """The description that a tutorial's own weights lack, from the preset that names their network."""
    preset = PRESETS[preset_name]
    names = class_names or TUTORIAL_CLASS_NAMES.get(preset_name) or CLASS_NAMES[preset.dataset]
    try:
        names = _checked_class_names(names)
    except ValueError as error:
        raise UserError(f"--class-names: {error}") from None
    return Description(preset.model, names, Preprocessing(preset.image_shape), preset_name)


def describe(path: Path, preset_name: str | None = None, class_names: list[str] | None = None) -> Description:
    """What is known of a weights file: its own description, or what the options say of an old one.

    Args:
        path: a file written by `weights_file.save`; or, with `preset_name`, any weights of that preset's network.
        preset_name: says which network, for a file that does not.
        class_names: for such a file too, in index order; default the tutorial's.

    Raises:
        UserError: as `read_description`; the file does not describe itself and no preset is given; or an option
            contradicts it.
    """
    description = read_description(path)
    if description:
        refuse_contradiction(path, description, preset_name, class_names)
        return description
    if preset_name is None:
        raise UserError(f"{path}: does not say which network it belongs to; add --preset, one of {', '.join(PRESETS)}")
    return describe_old(preset_name, class_names)


def refuse_contradiction(
    path: Path, description: Description, preset_name: str | None, class_names: list[str] | None
) -> None:
    """Raise UserError if --preset or --class-names say otherwise than the file itself."""
    if preset_name and PRESETS[preset_name].model != description.model:
        raise UserError(f"--preset {preset_name}: {path} says itself that it is of {description.model}; leave it out")
    if class_names and tuple(class_names) != description.class_names:
        names = ",".join(description.class_names)
        raise UserError(f"--class-names: {path} says itself that its classes are {names}; leave it out")


def with_progress(description: Description, epoch: int, logs: dict[str, float]) -> Description:
    """The same description for the weights after `epoch` epochs; `logs` are Keras's, of that epoch."""
    metrics = {name: float(logs[f"val_{name}"]) for name in ("accuracy", "loss")}
    return replace(description, epoch=epoch, metrics=metrics)

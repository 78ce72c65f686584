"""The self-describing .weights.h5: plain Keras weights, and beside them what a program needs to use them.

`model.load_weights` of Keras reads the file as any other. Its HDF5 root carries attributes named
`image_classifier_0`, `_1`, ... that hold one JSON text (see `Description`) in pieces, because HDF5 limits
an attribute to 64 KiB; and a data set with the fingerprints of the photos they were trained on.
"""

import json
import math
import shutil
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import h5py
import keras
import numpy as np

import models
from atomic import replacing
from compute import dtype_policy
from errors import UserError
from pipeline.array_datasets import CLASS_NAMES
from pipeline.datasets import image_shape
from pipeline.photos import Preprocessing
from presets import MODELS, PRESETS

ATTRIBUTE = "image_classifier_"
ATTRIBUTE_BYTES = 60_000  # below HDF5's 64 KiB with its own header
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
            values["preprocessing"] = _checked_preprocessing(**values["preprocessing"])
            values["class_names"] = _checked_class_names(values["class_names"])
            if values["model"] not in MODELS:
                raise ValueError(f"unknown network {values['model']!r}")
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"incomplete description: {error}") from None


def _checked_preprocessing(image_shape: list[int], rescale: float) -> Preprocessing:
    height, width, channels = image_shape
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and channels in (1, 3)):
        raise ValueError(f"bad image shape {image_shape}")
    if not (math.isfinite(rescale) and rescale > 0):
        raise ValueError(f"bad rescale {rescale}")
    return Preprocessing((int(height), int(width), channels), float(rescale))


def _checked_class_names(names: list[str]) -> tuple[str, ...]:
    names = tuple(map(str, names))
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"class names must be two or more and differ, received {', '.join(names)}")
    return names


def save(model: keras.Model, path: Path, description: Description, trained_on: np.ndarray) -> None:
    """Write weights (and the optimizer's state if the model is compiled) with their description, atomically.

    Args:
        path: must end in `.weights.h5`, as Keras demands.
        trained_on: uint64 fingerprints of the photos behind the weights, so that no command scores on them.
    """
    with replacing(path) as temporary:
        model.save_weights(temporary)
        text = description.to_json()
        with h5py.File(temporary, "r+") as file:
            for number, start in enumerate(range(0, len(text), ATTRIBUTE_BYTES)):
                file.attrs[f"{ATTRIBUTE}{number}"] = text[start : start + ATTRIBUTE_BYTES]
            file.create_dataset(TRAINED_ON, data=trained_on)


def read_description(path: Path) -> Description | None:
    """The description in a weights file; None if the file is HDF5 but was not written by `save`.

    Raises UserError: no such file, no HDF5, or a damaged description.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file; give a .h5 file, or train one: python train.py")
    try:
        with h5py.File(path, "r") as file:
            count = sum(name.startswith(ATTRIBUTE) for name in file.attrs)
            text = "".join(str(file.attrs[f"{ATTRIBUTE}{number}"]) for number in range(count))
        return Description.from_json(text) if count else None
    except (OSError, RuntimeError, KeyError) as error:
        reason = f"cannot be read as HDF5 ({_first_line(error)})"
        raise UserError(f"{path}: {reason}; is it damaged, cut short or not permitted?") from None
    except ValueError as error:
        raise UserError(f"{path}: its description is damaged ({_first_line(error)})") from None


def read_trained_on(path: Path) -> np.ndarray:
    """uint64 (n,) fingerprints of the photos behind the weights; empty where the file does not say."""
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
    return Description(preset.model, names, Preprocessing(image_shape(preset)), preset_name)


def load(
    path: Path, preset_name: str | None = None, class_names: list[str] | None = None
) -> tuple[keras.Model, Description]:
    """The network of a weights file, in float32, and its description.

    Args:
        path: a file written by `save`; or, with `preset_name`, any weights of that preset's network, in
            the layout of Keras 3 (.weights.h5) or of Keras 2 and before (any .h5 name).
        preset_name: says which network, for a file that does not.
        class_names: for such a file too, in index order; default the tutorial's.

    Raises:
        UserError: the file is missing or damaged, describes itself in no way, or does not fit the network.
    """
    description = read_description(path)
    if description is None and preset_name is None:
        raise UserError(f"{path}: does not say which network it belongs to; add --preset, one of {', '.join(PRESETS)}")
    if description:
        _refuse_contradiction(path, description, preset_name, class_names)
    description = description or describe_old(preset_name, class_names)
    try:
        with dtype_policy("float32"):
            model = models.build(description.model, description.preprocessing.image_shape, len(description.class_names))
        _load_any_layout(model, path)
    except Exception as error:  # Keras and h5py raise many kinds for a file that does not fit
        raise UserError(f"{path}: does not fit the network {description.model} ({_first_line(error)})") from None
    return model, description


def _refuse_contradiction(path, description: Description, preset_name: str | None, class_names) -> None:
    if preset_name and PRESETS[preset_name].model != description.model:
        raise UserError(f"--preset {preset_name}: {path} says itself that it is of {description.model}; leave it out")
    if class_names and tuple(class_names) != description.class_names:
        names = ",".join(description.class_names)
        raise UserError(f"--class-names: {path} says itself that its classes are {names}; leave it out")


def _load_any_layout(model: keras.Model, path: Path) -> None:
    with h5py.File(path, "r") as file:
        is_old = "layer_names" in file.attrs or "model_weights" in file
    with tempfile.TemporaryDirectory() as folder:
        # Keras chooses its reader by the name alone, and refuses the tutorials' `50_epochs.h5` or any other.
        link = Path(folder, "old.h5" if is_old else "new.weights.h5")
        try:
            link.symlink_to(path.resolve())
        except OSError:  # Windows refuses links to most users
            shutil.copy(path, link)
        model.load_weights(link)


def with_progress(description: Description, epoch: int, logs: dict[str, float]) -> Description:
    """The same description for the weights after `epoch` epochs; `logs` are Keras's, of that epoch."""
    metrics = {name: float(logs[f"val_{name}"]) for name in ("accuracy", "loss")}
    return replace(description, epoch=epoch, metrics=metrics)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

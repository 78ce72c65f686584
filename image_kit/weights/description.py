"""What a weights file says about itself. Reading it needs no Keras, because prediction must not wait for that.

The attributes `image_classifier_0`, `_1`, ... at the root of the HDF5 file contain one JSON text in pieces, because
HDF5 limits an attribute to 64 KiB. A data set contains the fingerprints of the photos that the weights were trained on.
`saving.save_weights` writes both.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from image_kit.call import call
from image_kit.errors import UserError, first_line, name_disk_failure
from image_kit.photos import FEWEST_BITS, FULL_BITS, Preprocessing
from image_kit.recipe import MAX_SIDE
from image_kit.retries import read_again
from image_kit.weights.network import Network, check_network
from image_kit.weights.other_kinds import name_other_kind

ATTRIBUTE = "image_classifier_"
TRAINED_ON = "image_classifier_trained_on"
FORMAT = 1


@dataclass(frozen=True)
class Description:
    """What a weights file says about itself.

    Attributes:
        model: the name of the function that built the network.
        class_names: in index order.
        preprocessing: image shape and rescale.
        preset: the preset it was trained with, None for a user's folder.
        epoch: complete epochs of training behind these weights.
        metrics: "accuracy" and "loss" of these weights on the validation images.
        versions: of the packages that trained them.
        network: the layers, see `network.py`; None in files of older versions, which contain only its name.

    A new member needs a default, so that older files can be read, a form in JSON, and an entry in READERS.
    """

    model: str
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    preset: str | None = None
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    network: Network | None = None

    def to_json(self) -> str:
        """As ASCII JSON."""
        values = asdict(self)
        if self.preprocessing.sample_bits == FULL_BITS:  # so that versions from before it read the file
            del values["preprocessing"]["sample_bits"]
        return json.dumps({"format": FORMAT, **values})

    @classmethod
    def from_json(cls, text: str) -> "Description":
        """The inverse of `to_json`. Raises ValueError on anything that is not such a description."""
        try:
            values = json.loads(text)
            if values.pop("format") != FORMAT:
                raise ValueError(f"written in a format other than {FORMAT}")
            if unknown := values.keys() - READERS.keys():
                raise ValueError(f"it contains {', '.join(sorted(unknown))}, which a newer version of this kit wrote")
            return cls(**{name: READERS[name](value) for name, value in values.items()})
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"incomplete description: {error}") from None


def _read_preprocessing(value: dict[str, Any]) -> Preprocessing:
    (height, width, channels), rescale, crop = value.pop("image_shape"), value.pop("rescale"), value.pop("crop", 0.0)
    sample_bits = value.pop("sample_bits", FULL_BITS)
    if value:
        raise ValueError(f"unknown preprocessing {', '.join(value)}")
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and channels in (1, 3)):
        raise ValueError(f"bad image shape {(height, width, channels)}")
    if not (math.isfinite(rescale) and rescale > 0):
        raise ValueError(f"bad rescale {rescale}")
    if not 0 <= crop <= 1:
        raise ValueError(f"bad crop {crop}")
    if sample_bits not in range(FEWEST_BITS, FULL_BITS + 1):
        raise ValueError(f"bad sample_bits {sample_bits}")
    return Preprocessing((int(height), int(width), int(channels)), float(rescale), float(crop), int(sample_bits))


def read_class_names(names: Any) -> tuple[str, ...]:
    """The names as text. Raises ValueError unless there are two or more and all differ."""
    names = tuple(map(str, names))
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"class names must be two or more and differ, received {', '.join(names)}")
    return names


def _read_name(name: Any) -> str:
    if not (isinstance(name, str) and name.isidentifier()):
        raise ValueError(f"unknown network {str(name)[:80]!r}")
    return name


# How each member comes out of JSON: the value as Python's json reads it -> the member, or a ValueError or TypeError.
READERS: dict[str, Callable[[Any], Any]] = {
    "model": _read_name,
    "class_names": read_class_names,
    "preprocessing": _read_preprocessing,
    "preset": lambda name: None if name is None else str(name),
    "epoch": int,
    "metrics": lambda values: {str(name): float(value) for name, value in values.items()},
    "versions": lambda values: {str(name): str(value) for name, value in values.items()},
    "network": lambda network: None if network is None else check_network(network),
}


@read_again
def read_description(path: Path) -> Description | None:
    """The description in a weights file; None if the file is HDF5 but was not written by `save_weights`.

    Raises UserError: no such file, not HDF5, not safe to read (see `hdf5_safety`), or a damaged description.
    """
    import h5py  # 0.1 s that a prediction through LiteRT does not need

    from image_kit.weights import hdf5_safety  # imports h5py

    if not path.is_file():
        if path.exists() and not path.is_dir():  # such as a shell's <(command)
            raise UserError(f"{path}: is a pipe or a device, not a file; save the weights in a file, and give that")
        raise UserError(f"{path}: no such weights file; give a .h5 file, or train one: {call('train.py')}")
    if path.suffix == ".tflite":
        raise UserError(f"{path}: only predict.py reads it, without --explain; give the .weights.h5 it was made from")
    try:
        kind = name_other_kind(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({name_disk_failure(error) or error.strerror})") from None
    if kind:
        raise UserError(f"{path}: {kind}")
    try:
        hdf5_safety.count_numbers(path)
        with h5py.File(path, "r") as file:
            count = sum(name.startswith(ATTRIBUTE) for name in file.attrs)
            text = "".join(str(file.attrs[f"{ATTRIBUTE}{number}"]) for number in range(count))
    except hdf5_safety.HostileFile as error:
        raise UserError(f"{path}: is not a plain weights file, so it is not read further: {error}") from None
    except Exception as error:  # h5py raises ten kinds of exception on damaged files
        if failure := name_disk_failure(error):
            raise UserError(f"{path}: cannot be read ({failure})") from None
        reason = f"cannot be read as HDF5 ({first_line(error)})"
        raise UserError(f"{path}: {reason}; is it damaged, cut short or not permitted?") from None
    try:
        return Description.from_json(text) if count else None
    except ValueError as error:
        raise UserError(f"{path}: its description is damaged ({first_line(error)})") from None


@read_again
def is_whole_model(path: Path) -> bool:
    """Whether HDF5 that `read_description` has read contains the configuration of a network, as Keras writes it."""
    import h5py  # 0.1 s that a prediction through LiteRT does not need

    with h5py.File(path, "r") as file:
        return "model_config" in file.attrs


@read_again
def read_trained_on(path: Path) -> np.ndarray:
    """uint64 (n,) fingerprints of the photos behind the weights; empty where the file does not say."""
    import h5py  # 0.1 s that a prediction through LiteRT does not need

    with h5py.File(path, "r") as file:
        marks = file.get(TRAINED_ON)
        if marks is None:
            return np.empty(0, np.uint64)
        if not isinstance(marks, h5py.Dataset) or marks.dtype != np.uint64 or marks.ndim != 1:
            raise UserError(f"{path}: its fingerprints of photos are damaged")
        if marks.nbytes > path.stat().st_size:  # they are stored uncompressed, so they cannot be larger than the file
            raise UserError(f"{path}: its fingerprints of photos claim to be larger than the file")
        return marks[:]


def with_progress(description: Description, epoch: int, logs: dict[str, float]) -> Description:
    """The same description for the weights after `epoch` epochs; `logs` are Keras's for that epoch."""
    metrics = {name: float(logs[f"val_{name}"]) for name in ("accuracy", "loss")}
    return replace(description, epoch=epoch, metrics=metrics)

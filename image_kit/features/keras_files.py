"""A Keras model in a file as a backbone. The file is read as data, so nothing in it can run.

.keras is a ZIP archive of config.json and model.weights.h5. An .h5 of `model.save` has the configuration in the
attribute model_config and the weights in the group model_weights. A .weights.h5 of this kit describes itself.
"""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from image_kit.errors import UserError, first_line
from image_kit.features.backbone import Backbone, identify
from image_kit.features.keras_networks import (
    Weights,
    as_float32,
    check_image_shape,
    complete,
    cut_head,
    fold_normalization,
    rescale_input,
)
from image_kit.features.model_config import ModelConfig, Place, read_config
from image_kit.leftovers import scratch_folder
from image_kit.retries import is_file
from image_kit.terminal import say
from image_kit.weights import Network, count_numbers, name_other_kind, read_description, read_network_weights

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def load_keras_file(path: Path) -> Backbone:
    """The network of a Keras model's file as a backbone: without its head, pooled, with its preprocessing.

    Only layers that the kit allows in its own weights files are accepted. A model of others that begins with a
    Rescaling takes pixels on 0..255; any other is assumed to take 0..1, and a message says so. It imports Keras.

    Args:
        path: .keras, .h5 of a whole model, or a .weights.h5 of this kit.

    Raises:
        UserError: the file is missing, damaged, not safe to read, or not usable as a backbone.
    """
    if not is_file(path):
        if path.is_dir():
            raise UserError(f"--backbone {path}: is a folder; save the model as one file: model.save('my.keras')")
        raise UserError(f"--backbone {path}: there is no such file")
    try:
        network, weights, image_size = _read_own(path) or _read_foreign(path)
        network, weights = complete(network, weights, image_size)
    except UserError:
        raise
    except Exception as error:  # Keras, h5py and zipfile raise many kinds of exception on damaged files
        raise UserError(
            f"--backbone {path}: cannot be used as a backbone: {first_line(error)}; use another file, or lite0"
        ) from None
    identity = identify(network, weights)
    return Backbone(str(path), image_size, network, weights, identity, source=f"the file {path.name}")


def _read_own(path: Path) -> tuple[Network, Weights, tuple[int, int]] | None:
    """Network, weights and image size of a file of this kit; None if it is not one."""
    description = None if _is_archive(path) else read_description(path)
    if description is None:
        return None
    weights = read_network_weights(path, description)
    network = cut_head(description.network or [])
    image_size = check_image_shape(description.preprocessing.image_shape)
    scale = 255 * description.preprocessing.rescale
    if abs(scale - 1) < 1e-6:  # 255 * (1 / 255)
        return network, weights[: len(network)], image_size
    return *rescale_input(network, weights[: len(network)], scale, 0.0), image_size


def _read_foreign(path: Path) -> tuple[Network, Weights, tuple[int, int]]:
    """The same of a whole model that Keras saved."""
    config, weights = _read_zip(path) if _is_archive(path) else _read_whole_h5(path)
    image_size = check_image_shape(config.input_shape)
    network = config.network
    fold_normalization(network, weights)
    network = cut_head(network)
    weights = weights[: len(network)]
    if network[0]["class"] == "Rescaling":
        return *rescale_input(network, weights, 255.0, 0.0), image_size
    say(
        f"{path}: does not begin with a Rescaling layer, so it is taken for a network of images on 0..1. If it takes "
        "others, save it with a Rescaling of pixels 0..255 to those as its first layer."
    )
    return network, weights, image_size


def _is_archive(path: Path) -> bool:
    """Whether a file is a ZIP archive, whatever its name; one that is neither that nor HDF5 is what its name says."""
    return not h5py.is_hdf5(path) and (path.suffix == ".keras" or zipfile.is_zipfile(path))


def _read_zip(path: Path) -> tuple[ModelConfig, Weights]:
    if not zipfile.is_zipfile(path) and (kind := name_other_kind(path)):
        raise ValueError(f"it {kind}")
    with zipfile.ZipFile(path) as archive:
        members = {each.filename: each for each in archive.infolist()}
        if missing := {CONFIG, WEIGHTS} - members.keys():
            kind = None if path.suffix == ".keras" else name_other_kind(path)
            raise ValueError(f"it {kind or 'does not contain ' + ', '.join(sorted(missing))}")
        for name in (CONFIG, WEIGHTS):
            # Keras stores without compression, so neither can be larger than the file.
            if members[name].compress_type != zipfile.ZIP_STORED or members[name].file_size > path.stat().st_size:
                raise ValueError(f"its {name} is compressed, which Keras never does")
        config = read_config(archive.read(CONFIG))
        with scratch_folder() as folder:
            extracted = folder / WEIGHTS
            extracted.write_bytes(archive.read(WEIGHTS))
            return config, _read_weights(extracted, config, _read_group)


def _read_whole_h5(path: Path) -> tuple[ModelConfig, Weights]:
    count_numbers(path)  # before its texts are read: a damaged heap of texts would be read without end
    with h5py.File(path, "r") as file:
        text, backend = file.attrs.get("model_config"), file.attrs.get("backend")
    if backend in ("theano", b"theano"):
        raise ValueError("Theano saved it, with turned kernels; load it in Keras 2 on TensorFlow, and save it again")
    if text is None:
        raise ValueError("it contains weights without their network; save the whole model: model.save('my.keras')")
    config = read_config(text)
    return config, _read_weights(path, config, _read_named)


def _read_weights(path: Path, config: ModelConfig, read: Callable[[Any, Place], list[Any]]) -> Weights:
    count_numbers(path)  # raises if the file is not safe to read
    with h5py.File(path, "r") as file:
        return [as_float32(read(file, place)) for place in config.places]


def _read_group(file: Any, place: Place) -> list[Any]:
    """A layer's arrays in the layout of Keras 3; it writes no group for some layers without weights."""
    variables = file.get(f"{place.path}/vars", {})
    return [variables[str(number)][()] for number in range(len(variables))]


def _read_named(file: Any, place: Place) -> list[Any]:
    """A layer's arrays in the layout of Keras 2: they are named LAYER/kernel or LAYER/kernel:0."""
    group = file["model_weights"][place.group]
    names = [each if isinstance(each, str) else each.decode() for each in group.attrs["weight_names"]]
    return [group[name][()] for name in names if name.split("/")[-2:-1] == [place.name]]

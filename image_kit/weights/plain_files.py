"""Weights files written and read without Keras: the weights are NumPy arrays, one list for each layer."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from image_kit.errors import UserError, first_line
from image_kit.retries import read_again
from image_kit.trust import Trust
from image_kit.weights.checksum import verify_checksum, write_checksum
from image_kit.weights.description import ATTRIBUTE, TRAINED_ON, Description
from image_kit.weights.hdf5_safety import HostileFile, count_numbers
from image_kit.weights.hdf5_writing import HDF5InMemory, replacing_hdf5
from image_kit.weights.layout import INPUT_GROUP, Weights, check_weights, layer_groups
from image_kit.weights.network import Network, check_network, has_branches
from image_kit.weights.trust_data import DATA_SET

ATTRIBUTE_BYTES = 60_000  # HDF5 allows 64 KiB, its own header included


def save_network(
    path: Path, description: Description, weights: Weights, trained_on: np.ndarray, trust: Trust | None = None
) -> None:
    """Write the file that `save_weights` writes for `description.network` with these weights, atomically.

    Keras's `model.load_weights` reads it, for the model that `load_weights` builds from the description.

    Args:
        path: must end in `.weights.h5`, as Keras demands.
        description: must contain its network.
        weights: for each entry of the network its arrays, float32, in the order of Keras's layer variables.
        trained_on: uint64 (n,) fingerprints of the photos behind the weights, so that no command scores on them.
        trust: what `add_trust` writes into other files.

    Raises ValueError if the network is not one that a file may contain, or if the weights do not fit it.
    """
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"{path}: must end in .weights.h5, else Keras does not read it")
    network = check_network(description.network)
    check_weights(network, weights)
    with replacing_hdf5(path) as memory:
        with h5py.File(memory, "w") as file:
            _write_layers(file, network, weights)
        write_members(memory, description, trained_on, trust)


def _write_layers(file: h5py.File, network: Network, weights: Weights) -> None:
    """As Keras's `model.save_weights`. Its group "vars" of each layer carries the layer's name."""
    is_functional = has_branches(network)
    file.create_group("vars").attrs["name"] = "functional" if is_functional else "sequential"
    layers: list[tuple[str, Sequence[np.ndarray]]] = [(INPUT_GROUP, [])] if is_functional else []
    for name, arrays in [*layers, *zip(layer_groups(network), weights, strict=True)]:
        group = file.create_group(f"layers/{name}/vars")
        group.attrs["name"] = name
        for number, array in enumerate(arrays):
            group[str(number)] = array


def write_members(
    memory: HDF5InMemory, description: Description, trained_on: np.ndarray, trust: Trust | None = None
) -> None:
    """Add what `weights/__init__.py` lists to a file of Keras's weights, and the checksum of all."""
    text = description.to_json()
    with h5py.File(memory, "r+") as file:
        for number, start in enumerate(range(0, len(text), ATTRIBUTE_BYTES)):
            file.attrs[f"{ATTRIBUTE}{number}"] = text[start : start + ATTRIBUTE_BYTES]
        file.create_dataset(TRAINED_ON, data=trained_on)
        write_trust(file, trust)
        write_checksum(file)


def write_trust(file: h5py.File, trust: Trust | None) -> None:
    """Replace the trust data of an open file; None: leave it as it is. The checksum must be written after this."""
    if trust is None:
        return
    if DATA_SET in file:
        del file[DATA_SET]
    file[DATA_SET] = np.frombuffer(trust.to_bytes(), np.uint8)


@read_again
def read_network_weights(path: Path, description: Description) -> Weights:
    """The weights of a file, for each entry of the network its arrays, float32; the inverse of `save_network`.

    Args:
        description: that of the file, from `read_description`; must contain its network.

    Raises UserError if the file is not safe to read, is damaged, or does not fit the network.
    """
    network = description.network
    if network is None:
        raise UserError(f"{path}: names its network, {description.model}, but does not contain it; train again")
    try:
        count_numbers(path)
        with h5py.File(path, "r") as file:
            weights = [_read_layer(file, f"layers/{name}/vars") for name in layer_groups(network)]
        check_weights(network, weights)
    except HostileFile as error:
        raise UserError(f"{path}: is not a plain weights file, so it is not read further: {error}") from None
    except Exception as error:  # h5py raises ten kinds of exception on damaged files
        raise UserError(f"{path}: does not fit the network {description.model} ({first_line(error)})") from None
    verify_checksum(path)
    return weights


def _read_layer(file: h5py.File, group: str) -> list[np.ndarray]:
    variables = file.get(group, {})  # Keras writes no group for some layers without weights
    return [variables[str(number)][()] for number in range(len(variables))]

"""Save and load the self-describing .weights.h5: plain Keras weights, together with what a program needs to use them.

Keras's own `model.load_weights` reads the file too. `description.py` says what else it contains, and reads that.
"""

import shutil
from pathlib import Path

import h5py
import keras
import numpy as np

from image_kit.compute import dtype_policy, shapes_only
from image_kit.errors import UserError, first_line
from image_kit.leftovers import scratch_folder
from image_kit.terminal import say
from image_kit.trust import Trust
from image_kit.weights.building import check_head, network_of
from image_kit.weights.checksum import verify_checksum, write_checksum
from image_kit.weights.description import Description
from image_kit.weights.elsewhere import check_elsewhere, put_in_order
from image_kit.weights.fallback import Fallback
from image_kit.weights.hdf5_safety import count_numbers
from image_kit.weights.hdf5_writing import replacing_hdf5
from image_kit.weights.plain_files import write_members, write_trust
from image_kit.weights.trust_data import has_trust


def save_weights(model: keras.Model, path: Path, description: Description, trained_on: np.ndarray) -> None:
    """Write weights (and the optimizer's state if the model is compiled) with their description, atomically.

    Args:
        path: must end in `.weights.h5`, as Keras demands.
        trained_on: uint64 fingerprints of the photos behind the weights, so that no command scores on them.
    """
    with replacing_hdf5(path) as memory:
        model.save_weights(memory)
        write_members(memory, description, trained_on)


def add_trust(path: Path, trust: Trust) -> None:
    """Write what the end of a training measured into its weights file, atomically. It replaces older measurements.

    A file that holds the same measurements is left as it is: a run that ends twice has the bytes of one that ends once.

    Raises UserError if the file is damaged, which a new checksum would hide.
    """
    verify_checksum(path)
    if has_trust(path, trust):
        return
    with replacing_hdf5(path, path.read_bytes()) as memory, h5py.File(memory, "r+") as file:
        write_trust(file, trust)
        write_checksum(file)


def load_weights(path: Path, fallback: Fallback | None = None) -> tuple[keras.Model, Description]:
    """The network of a weights file, in float32 and with its weights, and its description.

    Args:
        path: a file written by `save_weights`; or, if `fallback` names a preset, any weights of that preset's network,
            in the layout of Keras 3 (.weights.h5) or of Keras 2 and before (any .h5 name).
        fallback: what the caller knows about files that do not contain their network.

    Raises:
        UserError: the file is missing or damaged, does not describe itself, or does not fit the network.
    """
    fallback = fallback or Fallback()
    description = fallback.describe(path)
    try:
        model = _network_that_fits(path, description, fallback)
        load = _load_any_layout if description.network else _load_from_elsewhere
        load(model, path)
    except UserError:
        raise
    except Exception as error:  # Keras and h5py raise many kinds of exception here
        raise UserError(f"{path}: does not fit the network {description.model} ({first_line(error)})") from None
    verify_checksum(path)
    return model, description


def _network_that_fits(path: Path, description: Description, fallback: Fallback) -> keras.Model:
    """The network in float32. It takes memory only if the file contains enough numbers for all its weights."""
    with dtype_policy("float32"):
        with shapes_only():  # its weights have shapes but take no memory
            network = fallback.build(path, description)
            check_head(network, len(description.class_names))
            needed = network.count_params()
        held = count_numbers(path)
        if held < needed:
            raise ValueError(f"which has {needed:,} weights; the file contains {held:,}")
        return fallback.build(path, description)


def _load_from_elsewhere(model: keras.Model, path: Path) -> None:
    """Load weights of another program, and heed what their file says that Keras does not look at; see elsewhere.py."""
    with h5py.File(path, "r") as file:
        check_elsewhere(file, network_of(model))
        _load_any_layout(model, path)
        if put_in_order(model, file):
            turned = "was written by Theano, so its kernels are turned"
            say(f"{path}: {turned}; it is taken for images whose channels come last.")


def _load_any_layout(model: keras.Model, path: Path) -> None:
    with h5py.File(path, "r") as file:
        is_old = "layer_names" in file.attrs or "model_weights" in file
    with scratch_folder() as folder:
        # Keras chooses its reader by the name alone, and refuses the tutorials' `50_epochs.h5` or any other.
        link = folder / ("old.h5" if is_old else "new.weights.h5")
        try:
            link.symlink_to(path.resolve())
        except OSError:  # Windows lets few users make links
            shutil.copy(path, link)
        model.load_weights(link)

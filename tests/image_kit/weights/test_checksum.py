"""checksum: no bit of a weights file's content changes unnoticed, and files without a checksum are read as before."""

import h5py
import numpy as np
import pytest

import models
from image_kit.errors import UserError
from image_kit.photos.preprocessing import Preprocessing
from image_kit.training.network import loss_for
from image_kit.weights import checksum, hdf5_safety, saving
from image_kit.weights.description import Description
from tests.fixtures.networks import network

SHAPE = (20, 20, 3)
DESCRIPTION = Description(
    "cifar10_small", ("a", "b", "c"), Preprocessing(SHAPE), network=network("cifar10_small", SHAPE, 3)
)
DAMAGED = r"^.*last\.weights\.h5: is damaged: its content does not match its checksum; take another copy of it$"


@pytest.fixture
def path(tmp_path):
    """A weights file with an optimizer's state and fingerprints."""
    model = models.cifar10_small(SHAPE, 3)
    model.compile("adam", loss_for(model))
    model.optimizer.build(model.trainable_variables)
    path = tmp_path / "last.weights.h5"
    saving.save_weights(model, path, DESCRIPTION, np.arange(4, dtype=np.uint64))
    return path


def test_one_flipped_bit_in_any_data_set_is_refused(path):
    """In the weights, the optimizer's state and its count of steps, and the fingerprints of photos."""
    rng = np.random.default_rng(0)
    with h5py.File(path) as file:
        places = {name: (data.id.get_offset(), data.nbytes) for name, data in hdf5_safety.datasets(file)}
    assert len(places) == 10 + 2 + 20 + 1  # weights, Adam's step and learning rate, its moments, fingerprints
    whole = path.read_bytes()
    for start, length in places.values():
        damaged = bytearray(whole)
        damaged[start + rng.integers(length)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=DAMAGED):
            saving.load_weights(path)
    path.write_bytes(whole)
    saving.load_weights(path)


def test_a_letter_of_the_description_is_refused(path):
    path.write_bytes(path.read_bytes().replace(b'["a", "b", "c"]', b'["a", "q", "c"]'))
    with pytest.raises(UserError, match=DAMAGED):
        saving.load_weights(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("optimizer/vars/99", lambda values: values),
        ("optimizer/vars/2", lambda values: values.view(np.int32)),
        ("optimizer/vars/2", lambda values: values.reshape(-1)),
        ("optimizer/vars/2", lambda values: np.array(["text"], object)),
    ],
)
def test_a_renamed_retyped_or_reshaped_data_set_is_refused(path, name, change):
    with h5py.File(path, "r+") as file:
        values = file["optimizer/vars/2"][:]
        del file["optimizer/vars/2"]
        file[name] = change(values)
    with pytest.raises(UserError, match=DAMAGED):
        checksum.verify_checksum(path)


def test_a_file_without_one_is_read_as_before(path):
    with h5py.File(path, "r+") as file:
        del file.attrs[checksum.ATTRIBUTE]
        file["layers/conv2d/vars/0"][:] = 0
    assert not saving.load_weights(path)[0].get_weights()[0].any()


@pytest.mark.parametrize("value", [-1, 2**64 - 1, "text", [1, 2], np.zeros((2, 2)), 0.5, h5py.Empty("f")])
def test_an_invalid_checksum_gives_one_line(path, value):
    with h5py.File(path, "r+") as file:
        file.attrs[checksum.ATTRIBUTE] = value
    with pytest.raises(UserError, match=DAMAGED):
        saving.load_weights(path)


def test_it_does_not_depend_on_how_much_is_read_at_once(path, monkeypatch):
    for block in (1, 100):
        monkeypatch.setattr(checksum, "BLOCK", block)
        checksum.verify_checksum(path)

"""Calibration and golden self-test in real files: what training writes, what prediction reads."""

import h5py
import numpy as np
import pytest

import models
from image_kit.answering import lite_export, lite_model
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.datasets import ImageSet
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.trust import measure as trust_measure
from image_kit.weights import checksum, saving, trust_data
from image_kit.weights.description import Description
from tests.fixtures.networks import network

SHAPE = (20, 20, 3)
DESCRIPTION = Description(
    "cifar10_small", ("a", "b", "c"), Preprocessing(SHAPE), network=network("cifar10_small", SHAPE, 3)
)


def images(n, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 5, 5, 3)).repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
    return ImageSet(pixels, rng.integers(0, 3, n).astype(np.int32), [str(i) for i in range(n)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """best.weights.h5 and model.tflite of a random network, as the end of a training leaves them."""
    folder = tmp_path_factory.mktemp("made")
    path = folder / "best.weights.h5"
    saving.save_weights(models.cifar10_small(SHAPE, 3), path, DESCRIPTION, np.arange(4, dtype=np.uint64))
    classifier = KerasClassifier.load(path)
    assert classifier.trust is None
    classifier.trust, _ = trust_measure.measure_trust(classifier, images(200, 0), images(100, 1))
    saving.add_trust(path, classifier.trust)
    lite_export.write_lite_model(classifier, path, folder / "model.tflite")
    return folder, classifier


@pytest.fixture
def copied(made, tmp_path):
    """A copy of the weights file that a test may damage."""
    path = tmp_path / "copy.weights.h5"
    path.write_bytes((made[0] / "best.weights.h5").read_bytes())
    return path


def test_both_files_answer_alike(made):
    folder, classifier = made
    shown = images(20, 2).images
    expected, sets = classifier.answers(shown, 0.8)
    for other in (KerasClassifier.load(folder / "best.weights.h5"), LiteClassifier.load(folder / "model.tflite")):
        probabilities, their_sets = other.answers(shown, 0.8)
        np.testing.assert_allclose(probabilities, expected, atol=1e-3)
        assert their_sets == sets
        assert other.trust.to_bytes() == classifier.trust.to_bytes()
    assert not np.allclose(expected, classifier.uncalibrated(shown), atol=1e-3)


def test_adding_it_keeps_the_rest_of_the_file_and_adding_it_again_replaces_it(made, copied):
    before = saving.load_weights(copied)[0].get_weights()
    other, _ = trust_measure.measure_trust(made[1], images(200, 3), images(100, 4))
    saving.add_trust(copied, other)
    assert trust_data.read_trust(copied, DESCRIPTION).to_bytes() == other.to_bytes() != made[1].trust.to_bytes()
    assert [path.name for path in copied.parent.iterdir()] == ["copy.weights.h5"]
    model, description = saving.load_weights(copied)
    assert description == DESCRIPTION
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with h5py.File(copied) as file:
        assert sum(trust_data.DATA_SET in name for name in file) == 1


def test_adding_the_same_again_leaves_every_byte(made, copied):
    before = copied.read_bytes()
    saving.add_trust(copied, made[1].trust)
    assert copied.read_bytes() == before


def test_damage_is_not_sealed_by_adding_it_again(made, copied):
    with h5py.File(copied, "r+") as file:
        file["layers/conv2d/vars/0"][:] *= 1.1
    before = copied.read_bytes()
    with pytest.raises(UserError, match=r"copy\.weights\.h5: is damaged"):
        saving.add_trust(copied, made[1].trust)
    assert copied.read_bytes() == before


def test_weights_that_answer_otherwise_are_refused_with_the_figures(copied):
    with h5py.File(copied, "r+") as file:
        file["layers/conv2d/vars/0"][:] *= 1.1
        checksum.write_checksum(file)  # as if the file were right and the runtime computed something else
    message = (
        r"copy\.weights\.h5: its answers have changed since its training: .* was [-\d.e]+ and is [-\d.e+]+ \(tolerance"
    )
    with pytest.raises(UserError, match=message):
        KerasClassifier.load(copied)


def test_a_tflite_whose_network_answers_otherwise_is_refused(made, tmp_path):
    folder, classifier = made
    other = KerasClassifier(models.cifar10_small(SHAPE, 3), DESCRIPTION)
    other.trust = classifier.trust
    lite_export.write_lite_model(other, folder / "best.weights.h5", tmp_path / "model.tflite")
    with pytest.raises(UserError, match=r"model\.tflite: its answers have changed since its training: probability"):
        LiteClassifier.load(tmp_path / "model.tflite")


@pytest.mark.parametrize(
    "content",
    [
        np.zeros(0, np.uint8),
        np.zeros(30, np.uint8),
        np.zeros(30, np.float32),
        np.zeros((3, 3), np.uint8),
        np.frombuffer(b'{"format": 1, "arrays": {}}\n', np.uint8),
    ],
)
def test_a_damaged_calibration_gives_one_line(copied, content):
    with h5py.File(copied, "r+") as file:
        del file[trust_data.DATA_SET]
        file[trust_data.DATA_SET] = content
        checksum.write_checksum(file)
    with pytest.raises(
        UserError, match=r"^.*copy\.weights\.h5: its calibration is damaged \(.*\); take another copy of it$"
    ):
        KerasClassifier.load(copied)


def test_a_claim_of_gigabytes_is_refused(copied):
    with h5py.File(copied, "r+") as file:
        del file[trust_data.DATA_SET]
        file.create_dataset(trust_data.DATA_SET, (10**10,), np.uint8, chunks=(2**20,))
    with pytest.raises(UserError, match="claims to be larger than the file"):
        KerasClassifier.load(copied)
    with pytest.raises(UserError, match="calibration is damaged"):
        trust_data.read_trust(copied, DESCRIPTION)


def test_a_damaged_member_of_a_tflite_gives_one_line(made, tmp_path):
    whole = (made[0] / "model.tflite").read_bytes()
    place = whole.index(b'"temperature"') + 3
    (tmp_path / "model.tflite").write_bytes(whole[:place] + b"X" + whole[place + 1 :])
    with pytest.raises(UserError, match=r"not a model\.tflite of this kit, or damaged"):
        lite_model.read(tmp_path / "model.tflite")

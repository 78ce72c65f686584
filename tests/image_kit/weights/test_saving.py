import json
import warnings

import h5py
import keras
import numpy as np
import pytest

import models
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.errors import UserError
from image_kit.photos.preprocessing import Preprocessing
from image_kit.training.network import loss_for
from image_kit.weights import saving
from image_kit.weights.building import network_of
from image_kit.weights.description import Description, read_description, read_trained_on
from tests.fixtures.networks import NETWORKS, fallback

SHAPE = (24, 24, 3)
NOTHING = np.empty(0, np.uint64)


def describe(**changes) -> Description:
    values = {"model": "elephants_cars", "class_names": ("cars", "elephants"), "preprocessing": Preprocessing(SHAPE)}
    return Description(**values | changes)


def save(path, n_classes=2, **changes):
    model = models.elephants_cars(SHAPE, n_classes)
    saving.save_weights(model, path, describe(network=network_of(model), **changes), NOTHING)
    return model


def write_keras_2_layout(path, model, group=None):
    """What Keras 2's save_weights wrote: groups named by layer, listed in attributes of the root (or of `group`)."""
    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        root.attrs["keras_version"] = b"2.1.0"
        root.attrs["backend"] = b"tensorflow"
        root.attrs["layer_names"] = [f"{layer.name}_1".encode() for layer in model.layers]
        for layer in model.layers:
            below = root.create_group(f"{layer.name}_1")
            names = [f"{layer.name}_1/{kind}:0".encode() for kind in ("kernel", "bias")] if layer.weights else []
            below.attrs["weight_names"] = names
            for name, weight in zip(names, layer.weights, strict=False):
                below.create_dataset(name.decode(), data=weight.numpy())


def test_the_file_loads_alone_and_says_everything(tmp_path):
    trained_on = np.array([7, 2**64 - 1], np.uint64)
    model = models.elephants_cars(SHAPE, 2)
    facts = {"epoch": 3, "metrics": {"val_accuracy": 0.5}, "versions": {"keras": "3"}}
    description = describe(preset="elephants_cars", network=network_of(model), **facts)
    saving.save_weights(model, tmp_path / "best.weights.h5", description, trained_on)
    moved = (tmp_path / "best.weights.h5").rename(tmp_path / "elsewhere.weights.h5")
    loaded, read = saving.load_weights(moved)
    assert read == description
    assert read_trained_on(moved).tolist() == trained_on.tolist()
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_plain_keras_loads_the_file_too(tmp_path):
    model = save(tmp_path / "best.weights.h5")
    other = models.elephants_cars(SHAPE, 2)
    other.load_weights(tmp_path / "best.weights.h5")
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_optimizer_is_saved_with_a_compiled_model_and_ignored_by_load(tmp_path, capsys):
    model = models.elephants_cars(SHAPE, 2)
    model.compile("rmsprop", loss_for(model))
    model.optimizer.build(model.trainable_variables)
    saving.save_weights(model, tmp_path / "last.weights.h5", describe(network=network_of(model)), NOTHING)
    with h5py.File(tmp_path / "last.weights.h5") as file:
        assert len(file["optimizer/vars"]) > len(model.trainable_variables)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras's word for "the file contains more than the model"
        saving.load_weights(tmp_path / "last.weights.h5")
    assert capsys.readouterr().err == ""


def test_a_description_longer_than_an_hdf5_attribute_survives(tmp_path):
    names = tuple(f"class number {number} with a rather long name" for number in range(2_500))
    model = models.elephants_cars(SHAPE, len(names))
    saving.save_weights(model, tmp_path / "a.weights.h5", describe(class_names=names), NOTHING)
    assert read_description(tmp_path / "a.weights.h5").class_names == names


@pytest.mark.parametrize("group", [None, "model_weights"])
@pytest.mark.parametrize("name", ["50_epochs.h5", "50_epochs.weights.h5", "50_epochs.keras2"])
def test_a_tutorials_old_weights_load_with_a_preset(tmp_path, name, group):
    model = models.fashion_mnist((28, 28, 1), 10)
    write_keras_2_layout(tmp_path / name, model, group)
    loaded, description = saving.load_weights(tmp_path / name, fallback("fashion_mnist"))
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert description.class_names[9] == "Ankle boot"
    assert read_trained_on(tmp_path / name).size == 0


def test_old_weights_of_tutorial_1_have_its_classes_and_its_size(tmp_path):
    model = models.elephants_cars((300, 300, 3), 2)
    write_keras_2_layout(tmp_path / "50_epochs.h5", model)
    description = saving.load_weights(tmp_path / "50_epochs.h5", fallback("elephants_cars"))[1]
    assert description.class_names == ("cars", "elephants")
    assert description.preprocessing == Preprocessing((300, 300, 3))


def test_class_names_of_old_weights_can_be_given(tmp_path):
    write_keras_2_layout(tmp_path / "a.h5", models.one_conv((256, 256, 3), 3))
    description = saving.load_weights(tmp_path / "a.h5", fallback("one_conv", ["x", "y", "z"]))[1]
    assert description.class_names == ("x", "y", "z")


def test_a_file_that_says_nothing_asks_for_a_preset(tmp_path):
    models.mnist_cnn((28, 28, 1)).save_weights(tmp_path / "plain.weights.h5")
    with pytest.raises(UserError, match=r"plain\.weights\.h5: does not say .* --preset, one of elephants_cars"):
        saving.load_weights(tmp_path / "plain.weights.h5", fallback())
    assert saving.load_weights(tmp_path / "plain.weights.h5", fallback("mnist_cnn"))[1].class_names == tuple(
        "0123456789"
    )


def test_weights_of_another_network_are_refused(tmp_path):
    write_keras_2_layout(tmp_path / "a.h5", models.mnist_cnn((28, 28, 1)))
    with pytest.raises(UserError, match=r"a\.h5: does not fit the network cifar10 \("):
        saving.load_weights(tmp_path / "a.h5", fallback("cifar10"))


def test_no_file_a_foreign_file_and_a_cut_file_give_one_line(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    save(tmp_path / "whole.weights.h5")
    whole = (tmp_path / "whole.weights.h5").read_bytes()
    (tmp_path / "cut.weights.h5").write_bytes(whole[: len(whole) // 2])
    for name, message in (("none.h5", "no such weights file"), ("text.h5", "is a text"), ("cut.weights.h5", "HDF5")):
        with pytest.raises(UserError, match=message) as caught:
            saving.load_weights(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"model": "os.system"},
        {"class_names": ["one"]},
        {"class_names": 3},
        {"preprocessing": {"image_shape": [0, 5, 3], "rescale": 1}},
        {"preprocessing": {"image_shape": [10**9, 10**9, 3], "rescale": 1}},
        {"preprocessing": {"image_shape": [24, 24, 2], "rescale": 1}},
        {"preprocessing": {"image_shape": [24, 24], "rescale": 1}},
        {"preprocessing": {"image_shape": [24, 24, 3], "rescale": float("nan")}},
        {"class_names": ["same", "same"]},
        {"preprocessing": None},
        {"unknown": 1},
    ],
)
def test_a_damaged_description_is_refused(tmp_path, change):
    save(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        values = json.loads(file.attrs["image_classifier_0"])
        file.attrs["image_classifier_0"] = json.dumps(values | change)
    with pytest.raises(UserError, match=r"a\.weights\.h5: its description is damaged"):
        saving.load_weights(tmp_path / "a.weights.h5")


@pytest.mark.parametrize("marks", ["a group", np.zeros(3), np.zeros((2, 2), np.uint64), "larger than the file"])
def test_damaged_fingerprints_are_refused(tmp_path, marks):
    save(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        name = "image_classifier_trained_on"
        del file[name]
        if isinstance(marks, np.ndarray):
            file[name] = marks
        elif marks == "a group":
            file.create_group(name)
        else:  # never written, so HDF5 stores nothing: 16 GB in a small file
            file.create_dataset(name, (2 * 10**9,), np.uint64, chunks=(2**20,))
    with pytest.raises(UserError, match=r"a\.weights\.h5: its fingerprints of photos"):
        read_trained_on(tmp_path / "a.weights.h5")


def test_an_image_too_small_for_the_network_is_refused(tmp_path):
    save(tmp_path / "a.weights.h5", preprocessing=Preprocessing((1, 1, 3)))
    with pytest.raises(UserError, match=r"a\.weights\.h5: does not fit the network elephants_cars"):
        saving.load_weights(tmp_path / "a.weights.h5")


def test_options_that_contradict_the_file_are_refused(tmp_path):
    save(tmp_path / "a.weights.h5")
    saving.load_weights(tmp_path / "a.weights.h5", fallback("elephants_cars", ["cars", "elephants"]))
    with pytest.raises(UserError, match=r"--preset cifar10: .* says that its network is elephants_cars"):
        saving.load_weights(tmp_path / "a.weights.h5", fallback("cifar10"))
    with pytest.raises(UserError, match=r"--class-names: .* says that its classes are cars,elephants"):
        saving.load_weights(tmp_path / "a.weights.h5", fallback(None, ["elephants", "cars"]))


@pytest.mark.parametrize("names", [["one"], ["same", "same"]])
def test_class_names_of_old_weights_are_checked(tmp_path, names):
    write_keras_2_layout(tmp_path / "a.h5", models.mnist_cnn((28, 28, 1)))
    with pytest.raises(UserError, match="--class-names: class names must be two or more and differ"):
        saving.load_weights(tmp_path / "a.h5", fallback("mnist_cnn", names))


def test_answers_that_are_nan_are_an_error():
    model = models.elephants_cars(SHAPE, 2)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(UserError, match="NaN or infinite"):
        KerasClassifier(model, describe()).probabilities(np.zeros((1, *SHAPE), np.uint8))


def test_a_crash_while_saving_leaves_the_old_file(tmp_path):
    path = tmp_path / "best.weights.h5"
    save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        saving.save_weights(models.elephants_cars(SHAPE, 2), path, describe(metrics={"a": object()}), NOTHING)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_loading_leaves_the_dtype_policy_alone(tmp_path):
    save(tmp_path / "a.weights.h5")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, _ = saving.load_weights(tmp_path / "a.weights.h5")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(("network", "shape", "classes"), [("elephants_cars", SHAPE, 2), ("cifar10_small", SHAPE, 4)])
def test_probabilities_are_a_distribution_whatever_the_head(network, shape, classes):
    model = NETWORKS.build(network, shape, classes)
    classifier = KerasClassifier(model, describe(model=network, class_names=tuple("abcd"[:classes])))
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), np.uint8)
    probabilities = classifier.probabilities(images)
    assert probabilities.shape == (5, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    outputs = model.predict(images / np.float32(255), verbose=0)
    if classes == 2:
        np.testing.assert_allclose(probabilities[:, 1], outputs[:, 0], atol=1e-6)
    else:
        np.testing.assert_allclose(probabilities, keras.ops.softmax(outputs), atol=1e-6)
    assert classifier.probabilities(images[:0]).shape == (0, classes)


def test_a_network_larger_than_the_file_is_refused_before_its_memory_is_taken(tmp_path, monkeypatch):
    """A few KB that claim to contain tutorial 1's network for 2048 x 2048 pixels, 1 GB of weights."""
    save(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        values = json.loads(file.attrs["image_classifier_0"])
        values["preprocessing"]["image_shape"] = [2048, 2048, 3]
        file.attrs["image_classifier_0"] = json.dumps(values)
        held = sum(weight.size for weight in models.elephants_cars(SHAPE).get_weights())
    initializers = []
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", lambda *_, **__: initializers.append(1))
    message = (
        rf"a\.weights\.h5: does not fit the network elephants_cars \(.* 264,286,305 weights; the file .* {held:,}\)"
    )
    with pytest.raises(UserError, match=message):
        saving.load_weights(tmp_path / "a.weights.h5")
    assert initializers == []

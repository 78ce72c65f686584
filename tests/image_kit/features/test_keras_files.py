"""A Keras model in a file as a backbone: the same features as Keras's, and one line where that cannot be."""

import json
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from image_kit.errors import UserError
from image_kit.features import load_backbone
from image_kit.photos import Preprocessing
from image_kit.weights import Description, build_with_weights, network_of, save_weights
from tests.fuzz_files import mutated

SHAPE = (36, 32, 3)
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (2, *SHAPE)).astype(np.float32)


def features_of(backbone):
    """What the backbone computes of IMAGES, through Keras."""
    assert backbone.image_size == SHAPE[:2]
    model = build_with_weights(backbone.network, backbone.weights, (*backbone.image_size, 3))
    return model(IMAGES / 255).numpy()


def body():
    """A network with a branch, batch statistics that are not their first values, and a feature map as output."""
    image = keras.Input(SHAPE)
    first = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu6")(image)
    second = layers.DepthwiseConv2D(3, padding="same")(first)
    normal = layers.BatchNormalization(name="normal")
    model = keras.Model(image, layers.Add()([first, normal(second)]), name="body")
    normal.set_weights(rng.uniform(0.5, 1.5, (4, 6)))
    return model


@pytest.fixture(scope="module")
def transfer():
    """As a tutorial on transfer learning builds it: a network inside the network, with pixels on 0..255."""
    image = keras.Input(SHAPE)
    within = body()
    within.trainable = False
    pooled = layers.GlobalAveragePooling2D(name="features")(
        within(layers.Rescaling(1 / 127.5, -1)(image), training=False)
    )
    return keras.Model(image, layers.Dense(2, activation="softmax")(layers.Dropout(0.2)(pooled)))


@pytest.fixture
def save(tmp_path):
    def save(model, name="model.keras"):
        model.save(tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_model_inside_a_model_loses_its_head_and_keeps_its_features(name, transfer, save, capsys):
    backbone = load_backbone(str(save(transfer, name)))
    expected = keras.Model(transfer.input, transfer.get_layer("features").output)(IMAGES).numpy()
    np.testing.assert_allclose(features_of(backbone), expected, atol=1e-5)
    assert [entry["class"] for entry in backbone.network] == [
        *("Rescaling", "Rescaling", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "Add", "GlobalAveragePooling2D")
    ]
    assert capsys.readouterr().err == ""
    assert backbone.source == f"the file {name}"


def test_both_formats_give_the_same_identity(transfer, save):
    paths = save(transfer), save(transfer, "model.h5")
    assert len({load_backbone(str(path)).identity for path in paths}) == 1


@pytest.mark.parametrize(("name", "other"), [("model.keras", "renamed.h5"), ("model.h5", "renamed.keras")])
def test_a_suffix_that_lies_decides_nothing(name, other, transfer, save, tmp_path):
    expected = load_backbone(str(save(transfer, name))).identity
    (tmp_path / name).rename(tmp_path / other)
    assert load_backbone(str(tmp_path / other)).identity == expected


def test_another_archive_with_the_suffix_of_hdf5_is_called_what_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.h5", "w") as archive:
        archive.writestr("model/data.pkl", "")
    with pytest.raises(UserError, match=r"cannot be used as a backbone: it is a file of PyTorch"):
        load_backbone(str(tmp_path / "model.h5"))


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_feature_map_is_pooled_and_the_range_of_pixels_said(name, save, capsys):
    model = body()
    path = save(model, name)
    expected = model(IMAGES / 255).numpy().mean((1, 2))
    np.testing.assert_allclose(features_of(load_backbone(str(path))), expected, atol=1e-5)
    assert "is taken for a network of images on 0..1." in capsys.readouterr().err


def test_normalization_of_the_training_set_becomes_a_rescaling(save):
    normal = layers.Normalization()
    normal.adapt(IMAGES)
    model = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1.0), normal, layers.Conv2D(4, 3), layers.Flatten()])
    expected = model(IMAGES).numpy()
    np.testing.assert_allclose(features_of(load_backbone(str(save(model)))), expected, atol=1e-4)


@pytest.mark.parametrize(("rescale", "first"), [(1 / 255, "Conv2D"), (1 / 64, "Rescaling")])
def test_a_file_of_the_kit_brings_its_rescaling(rescale, first, tmp_path, capsys):
    stack = [keras.Input(SHAPE), layers.Conv2D(5, 3, activation="relu"), layers.GlobalMaxPooling2D(name="features")]
    model = keras.Sequential([*stack, layers.Dropout(0.5), layers.Dense(1, activation="sigmoid")])
    description = Description("own", ("a", "b"), Preprocessing(SHAPE, rescale), network=network_of(model))
    path = tmp_path / "best.weights.h5"
    save_weights(model, path, description, np.empty(0, np.uint64))
    backbone = load_backbone(str(path))
    expected = keras.Model(model.inputs, model.get_layer("features").output)(IMAGES * rescale).numpy()
    np.testing.assert_allclose(features_of(backbone), expected, atol=1e-5)
    assert backbone.network[0]["class"] == first
    assert capsys.readouterr().err == ""


def sequential(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack])


def two_inputs():
    images = [keras.Input(SHAPE), keras.Input(SHAPE)]
    return keras.Model(images, layers.Add()(images))


def called_twice():
    image, layer = keras.Input(SHAPE), layers.Conv2D(3, 3, padding="same")
    return keras.Model(image, layer(layer(image)))


class Doubled(layers.Conv2D):
    """A user's own layer."""


UNUSABLE = {
    "lambda": (
        lambda: sequential(SHAPE, layers.Lambda(lambda x: x * 2)),
        r"its layer 'lambda\w*' \(Lambda\) is not one",
    ),
    "own layer": (lambda: sequential(SHAPE, Doubled(3, 3)), r"\(Doubled\) is not one of those"),
    "operation": (
        lambda: keras.Model(x := keras.Input(SHAPE), keras.ops.add(x, 1)),
        r"(its layer 'add\w*' \(Add\) is not one|a layer is called with '1')",
    ),
    "gray": (lambda: sequential((32, 32, 1), layers.Flatten()), r"images of \(32, 32, 1\); a backbone must take RGB"),
    "small": (lambda: sequential((31, 32, 3), layers.Flatten()), r"images of \(31, 32, 3\); .* at least 32 pixels"),
    "any size": (lambda: sequential((None, None, 3), layers.Conv2D(2, 3)), r"images of \(None, None, 3\); "),
    "two inputs": (two_inputs, "must have one input"),
    "called twice": (called_twice, "is called 2 times"),
    "only a head": (lambda: sequential(SHAPE, layers.Dropout(0.1), layers.Dense(2)), "no layers below its head"),
    "sequence": (lambda: sequential(SHAPE, layers.Reshape((36, 96))), r"outputs \(36, 96\)"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize(("build", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_model_that_is_not_usable_is_one_line(build, message, name, save):
    path = save(build(), name)
    with pytest.raises(UserError, match=message) as error:
        load_backbone(str(path))
    assert str(error.value).startswith(f"--backbone {path}: ")
    assert "\n" not in str(error.value)


def changed_config(path, change):
    """The same .keras with another config.json."""
    other = path.with_name("changed.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            data = old.read(member)
            if member == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config)
            new.writestr(member, data)
    return other


def as_keras_2(config):
    """As tf_keras writes a functional model: its own module, other nodes, and calls of a model counted from 1."""
    names = {layer["config"]["name"] for layer in config["config"]["layers"] if layer["class_name"] == "Functional"}
    config["module"] = "tf_keras.src.engine.functional"
    for layer in config["config"]["layers"]:
        if layer["config"]["name"] in names:
            as_keras_2(layer)
        for node in layer["inbound_nodes"]:
            for tensor in node["args"] if isinstance(node["args"][0], dict) else node["args"][0]:
                history = tensor["config"]["keras_history"]
                history[1] += history[0] in names


def test_a_model_of_keras_2_inside_another(transfer, save):
    path = changed_config(save(transfer), as_keras_2)
    np.testing.assert_allclose(
        features_of(load_backbone(str(path))), features_of(load_backbone(str(save(transfer, "other.keras"))))
    )


def test_a_folder_is_called_so(tmp_path):
    (tmp_path / "model.keras").mkdir()
    with pytest.raises(UserError, match=r"model\.keras: is a folder; save the model as one file"):
        load_backbone(str(tmp_path / "model.keras"))


def test_settings_that_older_versions_did_not_have_and_a_sequential_without_a_name(save):
    stack = [
        layers.Rescaling(1 / 255),
        layers.Conv2D(5, 3, strides=2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ]
    path = save(sequential(SHAPE, *stack), "model.h5")
    expected = features_of(load_backbone(str(path)))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            for name in ("groups", "keepdims"):
                layer["config"].pop(name, None)
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config["config"]["layers"]})
    np.testing.assert_array_equal(features_of(load_backbone(str(path))), expected)


def test_kernels_that_theano_turned_are_named(transfer, save):
    path = save(transfer, "model.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["backend"] = b"theano"
    with pytest.raises(UserError, match=r"Theano saved it, with turned kernels; load it in Keras 2"):
        load_backbone(str(path))


def test_a_file_that_names_code_runs_none_of_it(save, tmp_path):
    path, marker = save(sequential(SHAPE, layers.Conv2D(3, 3))), tmp_path / "ran"
    call = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}

    def attack(config):
        layer = config["config"]["layers"][1]
        layer["config"]["kernel_initializer"] = {"module": "os", "class_name": "system", "config": f"touch {marker}"}
        config["compile_config"] = {"loss": call, "optimizer": call}

    assert load_backbone(str(changed_config(path, attack))).identity == load_backbone(str(path)).identity
    for key, value in {"activation": call, "filters": {"class_name": "__lambda__", "config": {"value": "x"}}}.items():
        other = changed_config(
            path, lambda config, key=key, value=value: config["config"]["layers"][1]["config"].update({key: value})
        )
        with pytest.raises(UserError, match="it contains a layer Conv2D with"):
            load_backbone(str(other))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("filters", 4, "have shapes"),
        ("filters", 2**40, "it contains a layer Conv2D with filters '1099511627776'"),
        ("filters", 2**28, "(outputs more than|have shapes)"),
        ("use_bias", False, "have shapes"),
    ],
)
def test_weights_that_do_not_fit_the_network_are_refused(setting, value, message, save):
    path = save(sequential(SHAPE, layers.Conv2D(3, 3)))
    other = changed_config(path, lambda config: config["config"]["layers"][1]["config"].update({setting: value}))
    with pytest.raises(UserError, match=message):
        load_backbone(str(other))


def test_weights_without_a_network_are_refused(tmp_path):
    path = tmp_path / "my.weights.h5"
    sequential(SHAPE, layers.Conv2D(3, 3)).save_weights(path)
    with pytest.raises(UserError, match="weights without their network; save the whole model"):
        load_backbone(str(path))


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04broken"])
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "my.weights.h5"])
def test_a_damaged_file_is_one_line(content, name, tmp_path):
    path = tmp_path / name
    with pytest.raises(UserError, match="there is no such file"):
        load_backbone(str(path))
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        load_backbone(str(path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_compressed_archive_is_refused_before_it_is_expanded(save):
    path = save(sequential(SHAPE, layers.Conv2D(3, 3)))
    bomb = path.with_name("bomb.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("config.json", b" " * 10_000_000 + old.read("config.json"))
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    with pytest.raises(UserError, match=r"its config.json is compressed, which Keras never does"):
        load_backbone(str(bomb))


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_damaged_bytes_are_refused_or_read(name, save, tmp_path):
    original = save(sequential(SHAPE, layers.Conv2D(3, 3)), name)
    path, messages = tmp_path / f"damaged{original.suffix}", []
    for case in range(100):
        shutil.copy(original, path)
        path.write_bytes(mutated(original.read_bytes(), case))
        try:
            load_backbone(str(path))
        except UserError as error:
            messages.append(str(error))
    assert 20 < len(messages) < 100
    assert not any("\n" in message for message in messages)

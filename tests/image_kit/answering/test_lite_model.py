"""model.tflite: written from Keras, read without it, and the same answers."""

import hashlib
import json
import os
import shutil
import sys
import zipfile
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import models
from image_kit.answering import lite_classifier, lite_export, lite_model
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.weights import saving
from image_kit.weights.description import Description
from presets import PRESETS
from tests.fixtures.networks import NETWORKS, fallback

DESCRIPTION = Description("cifar10_small", ("a", "b", "ü"), Preprocessing((24, 32, 3), 0.01), epoch=2)
NOTHING = np.empty(0, np.uint64)


def write(folder, description=DESCRIPTION):
    """Random weights far from 0, so that the probabilities differ, and their model.tflite."""
    model = NETWORKS.build(description.model, description.preprocessing.image_shape, len(description.class_names))
    rng = np.random.default_rng(0)
    *before, kernel, bias = model.get_weights()
    model.set_weights([*before, 8 * kernel, rng.normal(size=bias.shape)])
    saving.save_weights(model, folder / "best.weights.h5", description, NOTHING)
    classifier = KerasClassifier.load(folder / "best.weights.h5", fallback())
    lite_export.write_lite_model(classifier, folder / "best.weights.h5", folder / "model.tflite")
    return classifier


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lite")
    return folder, write(folder)


def test_it_describes_itself(made):
    folder, _ = made
    model = lite_model.read(folder / "model.tflite")
    digest = lite_model.sha256(folder / "best.weights.h5")
    assert model == lite_model.LiteModel(
        folder / "model.tflite", DESCRIPTION, "logits", digest, model.flatbuffer_sha256, trust=None
    )
    assert sorted(path.name for path in folder.iterdir()) == ["best.weights.h5", "model.tflite"]
    with zipfile.ZipFile(folder / "model.tflite") as archive:  # as any unzip program shows it
        assert archive.namelist() == ["description.json", "origin.json"]


def test_writing_it_is_quiet(tmp_path, capfd):
    write(tmp_path)
    LiteClassifier.load(tmp_path / "model.tflite").probabilities(np.zeros((2, 24, 32, 3), np.uint8))
    assert capfd.readouterr() == ("", "")


def test_any_number_of_images_is_answered(made):
    folder, theirs = made
    ours = LiteClassifier.load(folder / "model.tflite")
    images = np.random.default_rng(1).integers(0, 256, (ours.batch_size * 2 + 1, 24, 32, 3), np.uint8)
    for count in (0, 1, 3, 1, ours.batch_size, len(images)):
        probabilities = ours.probabilities(images[:count])
        assert (probabilities.shape, probabilities.dtype) == ((count, 3), np.float32)
        np.testing.assert_allclose(probabilities, theirs.probabilities(images[:count]), atol=1e-5)


# 66 million weights would take a gigabyte, and prove nothing that a seventh of them does not.
SMALLER = {"one_conv": (96, 96, 3)}
TUTORIALS = {name: preset for name, preset in PRESETS.items() if not preset.backbone}
CASES = [(name, preset.image_shape, 2 if preset.dataset == "photos" else 10) for name, preset in TUTORIALS.items()]


@pytest.mark.slow
@pytest.mark.parametrize(("preset_name", "shape", "classes"), [*CASES, ("elephants_cars", (64, 48, 1), 3)])
def test_answers_are_those_of_tensorflow(tmp_path, preset_name, shape, classes):
    shape = SMALLER.get(preset_name, shape)
    names = tuple(map(str, range(classes)))
    theirs = write(tmp_path, Description(PRESETS[preset_name].model, names, Preprocessing(shape)))
    ours = LiteClassifier.load(tmp_path / "model.tflite")
    images = np.random.default_rng(2).integers(0, 256, (5, *shape), np.uint8)
    probabilities = ours.probabilities(images)
    assert ours.head == {"cifar10_small": "logits"}.get(preset_name, "sigmoid" if classes == 2 else "softmax")
    np.testing.assert_allclose(probabilities, theirs.probabilities(images), atol=1e-3)
    outputs = theirs.model.predict(images / np.float32(255), verbose=0)
    expected = models.keras.ops.softmax(outputs) if ours.head == "logits" else outputs
    np.testing.assert_allclose(probabilities[:, -expected.shape[1] :], expected, atol=1e-3)
    assert np.ptp(probabilities, axis=0).max() > 0.01  # they differ, so that equality says something
    for mine, other in zip(ours.outputs_and_features(images), theirs.outputs_and_features(images), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)


def test_answers_that_are_nan_are_an_error(tmp_path):
    model = models.mnist_dense((8, 8, 1), 3)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    description = Description("mnist_dense", ("a", "b", "c"), Preprocessing((8, 8, 1)))
    saving.save_weights(model, tmp_path / "a.weights.h5", description, NOTHING)
    lite_export.write_lite_model(
        KerasClassifier(model, description), tmp_path / "a.weights.h5", tmp_path / "model.tflite"
    )
    with pytest.raises(UserError, match="NaN or infinite"):
        LiteClassifier.load(tmp_path / "model.tflite").probabilities(np.zeros((1, 8, 8, 1), np.uint8))


def rewritten(source, target, change=None, **members):
    """A copy of a model.tflite with other members in its archive, or with a network that is changed and confirmed."""
    with zipfile.ZipFile(source) as archive:
        values = {name.removesuffix(".json"): json.loads(archive.read(name)) for name in archive.namelist()}
    network = source.read_bytes()[: values["origin"]["flatbuffer_bytes"]]
    if change:
        network = changed(network, change)
        digest = hashlib.sha256(network).hexdigest()
        values["origin"] |= {"flatbuffer_bytes": len(network), "flatbuffer_sha256": digest}
    target.write_bytes(network)
    with zipfile.ZipFile(target, "a") as archive:
        for name, value in values.items():
            archive.writestr(f"{name}.json", json.dumps(value | members.get(name, {})))
    return target


def changed(network, change):
    """A flatbuffer as `change` leaves its ModelT."""
    model, builder = schema.ModelT.InitFromPackedBuf(network, 0), flatbuffers.Builder()
    change(model)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    "members",
    [
        {"origin": {"head": "os.system"}},
        {"origin": {"flatbuffer_sha256": "0" * 64}},
        {"origin": {"flatbuffer_bytes": -1}},
        {"origin": {"flatbuffer_bytes": None}},
        {"description": {"model": "os.system"}},
        {"description": {"network": [{"class": "Lambda"}]}},
        {"description": {"newer": 1}},
        {"description": {"class_names": ["x" * 2**24, "y"]}},
    ],
)
def test_a_damaged_archive_is_refused(made, tmp_path, members):
    path = rewritten(made[0] / "model.tflite", tmp_path / "model.tflite", **members)
    with pytest.raises(UserError, match=r"model\.tflite: not a model\.tflite of this kit, or damaged") as caught:
        lite_model.read(path)
    assert "\n" not in str(caught.value)


def test_cut_foreign_damaged_and_missing_files_give_one_line(made, tmp_path):
    whole = (made[0] / "model.tflite").read_bytes()
    middle = len(whole) // 2
    files = {
        "cut": whole[:middle],
        "front": whole[middle:],
        "empty": b"",
        "text": b"no model",
        "bare": whole[: whole.index(b"PK\3\4")],
        "damaged": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
    }
    for name, content in files.items():
        (tmp_path / f"{name}.tflite").write_bytes(content)
    for name in (*files, "missing"):
        with pytest.raises(UserError, match=rf"{name}\.tflite: (not a model|no such file)") as caught:
            LiteClassifier.load(tmp_path / f"{name}.tflite")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{6: b"\xff"}, {8: b"\0\x08", 46: b"\xff"}])
def test_members_that_zipfile_cannot_read_give_one_line(made, tmp_path, changes):
    """It raises NotImplementedError for a version of the format to come, UnicodeDecodeError for a name."""
    content = bytearray((made[0] / "model.tflite").read_bytes())
    entry = content.index(b"PK\1\2")
    for place, value in changes.items():
        content[entry + place : entry + place + len(value)] = value
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.tflite: [^\n]+$"):
        lite_model.read(tmp_path / "model.tflite")


@pytest.mark.parametrize("members", [{}, {"labels.txt": "cat\ndog\n"}])
def test_nobody_is_told_to_delete_the_network_of_another_program(made, tmp_path, members):
    """As Teachable Machine exports it, with a list of labels or without."""
    network = (made[0] / "model.tflite").read_bytes()
    path = tmp_path / "model_unquant.tflite"
    path.write_bytes(network[: network.index(b"PK\x03\x04")])
    if members:
        with zipfile.ZipFile(path, "a") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    with pytest.raises(UserError, match=r"made elsewhere, or cut short\); give the \.weights\.h5 of a run") as caught:
        lite_model.read(path)
    assert "; delete it" not in str(caught.value)  # the folder is named after the test


def test_a_compressed_member_is_refused(made, tmp_path):
    path = rewritten(made[0] / "model.tflite", tmp_path / "model.tflite")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"PK\3\4")])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:  # 1,000 times as large when it is read
        archive.writestr("description.json", " " * 2**20)
    with pytest.raises(UserError, match=r"description\.json must be stored uncompressed, in 16,777,216 bytes at most"):
        lite_model.read(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"class_names": ["a", "b"]},
        {"class_names": ["a", "b", "c", "d"]},
        {"preprocessing": {"image_shape": [32, 24, 3], "rescale": 1}},
        {"preprocessing": {"image_shape": [24, 32, 1], "rescale": 1}},
    ],
)
def test_a_network_other_than_described_is_refused(made, tmp_path, changes, capfd):
    path = rewritten(made[0] / "model.tflite", tmp_path / "model.tflite", description=changes)
    with pytest.raises(UserError, match=r"model\.tflite: contains no network that LiteRT can run \(it maps"):
        LiteClassifier.load(path)
    assert capfd.readouterr().err == ""


def test_a_network_that_would_take_too_much_memory_is_refused(made, monkeypatch, capfd):
    monkeypatch.setattr(lite_classifier, "MAX_BYTES", 10_000)
    with pytest.raises(UserError, match=r"can run \(its tensors would need \d+,\d+ bytes, more than 10,000\)"):
        LiteClassifier.load(made[0] / "model.tflite")
    assert capfd.readouterr().err == ""


def test_a_small_network_may_not_take_much_memory(made, tmp_path):
    def enlarge(model):
        graph = model.subgraphs[0]
        output = graph.tensors[graph.operators[0].outputs[0]]
        output.shape, output.shapeSignature = np.array([2**26, 1], np.int32), None  # 268 MB

    assert LiteClassifier.load(rewritten(made[0] / "model.tflite", tmp_path / "same.tflite", lambda model: None))
    with pytest.raises(UserError, match=r"would need 26\d,\d+,\d+ bytes, more than 15\d,"):
        LiteClassifier.load(rewritten(made[0] / "model.tflite", tmp_path / "large.tflite", enlarge))


def test_an_output_that_is_no_tensor_is_refused(made, tmp_path):
    def lose(model):
        model.signatureDefs[0].outputs[0].tensorIndex = 2**32 - 250  # beyond what LiteRT takes: a TypeError

    with pytest.raises(UserError, match="contains no network that LiteRT can run"):
        LiteClassifier.load(rewritten(made[0] / "model.tflite", tmp_path / "model.tflite", lose))


def test_a_failed_export_leaves_the_old_file(made, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"old")
    broken = KerasClassifier(made[1].model, replace(DESCRIPTION, metrics={"a": object()}))
    with pytest.raises(TypeError):
        lite_export.write_lite_model(broken, made[0] / "best.weights.h5", tmp_path / "model.tflite")
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    assert (tmp_path / "model.tflite").read_bytes() == b"old"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow names that are text only")
def test_a_folder_whose_name_is_not_text_is_no_obstacle(made, tmp_path):
    folder = tmp_path / os.fsdecode(b"ph\xfe")
    folder.mkdir()
    shutil.copy(made[0] / "model.tflite", folder)
    images = np.zeros((1, 24, 32, 3), np.uint8)
    ours, theirs = (LiteClassifier.load(each / "model.tflite").probabilities(images) for each in (folder, made[0]))
    np.testing.assert_array_equal(ours, theirs)

"""Which classifier answers for a weights file, and photos in streams."""

import json
import os
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

import models
from image_kit import cache_folder
from image_kit.answering import inference, lite_cache, lite_classifier, lite_export, lite_model, lite_trial
from image_kit.answering.answers import Answer
from image_kit.answering.inference import answer_photos, load_classifier
from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.answering.lite_classifier import LiteClassifier
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.photos.sources import PhotoSource
from image_kit.trust.heads import to_probabilities
from image_kit.weights import network_of, saving
from image_kit.weights.description import Description
from tests.fixtures.networks import fallback, network

SHAPE = (12, 16, 3)
DESCRIPTION = Description(
    "mnist_dense", ("a", "b", "c"), Preprocessing(SHAPE), network=network("mnist_dense", SHAPE, 3)
)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)


def save(path):
    """Fresh random weights; returns their classifier."""
    model = models.mnist_dense(SHAPE, 3)
    saving.save_weights(model, path, DESCRIPTION, np.empty(0, np.uint64))
    return KerasClassifier(model, DESCRIPTION)


def same(ours, theirs):
    return np.abs(ours.probabilities(IMAGES) - theirs.probabilities(IMAGES)).max() < 1e-5


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_model_next_to_the_weights_answers(tmp_path, cache):
    theirs = save(tmp_path / "best.weights.h5")
    lite_export.write_lite_model(theirs, tmp_path / "best.weights.h5", tmp_path / "model.tflite")
    ours = load_classifier(tmp_path / "best.weights.h5")
    assert isinstance(ours, LiteClassifier)
    assert same(ours, theirs)
    assert ours.description == DESCRIPTION
    assert same(load_classifier(tmp_path / "model.tflite"), theirs)
    assert not list(cache.glob("*.tflite"))


def test_a_model_made_from_other_weights_is_not_used(tmp_path, cache, capfd):
    lite_export.write_lite_model(save(tmp_path / "a.weights.h5"), tmp_path / "a.weights.h5", tmp_path / "model.tflite")
    theirs = save(tmp_path / "a.weights.h5")
    assert same(load_classifier(tmp_path / "a.weights.h5"), theirs)
    (made,) = cache.glob("*.tflite")
    assert capfd.readouterr().err == ""  # it takes less than a second
    before = made.stat().st_ino
    os.utime(made, (1, 1))
    again = load_classifier(tmp_path / "a.weights.h5")
    assert isinstance(again, LiteClassifier)
    assert same(again, theirs)
    assert [path.stat().st_ino for path in cache.glob("*.tflite")] == [before]
    assert made.stat().st_mtime > 1  # used just now, so it is removed last
    assert capfd.readouterr().err == ""


def test_a_damaged_model_in_the_cache_is_made_again(tmp_path, cache, capfd):
    theirs = save(tmp_path / "a.weights.h5")
    load_classifier(tmp_path / "a.weights.h5")
    (made,) = cache.glob("*.tflite")
    made.write_bytes(made.read_bytes()[:-100])
    capfd.readouterr()
    assert same(load_classifier(tmp_path / "a.weights.h5"), theirs)
    assert f"{made}: not a model.tflite of this kit, or damaged" in capfd.readouterr().err
    assert lite_model.read(made).weights_sha256 == lite_model.sha256(tmp_path / "a.weights.h5")


def test_a_cache_that_cannot_be_written_is_reported_and_tensorflow_answers(tmp_path, cache, capfd):
    cache.write_text("a file where the folder should be")
    theirs = save(tmp_path / "a.weights.h5")
    ours = load_classifier(tmp_path / "a.weights.h5")
    assert isinstance(ours, KerasClassifier)
    assert same(ours, theirs)
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith(f"{cache}: cannot be written (")
    assert last.endswith("), so the next time takes as long")


def test_a_cache_that_cannot_be_read_is_reported_and_tensorflow_answers(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv(cache_folder.FOLDER_VARIABLE, str(tmp_path / ("a" * 300)))
    theirs = save(tmp_path / "a.weights.h5")
    assert same(load_classifier(tmp_path / "a.weights.h5"), theirs)
    assert "cannot be written (File name too long), so the next time takes as long" in capfd.readouterr().err


ALONE = """
import sys
from pathlib import Path
import numpy as np
from image_kit.answering import load_classifier

print(load_classifier(Path(sys.argv[1])).probabilities(np.load(sys.argv[1] + ".npy")).tolist())
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


def test_a_weights_file_alone_answers_without_tensorflow(tmp_path, run_python):
    path = tmp_path / "a.weights.h5"
    theirs = save(path)
    np.save(f"{path}.npy", IMAGES)
    cache = {cache_folder.FOLDER_VARIABLE: str(tmp_path / "cache")}
    process = run_python("-c", ALONE, str(path), **cache)
    assert (process.returncode, process.stderr) == (0, "")
    np.testing.assert_allclose(json.loads(process.stdout), theirs.probabilities(IMAGES), atol=1e-5)
    (made,) = (tmp_path / "cache").glob("*.tflite")
    assert lite_model.read(made).weights_sha256 == lite_model.sha256(path)
    tried = (tmp_path / "cache" / lite_trial.TRIED).read_text().split()
    assert tried[0] == lite_model.read(made).flatbuffer_sha256


def test_a_network_from_a_file_is_not_loaded_here_before_it_was_tried_elsewhere(tmp_path, cache, monkeypatch, capfd):
    """The separate process crashes: the network never reaches LiteRT in this one, by neither way of making it."""
    theirs = save(tmp_path / "a.weights.h5")
    monkeypatch.setattr(lite_trial, "CODE", "import os; os.abort()")
    monkeypatch.setattr(lite_classifier, "Interpreter", None)
    ours = load_classifier(tmp_path / "a.weights.h5")
    assert isinstance(ours, KerasClassifier)
    assert same(ours, theirs)
    assert "its network crashes LiteRT (exit status -6); use another file; TensorFlow answers" in capfd.readouterr().err
    assert not list(cache.glob("*.tflite"))
    assert not (cache / lite_trial.TRIED).exists()


def test_a_layer_that_our_writer_does_not_know_is_converted(tmp_path, cache, capfd):
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.UpSampling2D(), keras.layers.Flatten()])
    model.add(keras.layers.Dense(3, activation="softmax"))
    description = replace(DESCRIPTION, network=network_of(model))
    saving.save_weights(model, tmp_path / "a.weights.h5", description, np.empty(0, np.uint64))
    ours = load_classifier(tmp_path / "a.weights.h5")
    assert isinstance(ours, LiteClassifier)
    assert same(ours, KerasClassifier(model, description))
    assert "a.weights.h5: made ready for quick answers, which takes some seconds" in capfd.readouterr().err


def test_damaged_weights_are_reported_as_keras_reports_them(tmp_path, cache):
    save(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        file["layers/dense/vars/0"][0] += 1
    with pytest.raises(UserError, match=r"a\.weights\.h5: is damaged: its content does not match its checksum"):
        load_classifier(tmp_path / "a.weights.h5")
    assert not list(cache.glob("*.tflite"))


def test_old_weights_of_a_preset_are_kept_by_their_class_names(tmp_path, cache, capfd):
    models.mnist_cnn((28, 28, 1)).save_weights(tmp_path / "old.weights.h5")
    digits = load_classifier(tmp_path / "old.weights.h5", fallback("mnist_cnn"))
    assert isinstance(digits, LiteClassifier)
    assert digits.class_names == tuple("0123456789")
    assert capfd.readouterr().err == (
        f"{tmp_path}/old.weights.h5: made ready for quick answers, which takes some seconds the first time\n"
    )
    letters = load_classifier(tmp_path / "old.weights.h5", fallback("mnist_cnn", list("abcdefghij")))
    assert letters.class_names == tuple("abcdefghij")
    assert len(list(cache.glob("*.tflite"))) == 2
    with pytest.raises(UserError, match="does not say which network it belongs to; add --preset"):
        load_classifier(tmp_path / "old.weights.h5", fallback())


def test_options_that_contradict_the_file_are_refused_by_either_kind(tmp_path, cache):
    lite_export.write_lite_model(save(tmp_path / "a.weights.h5"), tmp_path / "a.weights.h5", tmp_path / "model.tflite")
    for name in ("a.weights.h5", "model.tflite"):
        load_classifier(tmp_path / name, fallback("mnist_dense", ["a", "b", "c"]))
        with pytest.raises(UserError, match=r"--preset cifar10: .* says that its network is mnist_dense"):
            load_classifier(tmp_path / name, fallback("cifar10"))
        with pytest.raises(UserError, match=r"--class-names: .* says that its classes are a,b,c"):
            load_classifier(tmp_path / name, fallback(None, ["c", "b", "a"]))


@pytest.mark.parametrize("name", ["none.weights.h5", "none.tflite"])
def test_a_file_that_is_not_there_is_named(tmp_path, cache, name):
    with pytest.raises(UserError, match=rf"{name}: no such"):
        load_classifier(tmp_path / name)


@pytest.fixture
def without_litert(tmp_path):
    """Environment variables of a process that cannot import `ai_edge_litert`."""
    (tmp_path / "path/ai_edge_litert").mkdir(parents=True)
    (tmp_path / "path/ai_edge_litert/__init__.py").write_text("raise ImportError('not for this machine')")
    return {"PYTHONPATH": f"{tmp_path / 'path'}{os.pathsep}{os.getcwd()}"}


@pytest.mark.slow
def test_without_litert_tensorflow_answers_and_says_so_once(tmp_path, without_litert, run_command, photo):
    save(tmp_path / "a.weights.h5")
    photo(tmp_path / "a.jpg")
    process = run_command(
        tmp_path, "predict.py", "a.jpg", "a.jpg", "--weights", "a.weights.h5", "--json", **without_litert
    )
    assert process.returncode == 0
    assert process.stderr == (
        "LiteRT is not installed, so TensorFlow answers and takes seconds to start: pip install ai-edge-litert\n"
        "weights: a.weights.h5\n"
        "not calibrated: probabilities are as the network gives them, and no prediction set is known\n"
    )
    assert len(process.stdout.splitlines()) == 2
    process = run_command(tmp_path, "predict.py", "a.jpg", "--weights", "model.tflite", **without_litert)
    assert process.returncode == 2
    assert process.stderr == (
        "predict.py: error: model.tflite: needs LiteRT (pip install ai-edge-litert); or give the .weights.h5 file\n"
    )


def test_the_cache_keeps_what_was_used_last(tmp_path):
    for number in range(25):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(b"x")
        os.utime(path, (number + 100, number + 100))
    (tmp_path / "other.txt").write_text("not ours")
    lite_cache.trim(tmp_path / "0.tflite")
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"0.tflite", "other.txt", *(f"{number}.tflite" for number in range(6, 25))}


def test_the_cache_is_bounded_in_bytes_but_keeps_the_new_file(tmp_path, monkeypatch):
    monkeypatch.setattr(lite_cache, "MAX_BYTES", 250)
    for number in range(4):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(bytes(100))
        os.utime(path, (number + 100, number + 100))
    lite_cache.trim(tmp_path / "1.tflite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.tflite", "3.tflite"]
    monkeypatch.setattr(lite_cache, "MAX_BYTES", 1)
    lite_cache.trim(tmp_path / "1.tflite")
    assert [path.name for path in tmp_path.iterdir()] == ["1.tflite"]


@pytest.mark.parametrize(
    ("outputs", "head", "expected"),
    [
        ([[0.25]], "sigmoid", [[0.75, 0.25]]),
        ([[0.25, 0.75]], "softmax", [[0.25, 0.75]]),
        ([[1000.0, 1000.0], [0.0, np.log(3)]], "logits", [[0.5, 0.5], [0.25, 0.75]]),
    ],
)
def test_each_head_becomes_a_distribution(outputs, head, expected):
    np.testing.assert_allclose(to_probabilities(np.array(outputs, np.float32), head), expected, rtol=1e-6)


def test_photos_are_answered_in_their_order_whatever_cannot_be_read(tmp_path, photo):
    classifier = save(tmp_path / "a.weights.h5")
    classifier.max_batch_size = 2
    paths = [photo(tmp_path / f"{number}.png", number, (16, 12)) for number in range(7)]
    paths[3].write_bytes(b"broken")
    array = PhotoSource("array", IMAGES[0])
    sources = [*(PhotoSource(path.name, path) for path in paths), PhotoSource("no", error="matches no file"), array]
    answered = list(answer_photos(classifier, sources, top=2))
    assert [each.path for each, _ in answered] == [*(path.name for path in paths), "no", "array"]
    assert answered[3] == (Answer("3.png", error="not an image, or damaged"), None)
    assert answered[7] == (Answer("no", error="matches no file"), None)
    for number in (0, 1, 2, 4, 5, 6, 8):
        each, image = answered[number]
        pixels = IMAGES[0] if number == 8 else np.asarray(Image.open(paths[number]))
        np.testing.assert_array_equal(image, pixels)
        expected = dict(zip("abc", classifier.probabilities(pixels[None])[0].tolist(), strict=True))
        assert each.error is None
        assert each.label == max(expected, key=expected.get)
        assert list(each.probabilities) == sorted(expected, key=expected.get, reverse=True)[:2]
        assert each.probabilities == pytest.approx({name: expected[name] for name in each.probabilities})
        assert each.probability == each.probabilities[each.label]


def test_decoding_runs_ahead_by_a_bounded_number_of_photos(tmp_path, monkeypatch):
    classifier = save(tmp_path / "a.weights.h5")
    classifier.max_batch_size = 2
    started = []

    def decoded(classifier, source):
        started.append(source.name)
        return source, source.content

    monkeypatch.setattr(inference, "_decode", decoded)
    answered = answer_photos(classifier, [PhotoSource(str(number), IMAGES[0]) for number in range(500)])
    next(answered)
    assert len(started) <= 2 + 1 + 2 * 2 + inference.cpu_cores()
    assert sum(1 for _ in answered) == 499
    assert len(started) == 500

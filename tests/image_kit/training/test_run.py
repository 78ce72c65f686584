"""One run inside this process: what the commands' tests cannot reach, such as a crash between two files."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from image_kit.answering.keras_classifier import KerasClassifier
from image_kit.answering.scores import score_images
from image_kit.compute import Distribution
from image_kit.datasets import Data, ImageSet, build_batches, load_photos
from image_kit.errors import UserError
from image_kit.photos import Preprocessing
from image_kit.recipe import Augmentation
from image_kit.training import Run, Settings, callbacks
from image_kit.training.network import class_weights
from image_kit.training.run_folder import RunFolder
from image_kit.weights import saving
from image_kit.weights.description import read_trained_on
from image_kit.weights.newest import BEST, LAST
from presets import PRESETS
from tests.fixtures.networks import NETWORKS
from tests.fixtures.runs import FLOAT32, RECIPE, build, new_run, run_it


def test_validation_batches_and_prediction_prepare_a_photo_alike(photos):
    data = load_photos(photos, RECIPE)
    images, labels = build_batches(data, "validation", 6, binary=True)[0]
    for image, label, name in zip(images, labels[:, 0], data.parts["validation"].names, strict=True):
        predicted_on = data.preprocessing.batch(data.preprocessing.photo(name)[None])[0]
        np.testing.assert_array_equal(image, predicted_on)
        assert data.class_names[int(label)] in name


def test_the_weights_know_what_they_were_trained_on(photos):
    run = new_run()
    run_it(run, photos)
    data = load_photos(photos, RECIPE)
    seen = read_trained_on(run.file(BEST))
    for part in ("train", "validation"):
        assert np.isin(data.parts[part].fingerprints, seen).all()
    assert not np.isin(data.parts["test"].fingerprints, seen).any()


def test_look_alikes_are_reported_with_the_score(photos):
    twin, photo = photos / "test/cats/twin.png", photos / "train/cats/000.jpg"
    Image.open(photo).save(twin)
    run = new_run()
    scores = run_it(run, photos)
    metrics = json.loads(run.file("metrics.json").read_text())
    assert metrics["look_alikes"] == {"test": {str(twin): str(photo)}}
    assert scores.keys() == {"test", "test_without_look_alikes"}
    assert metrics["test"]["total"] == metrics["test_without_look_alikes"]["total"] + 1 == metrics["images"]["test"]
    twin.unlink()
    images = load_photos(photos, RECIPE).parts["test"]
    alone = score_images(KerasClassifier.load(run.file(BEST)), images)[1]
    assert metrics["test_without_look_alikes"]["confusion"] == alone.confusion.tolist()


def test_a_moving_average_is_what_is_validated_and_kept(photos):
    recipe = replace(RECIPE, ema_momentum=0.9)
    run = new_run(recipe=recipe)
    run_it(run, photos, recipe)
    model, description = saving.load_weights(run.file(BEST))
    validation = build_batches(load_photos(photos, recipe), "validation", 6, binary=True)
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(validation, verbose=0)
    assert description.metrics == {"loss": pytest.approx(loss, abs=1e-5), "accuracy": pytest.approx(accuracy)}
    last, last_description = saving.load_weights(run.file(LAST))
    assert last_description.epoch == 2
    assert any(not np.allclose(*pair) for pair in zip(model.get_weights(), last.get_weights(), strict=True))


def test_a_run_that_stopped_early_is_not_trained_further(photos):
    recipe = replace(RECIPE, epochs=30, early_stopping=1, learning_rate=0.05)
    run = new_run(recipe=recipe)
    run_it(run, photos, recipe)
    epochs = len(run.history)
    assert epochs < 30
    assert callbacks.has_stopped(run.history, recipe)
    assert not callbacks.has_stopped(run.history[:-1], recipe)
    again = RunFolder.open(run.path)
    run_it(again, photos, recipe)
    assert again.history == run.history


def test_balanced_class_weights_make_classes_count_the_same(tmp_path, coloured_photos):
    counts = {"train/a": 12, "train/b": 4, "train/c": 8, "val/a": 1, "val/b": 1, "val/c": 1}
    folder = coloured_photos(tmp_path / "p", counts)
    recipe = replace(RECIPE, class_weights="balanced")
    data = load_photos(folder, recipe)
    weights = class_weights(recipe, data.parts["train"].labels, 3)
    assert class_weights(RECIPE, data.parts["train"].labels, 3) is None
    assert weights == {0: pytest.approx(24 / 36), 1: pytest.approx(2), 2: pytest.approx(1)}


def test_three_classes_get_softmax_and_sparse_labels(tmp_path, coloured_photos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = {f"{part}/{name}": count for part, count in (("train", 8), ("val", 2)) for name in ("a", "cats", "dogs")}
    folder = coloured_photos(tmp_path / "p", counts)
    run = new_run()
    recipe = replace(RECIPE, grayscale=True, augment=False, class_weights="balanced")
    assert run_it(run, folder, recipe) == {}
    model, description = saving.load_weights(run.file(BEST))
    assert model.input_shape == (None, 24, 24, 1)
    assert model.output_shape == (None, 3)
    assert description.class_names == ("a", "cats", "dogs")


@pytest.fixture
def small_arrays():
    """67 training and 19 validation images of four classes, of noise."""
    rng = np.random.default_rng(0)
    parts = {
        part: ImageSet(rng.integers(0, 256, (count, 20, 20, 3), np.uint8), np.arange(count, dtype=np.int32) % 4, [])
        for part, count in (("train", 67), ("validation", 19))
    }
    return Data(tuple("abcd"), Preprocessing((20, 20, 3)), parts, [])


STILL = replace(PRESETS["cifar10_small"], optimizer="sgd", learning_rate=1e-30, batch_size=4, precision="float32")


@pytest.mark.parametrize("augment", [False, True])
def test_the_history_is_the_mean_over_all_images(tmp_path, monkeypatch, small_arrays, augment):
    """With weights that do not change, and last batches of 3 images: 17 steps of training, two in a call."""
    monkeypatch.chdir(tmp_path)
    recipe = replace(STILL, epochs=2, augment=augment, augmentation=Augmentation(horizontal_flip=True))
    run = build(new_run(recipe=recipe), recipe, small_arrays)
    model = run.model
    assert model.steps_per_execution == 2
    run.fit()
    transforms = recipe.augmentation if augment else None
    for prefix, part in (("", "train"), ("val_", "validation")):
        for epoch, row in enumerate(run.folder.history):
            is_train = part == "train"
            batches = build_batches(small_arrays, part, 4, False, 0, transforms if is_train else None, is_train)
            batches.epoch = epoch
            images, labels = (
                np.concatenate(arrays) for arrays in zip(*map(batches.__getitem__, range(len(batches))), strict=True)
            )
            assert len(labels) == len(small_arrays.parts[part].labels)
            logits = np.asarray(model(images), np.float64)
            losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
            assert row[f"{prefix}loss"] == pytest.approx(losses.mean(), abs=3e-6)
            assert row[f"{prefix}accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == labels), abs=1e-6)


@pytest.mark.parametrize("augment", [False, True])
def test_graphs_are_built_in_the_first_epoch_only(tmp_path, monkeypatch, small_arrays, augment):
    monkeypatch.chdir(tmp_path)
    recipe = replace(STILL, epochs=3, augment=augment)
    run, built = build(new_run(recipe=recipe), recipe, small_arrays), []
    for name in ("train_step", "test_step"):
        step = getattr(run.model, name)

        def counted(data, step=step, name=name):
            built.append((name, len(run.folder.history)))
            return step(data)

        setattr(run.model, name, counted)
    run.fit()
    assert built == [("train_step", 0), ("test_step", 0)]


def test_a_profile_changes_nothing(tmp_path, monkeypatch, small_arrays, capsys):
    monkeypatch.chdir(tmp_path)
    recipe = replace(STILL, optimizer="adam", learning_rate=0.01, epochs=2)
    histories = []
    for profile in (False, True):
        run = build(new_run(f"profile-{profile}", recipe), recipe, small_arrays, profile=profile)
        run.fit()
        histories.append([{**row, "seconds": 0} for row in run.folder.history])
    assert histories[0] == histories[1]
    assert len(list(run.folder.file("profile").rglob("*.xplane.pb"))) == 1
    assert capsys.readouterr().err.count(" s: waiting for data ") == 2


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_photo_that_disappears_in_training_is_a_user_error_naming_it(photos, monkeypatch, part):
    monkeypatch.setattr("image_kit.photos.store.CACHE_FRACTION", 0)  # else it stays in memory
    gone = next((photos / part / "dogs").iterdir())
    end = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: gone.unlink(missing_ok=True))
    run = build(new_run(), RECIPE, load_photos(photos, RECIPE))
    run.callbacks.append(end)
    with pytest.raises(UserError, match="changed while in use") as caught:
        run.fit()
    assert str(gone) in str(caught.value)


def test_ctrl_c_inside_a_scope_of_tensorflow_is_ctrl_c(photos):
    def interrupt(epoch, logs):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("Exiting device scope without proper scope nesting")

    run = build(new_run(), RECIPE, load_photos(photos, RECIPE))
    run.callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=interrupt))
    with pytest.raises(KeyboardInterrupt):
        run.fit()


@pytest.mark.parametrize("recipe", [RECIPE, replace(PRESETS["cifar10_small"], image_size=(24, 24), batch_size=8)])
def test_plain_keras_trains_the_same_network(photos, recipe):
    """Without dropout's own draws: with these two, losses of the first epoch agree up to rounding."""
    recipe = replace(recipe, epochs=1, precision="float32", model="one_conv", optimizer="sgd")
    runs = []
    for plain in (False, True):
        run = build(new_run(f"plain-{plain}"), replace(recipe, plain_keras=plain), load_photos(photos, recipe))
        run.fit()
        runs.append(run)
    fast, plain = runs
    assert fast.folder.history[0]["loss"] == pytest.approx(plain.folder.history[0]["loss"], rel=1e-4)
    for ours, theirs in zip(fast.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert [type(layer) for layer in plain.model.layers] == [type(layer) for layer in plain.classifier.model.layers]
    assert {type(layer).__module__.split(".")[0] for layer in plain.model.layers} == {"keras"}
    assert type(plain.model.optimizer) is keras.optimizers.SGD
    assert plain.model.steps_per_execution == 1


def test_a_profile_of_several_machines_is_refused_before_a_run_exists(tmp_path, monkeypatch, small_arrays):
    monkeypatch.chdir(tmp_path)
    two = Distribution()
    two.machines = 2
    run = Run(Settings("cifar10_small", STILL, profile=True), small_arrays, NETWORKS, FLOAT32, two)
    with pytest.raises(UserError, match="--profile: measures one machine; unset TF_CONFIG, or leave the option out"):
        run.build(new_run)
    assert list(tmp_path.iterdir()) == []

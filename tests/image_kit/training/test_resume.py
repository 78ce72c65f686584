"""A run that goes on: after a crash, after its end was interrupted, or not at all because something changed."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from image_kit.answering import lite_model
from image_kit.answering.lite_model import LITE
from image_kit.errors import UserError
from image_kit.recipe import Augmentation
from image_kit.training import callbacks, finish
from image_kit.training.run_folder import RunFolder
from image_kit.weights import saving, trust_data
from image_kit.weights.description import read_description
from image_kit.weights.newest import BEST, LAST
from tests.fixtures.runs import RECIPE, new_run, run_it


@pytest.mark.parametrize(
    ("name", "data_set", "message"),
    [
        (LAST, "optimizer/vars/2", r"last\.weights\.h5: is damaged.*; this run cannot go on: put back a copy"),
        (BEST, "layers/conv2d/vars/0", r"best\.weights\.h5: is damaged.*; this run cannot go on: put back a copy"),
        (LAST, None, r"last\.weights\.h5: is missing, so this run cannot go on; put it back, or start a new run"),
        (BEST, None, r"best\.weights\.h5: is missing, so this run cannot go on; put it back, or start a new run"),
    ],
)
def test_without_whole_weights_a_run_is_not_resumed_and_nothing_is_lost(photos, name, data_set, message):
    """Before an epoch is trained: without the best weights a run that becomes no better could never be ended."""
    run = new_run()
    run_it(run, photos)
    if data_set:
        with h5py.File(run.file(name), "r+") as file:
            file[data_set][...] += 1
    else:
        run.file(name).unlink()
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    with pytest.raises(UserError, match=message):
        run_it(RunFolder.open(run.path), photos, replace(RECIPE, epochs=3))
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("change", ["rename a class", "move a photo to test"])
def test_a_run_is_not_resumed_on_other_photos(photos, change):
    run = new_run()
    run_it(run, photos)
    if change == "rename a class":
        for part in ("train", "val", "test"):
            (photos / part / "cats").rename(photos / part / "zebras")
    else:
        (photos / "train/cats/000.jpg").rename(photos / "test/cats/new.jpg")
    before = run.file(LAST).read_bytes()
    with pytest.raises(UserError, match="--resume: the photos have changed since runs/run began") as refused:
        run_it(RunFolder.open(run.path), photos, replace(RECIPE, epochs=3))
    assert ("only then or only now: cats, zebras)" in str(refused.value)) == (change == "rename a class")
    assert run.file(LAST).read_bytes() == before


def test_a_crash_between_best_and_last_loses_nothing(photos, monkeypatch):
    whole = new_run("whole")
    run_it(whole, photos)
    run = new_run("crashed")
    save = callbacks.save_weights

    def crash_before_last_of_epoch_2(model, path, description, marks):
        if path.name == LAST and description.epoch == 2:
            raise KeyboardInterrupt
        save(model, path, description, marks)

    monkeypatch.setattr(callbacks, "save_weights", crash_before_last_of_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        run_it(run, photos)
    monkeypatch.setattr(callbacks, "save_weights", save)
    run_it(RunFolder.open(run.path), photos)
    best, wanted = (saving.load_weights(folder.file(BEST)) for folder in (run, whole))
    assert best[1].epoch == wanted[1].epoch
    for ours, theirs in zip(best[0].get_weights(), wanted[0].get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_end_that_is_interrupted_anywhere_is_made_up_for(photos, monkeypatch):
    run = new_run()
    for name in ("measure_trust", "score_images", "write_lite_model", "write_json"):

        def interrupt(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(finish, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                run_it(run, photos)
        run = RunFolder.open(run.path)
        assert run.scored_epochs() == 0  # so that train.py goes on with it
        assert len(run.history) == 2
    last = run.file(LAST).read_bytes()
    scores = run_it(run, photos)
    assert run.file(LAST).read_bytes() == last  # it was not trained further
    assert RunFolder.open(run.path).scored_epochs() == 2
    assert json.loads(run.file("metrics.json").read_text())["test"] == scores["test"].as_dict()
    assert trust_data.read_trust(run.file(BEST), read_description(run.file(BEST)))
    assert lite_model.read(run.file(LITE)).weights_sha256 == lite_model.sha256(run.file(BEST))
    assert not [path for path in run.path.iterdir() if path.name.startswith(".tmp")]


def test_a_moving_average_survives_a_resume(photos):
    recipe = replace(RECIPE, ema_momentum=0.9)
    whole, halves = new_run("whole", recipe), new_run("halves", recipe)
    run_it(whole, photos, recipe)
    run_it(halves, photos, replace(recipe, epochs=1))
    run_it(RunFolder.open(halves.path), photos, recipe)
    for file in (BEST, LAST):
        ours, theirs = (saving.load_weights(run.file(file))[0].get_weights() for run in (halves, whole))
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


FINE_TUNING = replace(
    RECIPE,
    epochs=3,
    optimizer="adamw",
    weight_decay=0.05,
    learning_rate_schedule="cosine",
    warmup_epochs=0.5,
    label_smoothing=0.1,
    frozen_layers=1,
    frozen_statistics=True,
    augmentation=Augmentation(random_resized_crop=(0.3, 1.0), horizontal_flip=True),
)


@pytest.mark.slow
def test_a_fine_tuning_that_was_killed_ends_in_the_same_bits(photos, monkeypatch):
    """The schedule follows from the optimizer's step, which the weights file has."""
    whole, run = new_run("whole", FINE_TUNING), new_run("crashed", FINE_TUNING)
    run_it(whole, photos, FINE_TUNING)
    save = callbacks.save_weights

    def crash_before_last_of_epoch_2(model, path, description, marks):
        if path.name == LAST and description.epoch == 2:
            raise KeyboardInterrupt
        save(model, path, description, marks)

    monkeypatch.setattr(callbacks, "save_weights", crash_before_last_of_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        run_it(run, photos, FINE_TUNING)
    monkeypatch.setattr(callbacks, "save_weights", save)
    run_it(RunFolder.open(run.path), photos, FINE_TUNING)
    with h5py.File(whole.file(LAST)) as expected, h5py.File(run.file(LAST)) as resumed:
        names = []
        expected.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert any(name.startswith("optimizer/") for name in names)
        for name in names:
            np.testing.assert_array_equal(resumed[name][()], expected[name][()], err_msg=name)

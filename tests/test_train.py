"""train.py run as a user runs it: in a process of its own, on real files."""

import csv
import json
import re
import shutil
import signal
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
from PIL import Image

import train
from image_kit.errors import UserError
from image_kit.training.run_folder import RunFolder
from image_kit.training.settings import Settings
from image_kit.weights import trust_data
from image_kit.weights.description import read_description
from presets import PRESETS

RUN_FILES = {
    "settings.json",
    "environment.json",
    "history.csv",
    "metrics.json",
    "best.weights.h5",
    "last.weights.h5",
    "model.tflite",
    "curves.png",
    "first_batch.png",
    "report.html",
}
TUTORIAL = ("--preset", "elephants_cars")
TINY = (*TUTORIAL, "--image-size", 32, "--batch-size", 8)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def weights_of(path):
    """Every array below layers/, by its path in the file."""
    found = {}
    with h5py.File(path) as file:
        file["layers"].visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "shape") else {}))
    return found


def test_a_folder_of_photos_becomes_a_classifier(trained):
    _, process = trained
    assert process.returncode == 0, process.stderr
    test_line, weights_line = process.stdout.splitlines()
    assert re.fullmatch(r"test: \d+ of \d+ correct: \d+\.\d % \(95 % interval \S+ to \S+\)", test_line)
    assert weights_line == "weights: runs/first/best.weights.h5"
    correct, total = map(int, re.findall(r"\d+", test_line)[:2])
    assert correct / total >= 0.9  # red and blue are learnt in one epoch


def test_the_run_folder_contains_exactly_these_files(trained):
    folder, process = trained
    found = {path.name for path in (folder / "runs/first").iterdir()}
    assert found == RUN_FILES | {"test_each_epoch.csv", "test_each_epoch.png", "tensorboard"}
    assert process.left == {"photos", "runs"}


def test_what_train_says_is_about_this_run_and_nothing_else(trained):
    _, process = trained
    said = process.stderr
    assert "photos: class folders, split 70/15/15 by content" in said
    assert "left out, cannot be read: photos/cats/broken.jpg (not an image, or damaged)" in said
    assert "1 unreadable photos left out" in said
    assert re.search(r"Computing on \d+ CPU cores in \w+", said)
    assert "Total params: 45,153" in said
    assert said.count("Epoch ") == 3
    for chatter in ("I0000", "oneDNN", "WARNING", "Warning", "cuda", "Traceback", "\x1b["):
        assert chatter not in said


def test_the_best_weights_carry_their_calibration_and_the_last_none(trained):
    run = trained[0] / "runs/first"
    metrics = json.loads((run / "metrics.json").read_text())
    known = trust_data.read_trust(run / "best.weights.h5", read_description(run / "best.weights.h5")).calibration
    assert trust_data.read_trust(run / "last.weights.h5", read_description(run / "last.weights.h5")) is None
    assert len(known.nonconformity_scores) == metrics["images"]["validation"] == metrics["calibration"].pop("images")
    assert known.temperature == metrics["calibration"].pop("temperature")
    assert metrics["calibration"].keys() == {"validation_ece_before", "validation_ece_after"}
    assert all(0 <= error <= 1 for error in metrics["calibration"].values())


def test_history_metrics_and_settings_agree(trained):
    folder, process = trained
    run = folder / "runs/first"
    history = rows_of(run / "history.csv")
    assert [row["epoch"] for row in history] == ["1", "2", "3"]
    metrics = json.loads((run / "metrics.json").read_text())
    best = max(history, key=lambda row: (float(row["val_accuracy"]), -float(row["val_loss"])))
    assert metrics["best_epoch"] == int(best["epoch"])
    assert metrics["validation"]["loss"] == pytest.approx(float(best["val_loss"]), abs=1e-6)
    assert sum(metrics["images"].values()) == 90
    assert metrics["unreadable"] == {"photos/cats/broken.jpg": "not an image, or damaged"}
    assert f"test: {metrics['test']['correct']} of {metrics['test']['total']} correct" in process.stdout
    each = rows_of(run / "test_each_epoch.csv")
    assert float(each[metrics["best_epoch"] - 1]["accuracy"]) == metrics["test"]["accuracy"]
    settings = json.loads((run / "settings.json").read_text())
    assert settings["recipe"]["epochs"] == 3
    assert not {"source", "parameters", "measured", "minutes"} & set(settings["recipe"])
    assert settings["recipe"]["class_weights"] == "balanced"
    assert settings["recipe"]["augmentation"]["shear_range"] == 0.2
    environment = json.loads((run / "environment.json").read_text())
    assert set(environment) == {"computing", "device", "cores", "platform", "versions", "git"}


def test_the_split_is_by_content_and_near_its_fractions(trained):
    folder, _ = trained
    images = json.loads((folder / "runs/first/metrics.json").read_text())["images"]
    assert 50 <= images["train"] <= 76
    assert images["validation"] >= 5
    assert images["test"] >= 5


@pytest.mark.slow
def test_a_test_photo_that_was_trained_on_in_another_file_is_reported(tmp_path, run_command, coloured_photos):
    counts = {f"{part}/{name}": 4 for part in ("train", "validation", "test") for name in ("cats", "dogs")}
    coloured_photos(tmp_path / "photos", counts)
    Image.open(tmp_path / "photos/train/cats/002.jpg").save(tmp_path / "photos/test/cats/twin.png")
    process = run_command(tmp_path, "train.py", "photos", *TINY)
    assert process.returncode == 0, process.stderr
    told = (
        "test that look like one of an earlier part, which may make the score too good: 1, for example "
        "photos/test/cats/twin.png like "
    )
    assert f"photos of {told}photos/train/cats/002.jpg; keep such photos in one part" in process.stderr
    scores = [line.split(": ")[0] + line.split(" of ")[1].split()[0] for line in process.stdout.splitlines()[:2]]
    assert scores == ["test9", "test without look-alikes8"]


def test_a_run_is_never_overwritten(trained, run_command):
    folder, _ = trained
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*")}
    process = run_command(folder, "train.py", "photos", *TINY, "--run", "first")
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].startswith("train.py: error: --run: runs/first exists and is never over")
    assert process.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*")} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing_here"], "nothing_here: no such preset and no such folder; presets: pretrained, "),
        ([__file__], f"{__file__}: is a file; give the folder that contains a folder for each class"),
        (["empty"], "empty: has no photo in any class folder"),
        (["one"], "one: has photos of one class only, 'cats'"),
        (["mixed"], "mixed: contains train/ and cats/"),
        (["photos", *TUTORIAL, "--epochs", "0"], "--epochs: must be at least 1, received 0"),
        (
            ["photos", *TUTORIAL, "--image-size", "a"],
            "argument --image-size: must be a whole number of pixels or HEIGHTxWIDTH",
        ),
        (["photos", "--data-dir", "none"], "--data-dir: none is not a folder"),
        (["photos", *TUTORIAL, "--image-size", "7"], "--image-size: must be at least 8, received (7, 7)"),
        (["photos", *TUTORIAL, "--no-augment", "--shear-range", "1"], "--no-augment: contradicts --shear-range"),
        (["photos", *TUTORIAL, "--learning-rate", "-1"], "--learning-rate: must be above 0, received -1.0"),
        (["photos", "--run", "a/b"], "--run: must be a plain name, a folder below runs/; received 'a/b'"),
        (["--resume", "photos"], "--resume: photos is not a run folder"),
        (
            ["photos", *TUTORIAL, "--device", "gpu"],
            "--device gpu: TensorFlow sees no GPU on this machine; leave the option out",
        ),
    ],
)
def test_a_users_error_is_one_clear_line_and_leaves_nothing(tmp_path, run_command, coloured_photos, arguments, message):
    (tmp_path / "empty").mkdir()
    coloured_photos(tmp_path / "one", {"cats": 2})
    coloured_photos(tmp_path / "mixed", {"train/cats": 1, "cats": 1})
    coloured_photos(tmp_path / "photos", {"cats": 2, "dogs": 2})
    before = {path.name for path in tmp_path.iterdir()}
    process = run_command(tmp_path, "train.py", *arguments)
    assert process.returncode == 2
    assert process.stdout == ""
    assert f"train.py: error: {message}" in process.stderr
    assert "Traceback" not in process.stderr
    assert {path.name for path in tmp_path.iterdir()} == before


def test_too_small_images_and_too_few_photos_are_found_before_a_run_folder_is_made(
    tmp_path, run_command, coloured_photos
):
    coloured_photos(tmp_path / "few", {"cats": 2, "dogs": 2})
    coloured_photos(tmp_path / "many", {"train/cats": 2, "train/dogs": 2, "val/cats": 1, "val/dogs": 1})
    few = run_command(tmp_path, "train.py", "few", *TUTORIAL)
    small = run_command(tmp_path, "train.py", "many", *TUTORIAL, "--image-size", "12")
    assert (few.returncode, small.returncode) == (2, 2)
    assert re.search(
        r"train.py: error: too few readable photos of '\w+' \(\d for \w+\).*; each class needs", few.stderr
    )
    assert "train.py: error: --image-size: 12 x 12 pixels are too few for the network elephants_cars" in small.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_diverged_training_says_so(tmp_path, run_command, coloured_photos):
    coloured_photos(tmp_path / "p", {"train/cats": 8, "train/dogs": 8, "val/cats": 2, "val/dogs": 2})
    process = run_command(tmp_path, "train.py", "p", *TINY, "--learning-rate", "1e30", "--optimizer", "sgd")
    assert process.returncode == 2
    assert "so training has diverged; lower --learning-rate" in process.stderr
    assert "The loss is no longer a number" in next(tmp_path.glob("runs/*/report.html")).read_text(encoding="utf-8")


def test_list_names_every_preset_without_tensorflow(run_python):
    code = "import sys, train; train.print_presets(); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    process = run_python("-c", code)
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(PRESETS)
    assert "5,046,369" in lines[1 + list(PRESETS).index("elephants_cars")]


def test_an_array_preset_trains_and_numbers_its_runs(tmp_path, run_command, tiny_arrays):
    for number, options in ((1, ()), (2, ("--profile",))):
        process = run_command(tmp_path, "train.py", "mnist_cnn", "--epochs", 1, *options, DATASETS_DIR=str(tiny_arrays))
        assert process.returncode == 0, process.stderr
        parts = r"epoch 1 took .* s: waiting for data .*, steps .*, validation .*, callbacks .*"
        assert len(re.findall(parts, process.stderr)) == len(options)
        assert process.stdout.splitlines()[-1] == f"weights: runs/mnist_cnn-{number}/best.weights.h5"
        found = {path.name for path in (tmp_path / f"runs/mnist_cnn-{number}").iterdir()}
        assert found == RUN_FILES | ({"profile"} if options else set())
    first, second = (weights_of(tmp_path / f"runs/mnist_cnn-{number}/best.weights.h5") for number in (1, 2))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_array_data_that_are_not_found_give_one_error(tmp_path, run_command):
    closed = "http://127.0.0.1:9"  # the discard port, where nothing listens: fails at once, online or offline
    process = run_command(
        tmp_path, "train.py", "cifar10", "--data-dir", tmp_path, KERAS_HOME=str(tmp_path), https_proxy=closed
    )
    assert process.returncode == 2
    error = process.stderr.splitlines()[-1]
    assert error.startswith("train.py: error: cifar10: not found on this machine. Looked in cifar10.npz in --data-dir")
    assert "Keras's cache and download: " in error
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, run_command, start, coloured_photos):
    coloured_photos(tmp_path / "p", {"train/cats": 24, "train/dogs": 24, "val/cats": 6, "val/dogs": 6})
    options = ("p", *TINY, "--epochs", 600, "--seed", 3, "--early-stopping", 500)  # far from its end at Ctrl-C
    process = start(tmp_path, "train.py", *options, "--run", "cut")
    history = tmp_path / "runs/cut/history.csv"
    deadline = time.monotonic() + 120
    while not (history.exists() and len(rows_of(history)) >= 3) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    done = read_description(history.with_name("last.weights.h5")).epoch
    assert 2 <= done < 600
    assert len(rows_of(history)) in (done, done + 1)  # an epoch's row is there before its weights
    assert f"Epochs complete and saved: {done}. Go on with: python " in err
    assert "train.py --resume runs/cut\n" in err
    assert not list(tmp_path.rglob(".tmp-*"))
    epochs = done + 3
    resumed = run_command(tmp_path, "train.py", "--resume", "runs/cut", "--epochs", epochs)
    assert resumed.returncode == 0, resumed.stderr
    whole = run_command(tmp_path, "train.py", *options[:7], "--epochs", epochs, *options[9:], "--run", "whole")
    assert whole.returncode == 0, whole.stderr
    assert resumed.stdout.splitlines()[0] == whole.stdout.splitlines()[0] == "no test images: no test score"
    for name in ("best.weights.h5", "last.weights.h5"):
        ours, theirs = (weights_of(tmp_path / "runs" / run / name) for run in ("cut", "whole"))
        assert list(ours) == list(theirs)
        for key, array in ours.items():
            np.testing.assert_array_equal(array, theirs[key])
    for ours, theirs in zip(rows_of(history), rows_of(tmp_path / "runs/whole/history.csv"), strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


def test_resume_takes_no_other_option(trained, run_command):
    folder, _ = trained
    process = run_command(folder, "train.py", "--resume", "runs/first", "--seed", 5)
    assert process.returncode == 2
    assert "only --epochs and --device may be given with it" in process.stderr


@pytest.mark.parametrize(
    ("trained", "scored", "asked", "refused"),
    [(2, 2, None, True), (4, 2, None, False), (2, 2, 3, False), (2, 0, None, False)],
)
def test_only_a_run_scored_after_its_last_epoch_is_complete(tmp_path, monkeypatch, trained, scored, asked, refused):
    """As after --resume --epochs 4 of a run of 2 epochs that was interrupted in its last step: 4 and 2."""
    monkeypatch.chdir(tmp_path)
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("mnist_cnn", replace(PRESETS["mnist_cnn"], epochs=trained)))
    for epoch in range(trained):
        scores = {"loss": 0.5, "accuracy": 0.5, "val_loss": 0.5, "val_accuracy": 0.5}
        run.append_history({"epoch": epoch + 1, **scores, "seconds": 1.0})
    if scored:
        run.file("metrics.json").write_text(json.dumps({"epochs": scored}))
    args = train.build_parser().parse_args(["--resume", "runs/a", *(["--epochs", str(asked)] if asked else [])])
    if refused:
        with pytest.raises(UserError, match="--resume: runs/a is complete with 2 epochs; add --epochs with a larger"):
            train.reopen(args)
    else:
        assert len(train.reopen(args)[0].history) == trained


def test_a_run_finds_its_data_set_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "sets").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    parse = train.build_parser().parse_args
    settings = train.new_settings(parse(["mnist_cnn", "--data-dir", "sets"]), is_worker=False)
    run = RunFolder.create("a", "a")
    run.write_settings(settings)
    monkeypatch.chdir(tmp_path / "other")
    resume = ["--resume", str(tmp_path / "runs/a")]
    assert train.reopen(parse(resume))[1].data_dir == str(tmp_path / "sets")
    (tmp_path / "sets").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="--data-dir: sets is not a folder"):
        train.reopen(parse([*resume, "--data-dir", "sets"]))
    assert train.reopen(parse([*resume, "--data-dir", "../moved"]))[1].data_dir == str(tmp_path / "moved")
    assert (
        RunFolder(tmp_path / "runs/a").read_settings().data_dir == settings.data_dir
    )  # until the run is built on what is there
    with pytest.raises(UserError, match=r"photos: .*/runs/a was trained on mnist, not on a folder; leave it out"):
        train.reopen(parse([*resume, "photos"]))


def test_a_cosine_has_the_length_that_it_began_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = RunFolder.create("a", "a")
    run.write_settings(Settings("mnist_cnn", replace(PRESETS["mnist_cnn"], epochs=4, learning_rate_schedule="cosine")))
    before = run.file("settings.json").read_bytes()
    parse = train.build_parser().parse_args
    with pytest.raises(UserError, match="--epochs: runs/a lowers its learning rate to 0 at the end of epoch 4, so it"):
        train.reopen(parse(["--resume", "runs/a", "--epochs", "6"]))
    assert run.file("settings.json").read_bytes() == before
    assert train.reopen(parse(["--resume", "runs/a", "--epochs", "4"]))[0].path == run.path


@pytest.mark.slow
def test_without_photos_it_trains_on_drawings_and_says_so(tmp_path, run_command):
    process = run_command(tmp_path, "train.py", "--image-size", 32, "--epochs", 1)
    assert process.returncode == 0, process.stderr
    assert "DRAWINGS of elephants and cars in data/elephants_cars_demo/" in process.stderr
    assert "test: 400 images (200 cars, 200 elephants)" in process.stderr
    result, weights = process.stdout.splitlines()
    assert result.startswith("test (drawings): ")
    assert weights == "weights: runs/elephants_cars_demo-1/best.weights.h5"


@pytest.mark.slow
def test_the_users_settings_of_keras_change_nothing(tmp_path, trained, run_command):
    """The same training as `trained`, with a keras.json of Keras 1 and a backend for other programs."""
    folder, usual = trained
    shutil.copytree(folder / "photos", tmp_path / "photos")
    (tmp_path / "k").mkdir()
    settings = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1e-3, "backend": "jax"}
    (tmp_path / "k/keras.json").write_text(json.dumps(settings))
    user = {"KERAS_HOME": str(tmp_path / "k"), "KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "1"}
    process = run_command(tmp_path, "train.py", *usual.args[2:], **user)
    assert process.returncode == 0, process.stderr
    for name in ("best.weights.h5", "last.weights.h5", "model.tflite"):
        assert (tmp_path / "runs/first" / name).read_bytes() == (folder / "runs/first" / name).read_bytes(), name

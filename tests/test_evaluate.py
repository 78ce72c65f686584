"""evaluate.py run as a user runs it."""

import csv
import json
import os
import shutil
import sys

import numpy as np
import pytest

from tests.conftest import ROOT, finish, start_process
from tests.fixtures.head_runs import fit_head_run


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def new_photos(tmp_path_factory, coloured_photos):
    folder = coloured_photos(tmp_path_factory.mktemp("new") / "photos", {"cats": 9, "dogs": 7}, seed=99)
    (folder / "dogs/broken.png").write_bytes(b"")
    return folder


def test_new_photos_are_scored_and_everything_is_written(trained, new_photos, run_command):
    folder, _ = trained
    process = run_command(folder, "evaluate.py", new_photos)
    assert process.returncode == 0, process.stderr
    sentence, _, header, cats, dogs = process.stdout.splitlines()
    assert header.split() == ["class", "photos", "correct", "recall", "precision"]
    assert (cats.split()[:2], dogs.split()[:2]) == (["cats", "9"], ["dogs", "7"])
    assert "1 unreadable photos left out" in process.stderr
    output = folder / "evaluations/photos-1"
    names = {"confusion_matrix.png", "mistakes.png", "predictions.csv", "report.html", "scores.json"}
    assert {path.name for path in output.iterdir()} == names
    scores = json.loads((output / "scores.json").read_text())
    assert sentence.startswith(f"{scores['correct']} of 16 correct: ")
    rows = rows_of(output / "predictions.csv")
    assert len(rows) == 16
    assert sum(row["label"] == row["predicted"] for row in rows) == scores["correct"]
    for row in rows:
        assert float(row["p(cats)"]) + float(row["p(dogs)"]) == pytest.approx(1, abs=2e-6)
        assert float(row["probability"]) == max(float(row["p(cats)"]), float(row["p(dogs)"]))


def test_a_weights_file_alone_in_another_folder_is_enough(trained, new_photos, run_command, tmp_path):
    folder, _ = trained
    shutil.copy(folder / "runs/first/best.weights.h5", tmp_path / "mine.weights.h5")
    process = run_command(
        tmp_path, "evaluate.py", new_photos, "--weights", "mine.weights.h5", "--json", "--output", "out"
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert result["total"] == 16
    assert (tmp_path / "out/scores.json").is_file()
    again = run_command(tmp_path, "evaluate.py", new_photos, "--weights", "mine.weights.h5", "--output", "out")
    assert again.returncode == 2
    assert "--output: out exists and is never overwritten" in again.stderr


def test_photos_seen_in_training_are_left_out(trained, run_command):
    folder, _ = trained
    metrics = json.loads((folder / "runs/first/metrics.json").read_text())
    seen = metrics["images"]["train"] + metrics["images"]["validation"]
    process = run_command(folder, "evaluate.py", "photos", "--json", "--output", "seen")
    assert f"{seen} photos left out: the network was trained or validated on them" in process.stderr
    result = json.loads(process.stdout)
    assert (result["correct"], result["total"]) == (metrics["test"]["correct"], metrics["test"]["total"])
    assert result["loss"] == pytest.approx(metrics["test"]["loss"], rel=1e-5)


def test_predict_and_evaluate_give_a_photo_the_same_probabilities(trained, new_photos, run_command):
    folder, _ = trained
    run_command(folder, "evaluate.py", new_photos, "--output", "same")
    rows = rows_of(folder / "same/predictions.csv")[:3]
    process = run_command(folder, "predict.py", *(row["image"] for row in rows), "--json")
    for row, line in zip(rows, process.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        assert answer["path"] == row["image"]
        assert answer["label"] == row["predicted"]
        assert answer["probabilities"]["cats"] == pytest.approx(float(row["p(cats)"]), abs=2e-6)


@pytest.fixture(scope="module")
def head_run(tmp_path_factory, coloured_photos):
    """A folder with runs/head, whose head was fitted to the features of a tiny backbone."""
    folder = tmp_path_factory.mktemp("head")
    coloured_photos(folder / "photos", {"cats": 20, "dogs": 16})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit_head_run(folder / "photos", "head")
    return folder


def test_a_head_is_scored_by_features_as_predict_answers(head_run, new_photos, run_command):
    command = ("evaluate.py", new_photos, "--weights", "runs/head", "--output")
    first, second = (run_command(head_run, *command, name) for name in ("one", "two"))
    assert first.returncode == second.returncode == 0, first.stderr
    assert "features: 16 photos computed, 0 known" in first.stderr
    assert "features: 0 photos computed, 16 known" in second.stderr
    assert "1 unreadable photos left out" in second.stderr
    names = {"confusion_matrix.png", "mistakes.png", "predictions.csv", "report.html", "scores.json"}
    assert {path.name for path in (head_run / "two").iterdir()} == names
    assert (head_run / "one/predictions.csv").read_bytes() == (head_run / "two/predictions.csv").read_bytes()
    rows = rows_of(head_run / "two/predictions.csv")
    process = run_command(head_run, "predict.py", *(row["image"] for row in rows), "--weights", "runs/head", "--json")
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == [row["image"] for row in rows]
    for row, answer in zip(rows, answers, strict=True):
        assert answer["probabilities"]["cats"] == pytest.approx(float(row["p(cats)"]), abs=1e-3)
    scores = json.loads((head_run / "two/scores.json").read_text())
    assert scores["correct"] == sum(row["label"] == answer["label"] for row, answer in zip(rows, answers, strict=True))
    assert list(scores["unreadable"]) == [str(new_photos / "dogs/broken.png")]


def test_a_head_is_scored_without_tensorflow_and_keras(head_run, new_photos):
    options = (new_photos, "--weights", "runs/head", "--no-cache", "--json", "--output", "quick")
    process = start_process(sys.executable, "-X", "importtime", ROOT / "evaluate.py", *options, folder=head_run)
    done = finish(process, 60)
    assert done.returncode == 0
    assert json.loads(done.stdout)["total"] == 16
    assert "features: 16 photos computed, 0 known" in done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "h5py" in imported
    assert not {"tensorflow", "keras"} & imported


@pytest.mark.slow
def test_moved_photos_have_no_known_features(head_run, new_photos, run_command):
    command = ("evaluate.py", new_photos, "--weights", "runs/head", "--json", "--output")
    still = run_command(head_run, *command, "still")
    moved = run_command(head_run, *command, "moved", "--shift", 5)
    assert moved.returncode == 0, moved.stderr
    assert "every image moved by 5 pixels" in moved.stderr
    assert json.loads(moved.stdout)["loss"] != pytest.approx(json.loads(still.stdout)["loss"], rel=1e-3)
    refused = run_command(head_run, *command, "no", "--shift", 5, "--no-cache")
    assert refused.returncode == 2
    assert "--no-cache: is for unmoved photos and a network on pretrained features; leave it out" in refused.stderr


def test_photos_that_a_head_was_fitted_to_are_left_out(head_run, run_command):
    process = run_command(head_run, "evaluate.py", "photos", "--weights", "runs/head", "--output", "seen")
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1] == (
        "evaluate.py: error: photos: no photo to score (0 unreadable, 36 seen in training); give new ones"
    )


def test_shift_moves_the_test_images_of_an_array_preset(tmp_path, run_command, tiny_arrays):
    train = run_command(tmp_path, "train.py", "mnist_dense", "--epochs", 1, DATASETS_DIR=str(tiny_arrays))
    assert train.returncode == 0, train.stderr
    totals = []
    for shift in ((), ("--shift", 4)):
        process = run_command(tmp_path, "evaluate.py", "mnist_dense", *shift, "--json", "--data-dir", tiny_arrays)
        assert process.returncode == 0, process.stderr
        totals.append(json.loads(process.stdout))
    metrics = json.loads((tmp_path / "runs/mnist_dense-1/metrics.json").read_text())
    assert totals[0]["accuracy"] == metrics["test"]["accuracy"]
    assert totals[1]["shift"] == 4
    assert totals[1]["total"] == 60
    assert not np.isclose(totals[0]["loss"], totals[1]["loss"])


def test_scores_are_kept_and_printed_if_no_picture_can_be_drawn(trained, new_photos, run_command, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('DLL load failed')")  # as where versions do not fit
    weights = trained[0] / "runs/first"
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    process = run_command(tmp_path, "evaluate.py", new_photos, "--weights", weights, "--output", "out", PYTHONPATH=path)
    assert process.returncode == 0, process.stderr
    assert "of 16 correct: " in process.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"predictions.csv", "report.html", "scores.json"}
    lines = [line for line in process.stderr.splitlines() if "could not be drawn" in line]
    assert [line.split(":")[0] for line in lines] == ["out/confusion_matrix.png", "out/mistakes.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder, and no preset with a test set of its own (fashion_mnist, cifar10, "),
        (["runs/first/model.tflite"], "model.tflite: is a file; give the folder that contains a folder for each class"),
        (["elephants_cars"], "elephants_cars: no such folder, and no preset with a test set"),
        (["strange"], "strange: has a class 'horses'; the network knows cats, dogs"),
        (["hollow"], "hollow: has no photo in a folder named cats or dogs; nothing to score"),
        (["photos", "--weights", "none.h5"], "none.h5: no such weights file"),
        (["mnist_cnn"], "--weights: no trained run of mnist_cnn below runs/"),
        (["photos", "--weights", "runs/first/model.tflite"], "model.tflite: only predict.py reads it"),
        (["mnist_cnn", "--weights", "runs/first"], "best.weights.h5: was not trained on mnist"),
    ],
)
def test_a_users_error_is_one_clear_line(trained, run_command, coloured_photos, tiny_arrays, arguments, message):
    folder, _ = trained
    if not (folder / "strange").exists():
        coloured_photos(folder / "strange", {"cats": 1, "horses": 1})
        (folder / "hollow/cats").mkdir(parents=True)
    process = run_command(folder, "evaluate.py", *arguments, DATASETS_DIR=str(tiny_arrays))
    assert process.returncode == 2
    assert process.stdout == ""
    assert message in process.stderr.splitlines()[-1]

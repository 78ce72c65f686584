"""`train.py FOLDER`, which fits a head to pretrained features: in a process of its own, on real files."""

import csv
import json
import re
import shutil

import pytest

from image_kit.weights import BEST, read_description
from tests.fixtures.heads import RUN_FILES, bytes_of

METRICS = {
    "epochs",
    "backbone",
    "cross_validation",
    "calibration",
    "test",
    "images",
    "unreadable",
    "look_alikes",
    "seconds",
}


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def answers_of(run):
    with open(run / "answers.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_run_with_exactly_these_files(heads):
    folder, process, _ = heads
    assert process.returncode == 0, process.stderr
    validated, weights = process.stdout.splitlines()
    assert re.fullmatch(r"cross-validation: 24 of 24 correct: 100\.0 % \(95 % interval \S+ to 100\.0\)", validated)
    assert weights == "weights: runs/first/best.weights.h5"
    assert {path.name for path in (folder / "runs/first").iterdir()} == RUN_FILES
    assert process.left == {"photos", "runs"}


def test_what_it_says_is_about_this_run(heads):
    assert heads[1].stderr.splitlines() == [
        "photos: a folder for each class; too few photos for a test part, so all are cross-validated",
        "left out, cannot be read: photos/cats/broken.jpg (not an image, or damaged)",
        "1 unreadable photos left out",
        "features: 24 photos computed, 0 known",
        "2 classes: cats, dogs",
        "train: 24 images (14 cats, 10 dogs)",
        "Writing to runs/first/",
    ]


def test_metrics_settings_and_answers_agree(heads):
    run = heads[0] / "runs/first"
    metrics, answers = metrics_of(run), answers_of(run)
    assert metrics.keys() == METRICS
    validated = metrics["cross_validation"]
    assert validated.keys() >= {"correct", "total", "accuracy", "interval", "loss", "classes", "confusion"}
    assert validated.keys() >= {"folds", "repeats", "repeat_accuracies", "groups", "strength"}
    assert (validated["folds"], validated["repeats"], validated["groups"]) == (5, 10, 24)
    assert metrics["backbone"].keys() == {"name", "identity", "source", "licence"}
    assert metrics["test"] is None
    assert metrics["images"] == {"train": 24}
    assert metrics["unreadable"] == {"photos/cats/broken.jpg": "not an image, or damaged"}
    assert metrics["calibration"].keys() == {"images", "temperature", "validation_ece_before", "validation_ece_after"}
    photos = [f"photos/cats/{number:03}.jpg" for number in range(14)]
    photos += [f"photos/dogs/{number:03}.jpg" for number in range(10)]
    assert [row["image"] for row in answers] == photos
    assert sum(row["label"] == row["predicted"] for row in answers) == validated["correct"]
    settings = json.loads((run / "settings.json").read_text())
    assert (settings["recipe"]["backbone"], settings["recipe"]["class_weights"]) == ("lite0", "balanced")
    environment = json.loads((run / "environment.json").read_text())
    assert environment.keys() == {"backbone", "began_with", "platform", "versions", "git"}
    assert environment["versions"].keys() >= {"ai-edge-litert", "numpy"}


NO_TENSORFLOW = """
import runpy, sys
sys.argv = ["train.py", "photos", "--run", "known"]
sys.path.insert(0, {root!r})
try:
    runpy.run_path({root!r} + "/train.py", run_name="__main__")
finally:
    print(sorted({{"tensorflow", "keras", "torch"}} & set(sys.modules)))
"""


def test_tensorflow_is_not_imported_and_known_features_give_the_same_bytes(
    heads, run_script, fit_here, monkeypatch, pytestconfig
):
    folder, _, cache = heads
    monkeypatch.setenv("IMAGE_CLASSIFICATION_KIT_CACHE", str(cache))
    known = run_script(folder, NO_TENSORFLOW.format(root=str(pytestconfig.rootpath)))
    assert known.returncode == 0, known.stderr
    assert known.stdout.splitlines()[-1] == "[]"
    assert "features: 0 photos computed, 24 known" in known.stderr
    _, _, err = fit_here(folder, "photos", "--run", "unkept", "--no-cache")
    assert "features: 24 photos computed, 0 known" in err
    ours, theirs = (bytes_of(folder / "runs" / name) for name in ("known", "unkept"))
    assert ours.keys() == RUN_FILES - {"metrics.json", "environment.json", "settings.json", "report.html"}
    assert ours == theirs
    assert ours[BEST] != bytes_of(folder / "runs/first")[BEST]  # of other weights and another seed


def test_no_cache_leaves_the_cache_empty(tmp_path, fit_here, coloured_photos, monkeypatch):
    coloured_photos(tmp_path / "photos", {"cats": 3, "dogs": 3})
    monkeypatch.setenv("IMAGE_CLASSIFICATION_KIT_CACHE", str(tmp_path / "cache"))
    status, out, err = fit_here(tmp_path, "photos", "--no-cache")
    assert status == 0, err
    assert "cross-validation: 6 of 6 correct" in out
    assert not (tmp_path / "cache/features").exists()


@pytest.mark.slow
def test_keras_reads_the_weights_and_every_command_answers(heads, run_command, run_script):
    folder, _, _ = heads
    code = """
import numpy as np
from image_kit.answering import load_classifier, KerasClassifier
from image_kit.weights import build_network, read_description
from pathlib import Path
run = Path("runs/first")
description = read_description(run / "best.weights.h5")
model = build_network(description.network, description.preprocessing.image_shape)
model.load_weights(run / "best.weights.h5")
photos = sorted(Path("photos").rglob("0*.jpg"))
images = np.stack([description.preprocessing.photo(path) for path in photos])
keras_says = np.asarray(model(description.preprocessing.batch(images), training=False))
lite = load_classifier(run / "model.tflite")
print(type(lite).__name__, float(np.abs(lite.uncalibrated(images) - keras_says).max()))
"""
    process = run_script(folder, code)
    name, difference = process.stdout.split()
    assert name == "LiteClassifier"
    assert float(difference) < 1e-4  # of probabilities, in float32 by two libraries
    photo = "photos/cats/000.jpg"
    answer = run_command(folder, "predict.py", photo, "--weights", "runs/first", "--json")
    assert json.loads(answer.stdout)["label"] == "cats", answer.stderr
    explained = run_command(folder, "predict.py", photo, "--weights", "runs/first", "--explain", "--output", "seen.png")
    assert explained.returncode == 0, explained.stderr
    assert list(folder.glob("seen*.png"))
    shutil.copytree(folder / "photos/dogs", folder / "new/dogs")
    (folder / "new/dogs/000.jpg").write_bytes((folder / "new/dogs/000.jpg").read_bytes() + b"\0")  # another hash
    scored = run_command(folder, "evaluate.py", "new", "--weights", "runs/first", "--json")
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["total"] == 1  # the others were trained on


@pytest.mark.slow
def test_a_test_part_is_scored_once_and_asked_about_by_nobody(tmp_path, run_command, coloured_photos):
    counts = {f"{part}/{name}": 6 for part in ("train", "val", "test") for name in ("cats", "dogs")}
    coloured_photos(tmp_path / "photos", counts)
    process = run_command(tmp_path, "train.py", "photos", "--run", "a")
    assert process.returncode == 0, process.stderr
    validated, tested, _ = process.stdout.splitlines()
    assert validated.startswith("cross-validation: 24 of 24 correct")
    assert tested.startswith("test: 12 of 12 correct: 100.0 % (95 % interval ")
    metrics = metrics_of(tmp_path / "runs/a")
    assert metrics["images"] == {"train": 24, "test": 12}
    assert metrics["test"]["total"] == 12
    assert {row["image"].split("/")[1] for row in answers_of(tmp_path / "runs/a")} == {"train", "val"}
    said = "photos: train/ val/ test/; all but the test photos are cross-validated"
    assert process.stderr.splitlines()[0] == said
    # The saved network answers the test photos as they were scored.
    scored = run_command(tmp_path, "evaluate.py", "photos", "--weights", "runs/a", "--json")
    assert json.loads(scored.stdout)["loss"] == pytest.approx(metrics["test"]["loss"], abs=1e-3)


def test_groups_keep_photos_together(tmp_path, fit_here, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 8, "dogs": 8})
    rows = [f"{name}/{number:03}.jpg,film {number // 2}" for name in ("cats", "dogs") for number in range(8)]
    (tmp_path / "films.csv").write_text("\n".join(["file,group", *rows]))
    status, _, err = fit_here(tmp_path, "photos", "--groups", "films.csv", "--run", "a")
    assert status == 0, err
    assert "groups: 4; the photos of a group stay together" in err
    validated = metrics_of(tmp_path / "runs/a")["cross_validation"]
    assert (validated["groups"], validated["folds"]) == (4, 4)
    status, _, err = fit_here(tmp_path, "--resume", "runs/a")
    assert status == 2
    assert err == "train.py: error: --resume: runs/a is complete; start a new run for other photos or options\n"
    status, _, err = fit_here(tmp_path, "--resume", "runs/a", "--epochs", "3")
    assert (status, err.count("\n")) == (2, 1)
    assert "--epochs: decides nothing about a head on pretrained features" in err


@pytest.mark.slow
def test_weights_and_seed_decide(tmp_path, fit_here, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 16, "dogs": 4})
    heads = {}
    for name, options in {"a": (), "seed": ("--seed", 1), "balanced": ("--class-weights", "balanced")}.items():
        status, _, err = fit_here(tmp_path, "photos", "--run", name, *options)
        assert status == 0, err
        heads[name] = bytes_of(tmp_path / "runs" / name)
    assert heads["a"][BEST] != heads["balanced"][BEST]
    assert heads["a"]["answers.csv"] != heads["seed"]["answers.csv"]  # other folds
    description = read_description(tmp_path / "runs/a" / BEST)
    assert description.class_names == ("cats", "dogs")
    assert 0 <= description.metrics["accuracy"] <= 1


@pytest.mark.slow
def test_by_name_and_without_photos_it_fits_drawings_and_says_so(tmp_path, run_command):
    process = run_command(tmp_path, "train.py", "pretrained", IMAGE_CLASSIFICATION_KIT_CACHE=str(tmp_path / "cache"))
    assert process.returncode == 0, process.stderr
    assert "DRAWINGS of elephants and cars in data/elephants_cars_demo/" in process.stderr
    validated, tested, weights = process.stdout.splitlines()
    assert validated.startswith("cross-validation (drawings): ")
    assert tested.startswith("test (drawings): ")
    assert weights == "weights: runs/pretrained_demo-1/best.weights.h5"

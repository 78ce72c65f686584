"""Runs that older versions of the kit wrote open for good, and answer as they did then; see tests/artifacts/README.md.

Probabilities may differ from the old ones by the rounding of float32 in another engine or processor: 1e-6 as measured,
1e-4 allowed. A wrong order of classes, image size or calibration moves them by tenths.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

import evaluate
import export
import image_kit
import predict
import train
from data import prepare
from image_kit import terminal
from image_kit.cache_folder import FOLDER_VARIABLE
from image_kit.errors import UserError
from image_kit.weights import read_description

KEPT = Path(__file__).parent / "artifacts"
COMMANDS = {"train": train, "evaluate": evaluate, "predict": predict, "export": export, "prepare": prepare}
# Class folders with the accents as one letter. The second run's classes have them apart, as macOS stores them; so
# its classes also come in another order.
FOLDERS = {"2-flat-modules": {"blue": "\u00e9t\u00e9", "red": "hiver"}}
OF_PHOTOS = ("1-first", "2-flat-modules", "4-head", "6-exports")
OF_ARRAYS = ("3-rooms", "5-seeds")


@pytest.fixture
def old(tmp_path):
    """`old(name)` copies a kept run to runs/, and what it was trained on to photos/ or arrays/; returns the run."""

    def copy(name: str) -> Path:
        shutil.copytree(KEPT / name, tmp_path / "runs" / name)
        for folder in (KEPT / "photos").iterdir():
            shutil.copytree(folder, tmp_path / "photos" / FOLDERS.get(name, {}).get(folder.name, folder.name))
        (tmp_path / "arrays").mkdir()
        shutil.copy(KEPT / "mnist.npz", tmp_path / "arrays")
        return tmp_path / "runs" / name

    return copy


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """`here("predict", ...)` runs a command in this process, beside runs/; returns exit status, stdout and stderr."""

    def run(command: str, *arguments) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{command}.py", *map(str, arguments)])
        status = 0
        try:
            terminal.run(COMMANDS[command].main)
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return run


def answers_of(name):
    """What the old code answered to the first four photos of each class, or to the first three test images."""
    return [json.loads(line) for line in (KEPT / name / "answers.jsonl").read_text().splitlines()]


def check_same(answers, expected):
    """`answers` and `expected` are objects as predict.py --json prints them."""
    assert len(answers) == len(expected)
    for now, then in zip(answers, expected, strict=True):
        assert now["label"] == then["label"]
        assert now["probabilities"] == pytest.approx(then["probabilities"], abs=1e-4)
        assert sorted(now["prediction_set"] or []) == sorted(then.get("prediction_set") or [])


def photos_of(name):
    """The photos of `answers_of`, in its order, relative to the folder of `here`."""
    names = FOLDERS.get(name, {})
    return [f"photos/{names.get(each, each)}/{number:02}.png" for each in ("blue", "red") for number in range(4)]


@pytest.mark.parametrize("name", OF_PHOTOS)
def test_predict_answers_photos_as_then(old, here, name):
    old(name)
    status, out, err = here("predict", *photos_of(name), "--weights", f"runs/{name}", "--json")
    assert status == 0, err
    check_same([json.loads(line) for line in out.splitlines()], answers_of(name))


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_predict_answers_test_images_as_then(old, here, name):
    old(name)
    answers = []
    for number in range(3):
        status, out, err = here(
            *("predict", "--test-image", number, "--data-dir", "arrays", "--weights", f"runs/{name}", "--json")
        )
        assert status == 0, err
        answers.append(json.loads(out))
    check_same(answers, answers_of(name))


@pytest.mark.parametrize("name", ["4-head", "6-exports"])
def test_a_program_gets_the_same_answers(old, tmp_path, name):
    with image_kit.load(old(name)) as classifier:
        answers = list(classifier.predict([tmp_path / photo for photo in photos_of(name)]))
    for now, then in zip(answers, answers_of(name), strict=True):
        assert (now.label, now.probability) == (then["label"], pytest.approx(then["probability"], abs=1e-4))


@pytest.mark.parametrize("name", ["1-first", "2-flat-modules"])
def test_a_program_is_told_which_files_only_the_commands_can_use(old, tmp_path, monkeypatch, name):
    """The functions of models.py belong to the commands; a program can use what they have once put into the cache."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "empty"))
    with pytest.raises(
        UserError, match=r"names its network, mnist_cnn, but does not contain it .* use it with predict"
    ):
        image_kit.load(old(name)).predict(KEPT / "photos/red/00.png")


@pytest.mark.parametrize("name", ["1-first", "2-flat-modules", *OF_ARRAYS])
def test_evaluate_scores_as_then(old, here, name):
    run = old(name)
    images = ("mnist_cnn", "--data-dir", "arrays") if name in OF_ARRAYS else ("photos",)
    status, out, err = here("evaluate", *images, "--weights", f"runs/{name}", "--json")
    assert status == 0, err
    now = json.loads(out)
    if name == "5-seeds":
        (then,) = (json.loads((run / "summary.json").read_text())["scores"]["test"]["mean"],)
        assert (now["accuracy"], now["total"]) == (then, 20)
        return
    then = json.loads((run / "metrics.json").read_text())["test"]
    assert (now["correct"], now["total"], now["confusion"]) == (then["correct"], then["total"], then["confusion"])
    assert now["loss"] == pytest.approx(then["loss"], abs=1e-3)


def test_evaluate_lists_them(here, tmp_path):
    for name in (*OF_PHOTOS, *OF_ARRAYS):
        shutil.copytree(KEPT / name, tmp_path / "runs" / name)
    status, out, _ = here("evaluate", "--list")
    listed = [line.split()[0] for line in out.splitlines()[1:]]
    assert (status, listed) == (0, [f"runs/{name}" for name in sorted((*OF_PHOTOS, *OF_ARRAYS))])


@pytest.mark.parametrize("name", ["4-head", "6-exports"])
def test_evaluate_knows_what_heads_were_fitted_to(old, here, name):
    old(name)
    status, _, err = here("evaluate", "photos", "--weights", f"runs/{name}")
    assert (status, "60 seen in training" in err) == (2, True), err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["1-first", "2-flat-modules"])
def test_they_are_resumed(old, here, name):
    """With photos that have moved, and, in the second run, classes whose names are stored otherwise now."""
    run = old(name)
    before = read_description(run / "last.weights.h5")
    status, out, err = here("train", "photos", "--resume", f"runs/{name}", "--epochs", before.epoch + 1)
    assert status == 0, err
    assert "7 of 7 correct" in out
    after = read_description(run / "last.weights.h5")
    assert (after.class_names, after.epoch) == (before.class_names, before.epoch + 1)
    assert len((run / "history.csv").read_text().splitlines()) == 1 + after.epoch
    # The validation photos are told apart as before: the last weights belong to these labels.
    assert json.loads((run / "metrics.json").read_text())["validation"]["accuracy"] == 1


@pytest.mark.parametrize("name", ["4-head", "5-seeds", "6-exports"])
def test_complete_runs_say_so(old, here, name):
    old(name)
    status, _, err = here("train", "--resume", f"runs/{name}")
    assert (status, f"runs/{name} is complete" in err or "no such folder" in err) == (2, True), err


@pytest.mark.parametrize("name", [*OF_PHOTOS, *OF_ARRAYS])
def test_they_are_exported(old, here, tmp_path, name):
    run = old(name)
    where = tmp_path / ("arrays" if name in OF_ARRAYS else "photos")
    status, out, err = here("export", f"runs/{name}", "--to", "tflite", "--data", where)
    assert status == 0, err
    assert "no answer changed" in out
    record = json.loads((run / "exports/export.json").read_text())["exports"]
    assert record[f"{name}.tflite"]["accuracy"] == 1
    # What was exported before stays on the record.
    assert name != "6-exports" or {"tiny.tflite", "tiny.onnx", "tiny-int8.tflite"} < set(record)


def test_fast_answers_come_from_the_file_that_was_kept(old, here):
    run = old("6-exports")
    small = (run / "model-int8.tflite").read_bytes()
    status, out, err = here("predict", *photos_of("6-exports"), "--weights", "runs/6-exports", "--fast", "--json")
    assert (status, "made ready" in err) == (0, False), err
    answers = [json.loads(line) for line in out.splitlines()]
    # 8-bit numbers: the proof in that file says that no probability moves by more than .0009.
    for now, then in zip(answers, answers_of("6-exports"), strict=True):
        assert now["probability"] == pytest.approx(then["probability"], abs=2e-3)
    assert (run / "model-int8.tflite").read_bytes() == small


def test_kept_features_are_read(old, here, tmp_path, monkeypatch):
    run = old("4-head")
    monkeypatch.setenv(FOLDER_VARIABLE, str(run / "cache"))
    shutil.copy(KEPT / "backbone.keras", tmp_path)
    status, _, err = here("train", "photos", "--backbone", "backbone.keras", "--run", "new")
    assert (status, "features: 0 photos computed, 60 known" in err) == (0, True), err


def test_accepted_findings_are_applied(old, here, tmp_path):
    run = old("5-seeds")
    shutil.copy(KEPT / "photos/blue/03.png", tmp_path / "photos/red/90.png")
    header, drop, *_ = (run / "findings.csv").read_text(encoding="utf-8-sig").splitlines()
    (run / "findings.csv").write_text(f"{header}\n{drop}yes\n", encoding="utf-8-sig")
    status, _, err = here("prepare", "apply", "runs/5-seeds/findings.csv", "--photos", "photos", "--output", "cleaned")
    assert status == 0, err
    assert len(list((tmp_path / "cleaned").glob("*/*.png"))) == 60
    assert not (tmp_path / "cleaned/red/90.png").exists()

"""predict.py run as a user runs it."""

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import models
from image_kit.weights import saving
from tests.fixtures.networks import fallback

ROOT = Path(__file__).resolve().parents[1]
SAID = "weights: runs/first/best.weights.h5\n"  # on stderr


@pytest.fixture(scope="module")
def red(trained):
    path = trained[0] / "red photo.png"
    Image.fromarray(np.full((50, 70, 3), (220, 40, 40), np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def new_cat(trained, coloured_photos):
    return coloured_photos(trained[0] / "new cats", {"cats": 1}, seed=9) / "cats/000.jpg"


def test_classes_are_printed_best_first(trained, red, run_command):
    process = run_command(trained[0], "predict.py", red)
    assert process.returncode == 0, process.stderr
    assert process.stderr == SAID
    name, first, second = process.stdout.splitlines()
    assert name == f"{red}: cats"
    assert first.split()[0] == "cats"
    probabilities = [float(line.split()[1].rstrip("%")) for line in (first, second)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(100, abs=0.11)


def test_an_unreadable_photo_is_named_and_the_others_are_answered(trained, red, run_command):
    process = run_command(trained[0], "predict.py", "none.jpg", "photos/cats/broken.jpg", red, "--json")
    assert process.returncode == 1
    missing, broken, good = map(json.loads, process.stdout.splitlines())
    nothing = {"label": None, "probability": None, "probabilities": None, "prediction_set": None}
    assert missing == {"path": "none.jpg", **nothing, "error": "no such file"}
    assert broken == {"path": "photos/cats/broken.jpg", **nothing, "error": "not an image, or damaged"}
    assert good["label"] == "cats"
    assert "none.jpg: cannot be read: no such file" in process.stderr


def test_photos_that_are_nearly_black_or_have_pages_are_told(trained, run_command, tmp_path):
    dark, first = tmp_path / "dark.png", Image.fromarray(np.full((9, 9), 60, np.uint8))
    Image.fromarray(np.full((9, 9), 4_095, np.uint16)).save(dark)
    first.save(tmp_path / "pages.tif", save_all=True, append_images=[first])
    process = run_command(trained[0], "predict.py", tmp_path)
    assert process.returncode == 0
    for said in (
        f"photos of 16 bits, such as {dark}, use samples up to 4,095 of 65,535",
        "pages.tif have several pages",
    ):
        assert said in process.stderr
    assert "--sample-bits" not in process.stderr  # which predict.py has not


def test_at_a_coverage_that_the_images_allow_it_commits_itself_or_refuses(trained, red, new_cat, run_command):
    process = run_command(trained[0], "predict.py", red, new_cat, "--coverage", 0.5, "--json")
    assert process.stderr == SAID
    flat, cat = map(json.loads, process.stdout.splitlines())
    assert (flat["label"], flat["prediction_set"]) == ("cats", [])
    assert (cat["label"], cat["prediction_set"]) == ("cats", ["cats"])
    process = run_command(trained[0], "predict.py", red, "--coverage", 0.5)
    assert process.stdout.startswith(f"{red}: neither: unlike the photos it was trained on\n")


def test_too_few_images_for_a_coverage_are_reported_and_leave_no_class_out(trained, red, run_command):
    count = json.loads((trained[0] / "runs/first/metrics.json").read_text())["images"]["validation"]
    process = run_command(trained[0], "predict.py", red, "--coverage", 0.99)
    note = f"--coverage 0.99: {count} validation images are too few, so any class may be the right one\n"
    assert process.stderr == SAID + note
    assert process.stdout.startswith(f"{red}: cats or dogs\n")


@pytest.mark.parametrize("coverage", ["0.49", "1", "nan"])
def test_a_coverage_out_of_range_is_refused(trained, red, run_command, coverage):
    process = run_command(trained[0], "predict.py", red, "--coverage", coverage)
    assert process.returncode == 2
    message = f"predict.py: error: --coverage: must be from 0.5 to 0.999, received {float(coverage):g}\n"
    assert process.stderr == message


def test_weights_without_calibration_say_so_and_give_no_set(trained, red, run_command):
    process = run_command(trained[0], "predict.py", red, "--json", "--weights", "runs/first/last.weights.h5")
    assert (
        process.stderr.count("not calibrated: probabilities are as the network gives them, and no prediction set") == 1
    )
    assert json.loads(process.stdout)["prediction_set"] is None


def test_without_a_run_it_says_what_to_do(tmp_path, run_command):
    process = run_command(tmp_path, "predict.py", "photo.jpg")
    assert process.returncode == 2
    first = f"train one (python {shlex.quote(str(ROOT / 'train.py'))})"
    message = f"predict.py: error: --weights: no trained run below runs/; {first} or give a weights file"
    assert process.stderr == f"{message}\n"


def test_a_folder_a_pattern_and_csv(trained, red, run_command):
    process = run_command(trained[0], "predict.py", "photos", "red*.png", "--csv", "--top", "1")
    assert process.returncode == 1
    rows = list(csv.DictReader(process.stdout.splitlines()))
    assert len(rows) == 50 + 40 + 1 + 1  # broken.jpg too
    right = [row["label"] == Path(row["path"]).parent.name for row in rows[:-1]]
    assert sum(right) > 80
    assert (rows[-1]["path"], rows[-1]["label"]) == ("red photo.png", "cats")
    assert [len(json.loads(row["probabilities"] or "{}")) for row in rows].count(1) == 91
    assert process.stderr.splitlines()[1:] == ["photos/cats/broken.jpg: cannot be read: not an image, or damaged"]


def test_a_list_and_an_image_on_standard_input(trained, red):
    command = [sys.executable, str(ROOT / "predict.py"), "-", "--json"]
    for content, path in ((b"red photo.png\n", "red photo.png"), (red.read_bytes(), "-")):
        process = subprocess.run(command, cwd=trained[0], input=content, capture_output=True, timeout=60, check=False)
        assert process.returncode == 0, process.stderr
        (line,) = process.stdout.splitlines()
        assert (json.loads(line)["path"], json.loads(line)["label"]) == (path, "cats")


def test_on_a_terminal_many_photos_are_a_table(trained, red):
    reader, writer = os.openpty()
    command = [sys.executable, str(ROOT / "predict.py"), red.name, "photos/dogs/000.jpg"]
    subprocess.run(command, cwd=trained[0], stdout=writer, stderr=subprocess.PIPE, timeout=60, check=True)
    os.close(writer)
    first, second = os.read(reader, 10_000).decode().splitlines()
    assert re.fullmatch(r"red photo\.png {8,}\d+\.\d% cats +\d+\.\d% dogs", first)
    assert re.fullmatch(r"photos/dogs/000\.jpg +\d+\.\d% dogs +\d+\.\d% cats", second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top", "0"], "predict.py: error: --top: must be 1 or more, received 0"),
        (["--weights", "none.h5"], "predict.py: error: none.h5: no such weights file; give a .h5 file, or train one"),
        (["--weights", "red photo.png"], "predict.py: error: red photo.png: is a picture; give a weights file"),
        (
            ["--output", "a.png"],
            "predict.py: error: --output: a.png is for the picture of --show or --explain; add one",
        ),
        (["--show", "--output", "a.jpg"], "predict.py: error: --output: must end in .png, received a.jpg"),
        (["--show", "--output", "red photo.png"], "predict.py: error: --output: red photo.png exists and is never"),
        (
            ["--explain", "--weights", "runs/first/model.tflite"],
            "predict.py: error: runs/first/model.tflite: only pre",
        ),
        (["--test-image", "3"], "predict.py: error: --test-image: is for networks trained on fashion_mnist, cifar10"),
        (["--json", "--csv"], "predict.py: error: argument --csv: not allowed with argument --json"),
    ],
)
def test_a_wrong_option_is_one_line(trained, red, run_command, arguments, message):
    process = run_command(trained[0], "predict.py", red, *arguments)
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in process.stderr


def test_without_a_photo_it_says_what_to_give(tmp_path, run_command):
    process = run_command(tmp_path, "predict.py")
    assert process.returncode == 2
    message = "PHOTO: give one or more files, folders or patterns, - for standard input, or --test-image N"
    assert process.stderr == f"predict.py: error: {message}\n"


def test_show_saves_a_picture_in_a_new_file(trained, red, run_command, tmp_path):
    arguments = ("predict.py", red, "none.jpg", "--show", "--weights", trained[0] / "runs/first/model.tflite")
    for number in (1, 2):
        process = run_command(tmp_path, *arguments)
        assert process.returncode == 1
        assert process.stderr.splitlines()[-1] == f"Picture: predictions/answers-{number}.png"
        assert process.stdout.splitlines()[0] == f"{red}: cats"
    pixels = np.asarray(Image.open(tmp_path / "predictions/answers-2.png")).reshape(-1, 3)
    assert (pixels == (220, 40, 40)).all(axis=1).any()
    assert {path.name for path in tmp_path.rglob("*")} == {"predictions", "answers-1.png", "answers-2.png"}


@pytest.mark.slow
def test_explain_adds_heat_maps(trained, red, run_command, tmp_path):
    weights = trained[0] / "runs/first/best.weights.h5"
    process = run_command(tmp_path, "predict.py", red, "--explain", "--output", "why.png", "--weights", weights)
    assert process.returncode == 0, process.stderr
    assert process.stderr == f"weights: {weights}\nPicture: why.png\n"
    assert process.stdout.splitlines()[1].split()[0] == "cats"
    assert [path.name for path in tmp_path.iterdir()] == ["why.png"]


@pytest.mark.slow
def test_what_cannot_be_explained_is_refused_before_the_first_answer(red, run_command, tmp_path):
    weights = tmp_path / "dense.weights.h5"
    saving.save_weights(
        models.mnist_dense((28, 28, 1)), weights, fallback("mnist_dense").describe_preset(), np.empty(0, np.uint64)
    )
    process = run_command(tmp_path, "predict.py", red, "--explain", "--csv", "--weights", weights)
    assert (process.returncode, process.stdout) == (2, "")
    message = "--explain: mnist_dense has no convolution, so there is no heat map; leave the option out"
    assert process.stderr.splitlines()[-1] == f"predict.py: error: {message}"


@pytest.mark.slow
def test_an_array_preset_answers_its_test_images_and_photos(tmp_path, tiny_arrays, run_command):
    model = models.fashion_mnist((28, 28, 1))
    saving.save_weights(
        model, tmp_path / "a.weights.h5", fallback("fashion_mnist").describe_preset(), np.empty(0, np.uint64)
    )
    Image.fromarray(np.full((90, 60), 250, np.uint8)).save(tmp_path / "white.png")
    Image.fromarray(np.full((90, 60), 10, np.uint8)).save(tmp_path / "black.png")
    photos = ("white.png", "black.png", "--test-image", "12")
    process = run_command(
        tmp_path, "predict.py", *photos, "--data-dir", tiny_arrays, "--weights", "a.weights.h5", "--top", "2"
    )
    assert process.returncode == 0, process.stderr
    names = [line for line in process.stdout.splitlines() if not line.startswith(" ")]
    assert names == ["white.png:", "black.png:", "fashion_mnist test 12 (Pullover):"]
    assert len(process.stdout.splitlines()) == 3 * 3
    assert process.stderr.splitlines()[1:] == [
        "weights: a.weights.h5",
        "not calibrated: probabilities are as the network gives them, and no prediction set is known",
        "white.png: looks inverted: fashion_mnist has light things on black; invert it and ask again",
        "Picture: predictions/answers-1.png",
    ]


def test_a_prediction_waits_for_no_library_that_it_does_not_need(trained, red):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import predict
from image_kit import terminal as command_line
sys.argv = ["predict.py", *sys.argv[1:]]
command_line.run(predict.main)
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    command = [sys.executable, "-c", code, str(red), "--weights", "runs/first"]
    process = subprocess.run(command, cwd=trained[0], capture_output=True, text=True, timeout=60, check=False)
    assert process.stderr == SAID
    loaded = set(process.stdout.splitlines()[-1].split())
    assert {"ai_edge_litert", "numpy", "PIL"} <= loaded
    heavy = {"tensorflow", "keras", "matplotlib", "scipy", "pandas", "h5py", "cv2", "simplejpeg", "tqdm"}
    heavy |= {"concurrent", "email", "secrets"}
    assert loaded & heavy == set()


def test_fast_gives_the_same_classes_and_is_made_once(trained, red, new_cat, run_command):
    exact = run_command(trained[0], "predict.py", red, new_cat, "--json")
    first, second = (run_command(trained[0], "predict.py", red, new_cat, "--json", "--fast") for _ in range(2))
    made = trained[0] / "runs/first/model-int8.tflite"
    try:
        assert made.is_file(), first.stderr
        assert first.stdout == second.stdout
        assert second.stderr == SAID
        for expected, received in zip(exact.stdout.splitlines(), first.stdout.splitlines(), strict=True):
            one, other = json.loads(expected), json.loads(received)
            assert one.keys() == other.keys()
            assert one["label"] == other["label"]
            assert one["probability"] == pytest.approx(other["probability"], abs=0.05)
    finally:
        made.unlink(missing_ok=True)


def test_fast_answers_cannot_be_explained(trained, red, run_command):
    process = run_command(trained[0], "predict.py", red, "--fast", "--explain")
    assert process.returncode == 2
    assert process.stderr.startswith("predict.py: error: --fast: cannot be explained")

"""predict.py run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_at_a_coverage_that_the_images_allow_it_commits_itself_or_refuses(trained, red, new_cat, run_command):
    process = run_command(trained[0], "predict.py", red, new_cat, "--coverage", 0.5, "--json")
    assert process.stderr == SAID
    flat, cat = map(json.loads, process.stdout.splitlines())
    assert (flat["label"], flat["prediction_set"]) == ("cats", [])
    assert (cat["label"], cat["prediction_set"]) == ("cats", ["cats"])
    process = run_command(trained[0], "predict.py", red, "--coverage", 0.5)
    assert process.stdout.startswith(f"{red}: neither: unlike the photos it was trained on\n")


def test_a_coverage_that_the_images_are_too_few_for_is_said_and_leaves_no_class_out(trained, red, run_command):
    count = json.loads((trained[0] / "runs/first/metrics.json").read_text())["images"]["validation"]
    process = run_command(trained[0], "predict.py", red, "--coverage", 0.99)
    note = f"--coverage 0.99: {count} validation images are too few for it, so any class may be the right one\n"
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
    message = (
        "predict.py: error: --weights: no trained run below runs/; train one (python train.py) or give a weights file"
    )
    assert process.stderr == f"{message}\n"


def test_a_prediction_waits_for_no_library_that_it_does_not_need(trained, red):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import command_line, predict
sys.argv = ["predict.py", *sys.argv[1:]]
command_line.run(predict.main)
print(*sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    command = [sys.executable, "-c", code, str(red), "--weights", "runs/first"]
    process = subprocess.run(command, cwd=trained[0], capture_output=True, text=True, timeout=60, check=False)
    assert process.stderr == SAID
    loaded = set(process.stdout.splitlines()[-1].split())
    assert {"ai_edge_litert", "numpy", "PIL"} <= loaded
    heavy = {"tensorflow", "keras", "matplotlib", "scipy", "pandas", "h5py", "cv2", "tqdm", "concurrent", "email"}
    assert loaded & heavy == set()

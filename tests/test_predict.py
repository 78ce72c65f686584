"""predict.py run as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def red(trained):
    path = trained[0] / "red photo.png"
    Image.fromarray(np.full((50, 70, 3), (220, 40, 40), np.uint8)).save(path)
    return path


def test_classes_are_printed_best_first(trained, red, run_command):
    process = run_command(trained[0], "predict.py", red)
    assert process.returncode == 0, process.stderr
    assert process.stderr == "weights: runs/first/best.weights.h5\n"
    name, first, second = process.stdout.splitlines()
    assert name == f"{red}:"
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
    assert process.stderr == "weights: runs/first/best.weights.h5\n"
    loaded = set(process.stdout.splitlines()[-1].split())
    assert {"ai_edge_litert", "numpy", "PIL"} <= loaded
    heavy = {"tensorflow", "keras", "matplotlib", "scipy", "pandas", "h5py", "cv2", "tqdm", "concurrent", "email"}
    assert loaded & heavy == set()

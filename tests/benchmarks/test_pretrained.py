"""benchmarks/pretrained.py on tiny photos made here: its parts run and print their tables.

Not speed and answering, which start commands only and take half a minute.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
COUNT = 12  # photos of each class, two from each sender: enough for folds within folds
TINY = ["--rounds", "1", "--starts", "1", "--seeds", "1", "--photos", "60", "--few", "2"]
# Part -> how its rows begin.
ROWS = {
    "accuracy": ["clothing, lite0, the default", "fruit, validation part", "clothing, 2 photos of each class"],
    "trust": [
        "clothing: answers with the right class",
        "clothing: near strangers, a class left out, refused, 3% of own",
    ],
    "memory": ["`train.py`, 60 photos, features known, s"],
    "fruit-test": ["fruit, the authors' test part"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photos of plain colours with noise, a colour for each class, in the folders that the benchmark reads."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    classes = {
        "clothing": ("dress", "hat", "shirt"),
        "photos": ("cars", "elephants"),
        **{f"fruit/{part}": ("apple", "pear") for part in ("train", "validation", "test")},
    }
    senders = ["file,sender"]
    for source, names in classes.items():
        for name in names:
            (folder / source / name).mkdir(parents=True)
            colour = rng.integers(40, 216, 3)
            for number in range(COUNT):
                image = (colour + rng.integers(-40, 40, (24, 32, 3))).astype(np.uint8)
                Image.fromarray(image).save(folder / source / name / f"{number}.jpg")
                if source == "clothing":
                    senders.append(f"{name}/{number}.jpg,{number // 2}")
    (folder / "clothing_senders.csv").write_text("\n".join(senders))
    images = {part: rng.integers(0, 256, (20, 32, 32, 3), np.uint8) for part in ("x_train", "x_test")}
    labels = {part: np.arange(20, dtype=np.uint8)[:, None] % 10 for part in ("y_train", "y_test")}
    np.savez(folder / "cifar10.npz", **images, **labels)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("part", ROWS)
def test_tiny_part(data, tmp_path, part):
    done = measure(part, data, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"### {part}: " in done.stdout
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in table if not line.startswith("|---")} == {6}
    for start in ROWS[part]:
        (row,) = (line for line in table if line.startswith(f"| {start} |"))
        assert re.match(r"\d+(\.\d+)?", row.split(" | ")[1])


def test_the_test_part_of_fruit_must_be_named_alone(tmp_path):
    done = measure("fruit-test accuracy", tmp_path, tmp_path)
    assert done.returncode == 2
    assert "name it alone" in done.stderr


def measure(parts: str, data: Path, folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "benchmarks/pretrained.py"), *parts.split(), "--data", str(data), *TINY]
    variables = {**os.environ, "IMAGE_CLASSIFICATION_KIT_CACHE": str(folder / "cache")}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=variables, timeout=400, check=False)

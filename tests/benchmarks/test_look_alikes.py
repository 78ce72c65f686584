"""benchmarks/look_alikes.py in its smallest form: on a folder, and on a data set with a picture."""

import re

import numpy as np
import pytest
from PIL import Image


@pytest.mark.slow
def test_on_a_folder(run_python, coloured_photos, tmp_path):
    coloured_photos(tmp_path / "photos", {"cats": 3, "dogs": 2})
    (tmp_path / "photos/dogs/broken.jpg").write_bytes(b"no photo")
    done = run_python("benchmarks/look_alikes.py", tmp_path / "photos")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("broken.jpg: left out: not an image, or damaged\n")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("5 photos; ")
    rows = [line for line in lines if re.fullmatch(r"\| [a-z0-9 %]+ \| \d\.\d{3} \| \d\.\d{3} \| \d\.\d{3} \|", line)]
    assert len(rows) == 10
    assert rows[0] == "| the same | 0.000 | 0.000 | 0.000 |"
    assert len([line for line in lines if re.match(r"\d\.\d{3} .*\.jpg .*\.jpg$", line)]) == 5


@pytest.mark.slow
def test_on_a_data_set(run_python, tiny_arrays, tmp_path):
    with np.load(tiny_arrays / "cifar10.npz") as arrays:
        twins = {"x_test": np.concatenate([arrays["x_train"][:5], arrays["x_test"][5:]])}
        np.savez(tmp_path / "cifar10.npz", **{**arrays, **twins})
    done = run_python("benchmarks/look_alikes.py", "cifar10", "--data-dir", tmp_path, "--picture", tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "5 of 60 test images of cifar10 look like one of 200 training images"
    assert re.fullmatch(
        r"half of 200 training images differ from a tenth of the others by less than \d\.\d\d \(.*\)", second
    )
    Image.open(tmp_path / "a.png").load()


@pytest.mark.slow
def test_an_unknown_data_set_and_too_few_photos_give_one_line(run_python, photo_tree, tmp_path):
    photo_tree(tmp_path / "one", {"cats": 1, "dogs": 0})
    for what, message in (
        ("cifar11", "cifar11: no such folder"),
        ("one", "has 1 photos in class folders; give a folder"),
    ):
        done = run_python("benchmarks/look_alikes.py", tmp_path / what)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1

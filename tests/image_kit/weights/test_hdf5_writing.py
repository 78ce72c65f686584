"""Weights that do not fit on the disk: one line with the file and the cause, and nothing is left."""

import sys

import pytest

CODE = """
import resource, sys
from pathlib import Path
import numpy as np
from image_kit.photos import Preprocessing
from image_kit.weights import Description, save_network
dense = {"class": "Dense", "units": 2, "activation": "softmax", "use_bias": True}
network = [{"class": "Flatten", "data_format": "channels_last"}, dense]
weights = [[], [np.zeros((300 * 300 * 3, 2), np.float32), np.zeros(2, np.float32)]]
description = Description("own", ("a", "b"), Preprocessing((300, 300, 3)), network=network)
resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, MOST))
try:
    save_network(Path("a.weights.h5"), description, weights, np.empty(0, np.uint64))
except OSError as error:
    print(f"{error.filename}: {error.strerror}")
print([path.name for path in Path().iterdir()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("limit", [0, 2_159_000])
def test_a_full_disk_is_one_line(tmp_path, run_script, limit):
    process = run_script(tmp_path, CODE.replace("MOST", str(limit)))
    assert process.stdout == "a.weights.h5: File too large\n[]\n", process.stderr
    assert process.returncode == 0
    assert process.stderr == ""


KERAS = """
import resource
from pathlib import Path
import keras
import numpy as np
from image_kit.photos import Preprocessing
from image_kit.weights import Description, save_weights
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
described = Description("own", ("a", "b"), Preprocessing((8, 8, 3))), np.empty(0, np.uint64)
path = Path("a.weights.h5")
save_weights(model, path, *described)
before = path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 1,) * 2)
try:
    save_weights(model, path, *described)
except OSError as error:
    print(f"{error.filename}: {error.strerror}")
print([each.name for each in Path().iterdir()], path.read_bytes() == before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_network_of_keras_on_a_full_disk_keeps_the_earlier_file_and_python_ends_well(tmp_path, run_script):
    process = run_script(tmp_path, KERAS)
    assert process.stdout == "a.weights.h5: File too large\n['a.weights.h5'] True\n", process.stderr
    assert process.returncode == 0  # HDF5 itself crashes when Python ends after a write that failed
    assert "Traceback" not in process.stderr

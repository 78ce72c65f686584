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

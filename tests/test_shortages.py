"""Commands that have too little of something: one line says so, and the result is the same where there is enough."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from image_kit import errors

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
MIB = 2**20


def run_limited(limit, value, command, *arguments, cwd):
    """Run a command with a limit of the kernel's; returns its exit status, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, ROOT / command, *map(str, arguments)],
        cwd=cwd,
        # One thread of OpenBLAS: each one maps address space.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(limit, (value, value)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_too_little_memory_is_one_line_and_leaves_nothing(tmp_path, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 4, "dogs": 4})
    before = sorted(tmp_path.rglob("*"))
    # Enough for Python and NumPy, too little for the libraries that a training loads after them.
    status, out, err = run_limited(resource.RLIMIT_AS, 450 * MIB, "train.py", "photos", "--run", "small", cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == f"train.py: error: {errors.OUT_OF_MEMORY}"
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_forty_open_files_are_enough(tmp_path, coloured_photos):
    coloured_photos(tmp_path / "photos", {"cats": 30, "dogs": 30})
    status, _, err = run_limited(resource.RLIMIT_NOFILE, 40, "train.py", "photos", "--run", "files", cwd=tmp_path)
    assert status == 0, err
    asked = ("photos", "--weights", "runs/files", "--csv")
    status, out, err = run_limited(resource.RLIMIT_NOFILE, 40, "predict.py", *asked, cwd=tmp_path)
    assert status == 0, err
    assert len(out.splitlines()) == 1 + 60


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (MemoryError(), errors.OUT_OF_MEMORY),
        (OSError(12, "Cannot allocate memory"), errors.OUT_OF_MEMORY),
        (ImportError("cv2.abi3.so: failed to map segment from shared object"), errors.OUT_OF_MEMORY),
        (RuntimeError("can't start new thread"), errors.OUT_OF_THREADS),
        (BlockingIOError(11, "Resource temporarily unavailable"), errors.OUT_OF_THREADS),
        (OSError(24, "Too many open files"), errors.OUT_OF_FILES),
        (OSError(28, "No space left on device"), None),
        (ValueError("shapes do not match"), None),
    ],
    ids=str,
)
def test_what_is_short_is_named_also_behind_another_error(error, named):
    assert errors.name_shortage(error) == named
    behind = RuntimeError("the last error")
    behind.__cause__ = error
    assert errors.name_shortage(behind) == named


def test_an_error_that_is_its_own_cause_has_an_end():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert errors.name_shortage(first) is None
